"""A model cache's decision: config, volume, download, and what undoes an artifact that was there."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aimctrl.aim.cache.model_cache_decide import decide
from aimctrl.kube.lookup import Found, Missing, Unreachable
from unit.aim.cache.samples import (
    LAZY,
    NO_CONFIG,
    NOW,
    available,
    claim,
    condition,
    config,
    does,
    job,
    model_cache,
    outcome,
    pod,
    record,
    refusing,
    said,
    seen,
    storage_class,
    told,
    view,
)

DELETED = {"deletionTimestamp": "2030-01-01T11:59:00Z"}
CREATE_PVC, CREATE_JOB = "create PersistentVolumeClaim llama-cache", "create Job llama-cache-download"
REMOVE_JOB = "remove Job llama-cache-download"
PENDING, FAILED, PROGRESSING = "Pending", "Failed", "Progressing"


@pytest.mark.parametrize(
    ("parts", "state", "storage", "actions"),
    [
        pytest.param(
            {"config": NO_CONFIG, "claim": None},
            (FAILED, "RuntimeConfigMissing"), ("False", "RuntimeConfigMissing"), [],
            id="runtime-config-missing",
        ),
        pytest.param(
            {"config": Unreachable("no"), "claim": None},
            (PENDING, "RuntimeConfigMissing"), ("False", "RuntimeConfigMissing"), [],
            id="runtime-config-not-known-yet",
        ),
        pytest.param({"claim": None}, (PENDING, "StoragePending"), ("False", "StoragePending"), [CREATE_PVC], id="new"),
        pytest.param(
            {"claim": None, "storage_class": Missing("there is no StorageClass")},
            (FAILED, "StorageFailed"), ("False", "StorageFailed"), [],
            id="no-storage-class",
        ),
        pytest.param(
            {"claim": claim("Pending")},
            (PENDING, "StoragePending"), ("False", "StoragePending"), [],
            id="unbound",
        ),
        pytest.param(
            {"claim": claim("Pending"), "storage_class": Found(LAZY)},
            (PROGRESSING, "Downloading"), ("False", "StoragePending"), [CREATE_JOB],
            id="unbound-until-first-use",
        ),
        pytest.param(
            {"claim": claim("Pending"), "storage_class": Missing("there is no StorageClass")},
            (FAILED, "StorageFailed"), ("False", "StorageFailed"), [],
            id="unbound-for-want-of-its-class",
        ),
        pytest.param(
            {"claim": claim("Pending"), "storage_class": Unreachable("forbidden")},
            (PENDING, "StoragePending"), ("False", "StoragePending"), [],
            id="unbound-and-nobody-knows-why",
        ),
        pytest.param(
            {"claim": claim(**DELETED)},
            (PENDING, "StorageLost"), ("False", "StorageLost"), [],
            id="volume-being-deleted",
        ),
        pytest.param({"claim": claim("Lost")}, (FAILED, "StorageLost"), ("False", "StorageLost"), [], id="volume-lost"),
        pytest.param(
            {"claim": claim("Lost"), "download": view("Complete")},
            (FAILED, "StorageLost"), ("False", "StorageLost"), [REMOVE_JOB],
            id="volume-lost-after-its-download",
        ),
        pytest.param({}, (PROGRESSING, "Downloading"), ("True", "StorageBound"), [CREATE_JOB], id="bound"),
        pytest.param(
            {"download": view()},
            (PROGRESSING, "Downloading"), ("True", "StorageBound"), [],
            id="downloading",
        ),
        pytest.param(
            {"download": view("Complete")},
            ("Available", "Downloaded"), ("True", "StorageBound"), [],
            id="downloaded",
        ),
        pytest.param(
            {"download": view("Complete"), "claim": claim("Pending"), "storage_class": Found(LAZY)},
            (PROGRESSING, "Downloading"), ("False", "StoragePending"), [],
            id="downloaded-but-the-claim-is-not-seen-bound-yet",
        ),
        pytest.param(
            {"download": view(**DELETED)},
            (PROGRESSING, "Downloading"), ("True", "StorageBound"), [],
            id="former-job-being-deleted",
        ),
        pytest.param(
            {"claim": claim(uid="another"), "download": view("Complete")},
            (PROGRESSING, "Downloading"), ("True", "StorageBound"), [REMOVE_JOB],
            id="job-of-another-volume",
        ),
        pytest.param(
            {"download": view("Failed")},
            (FAILED, "DownloadFailed"), ("True", "StorageBound"), [],
            id="failed",
        ),
    ],
)  # fmt: skip
def test_the_steps_in_their_order(parts, state, storage, actions):
    plan = decide(seen(**parts))
    assert outcome(plan) == state
    assert said(plan, "StorageReady") == storage
    assert does(plan) == actions
    assert said(plan, "Failure")[0] == str(state[0] == FAILED)
    assert said(plan, "Progressing")[0] == str(state[0] in {PENDING, PROGRESSING})


def test_the_status_names_the_volume_and_its_uid():
    status = decide(seen(config=config())).status
    assert (status["persistentVolumeClaim"], status["persistentVolumeClaimUID"]) == ("llama-cache", "pvc-uid")
    assert status["resolvedRuntimeConfig"]["name"] == "default"
    assert status["observedGeneration"] == 2


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="nothing-happened"),
        pytest.param({"config": NO_CONFIG}, id="runtime-config-went"),
        pytest.param({"storage_class": Missing("x")}, id="storage-class-went"),
        pytest.param({"download": view()}, id="a-job-that-is-still-there"),
    ],
)
def test_what_is_there_stays_available_whatever_becomes_of_how_it_came(parts):
    plan = decide(seen(available(), **parts))
    assert outcome(plan) == ("Available", "Downloaded")
    assert said(plan, "StorageReady") == ("True", "StorageBound")
    assert does(plan) == []


@pytest.mark.parametrize(
    ("live", "state"),
    [
        pytest.param(None, (PENDING, "StorageLost"), id="gone"),
        pytest.param(claim(uid="another"), (PROGRESSING, "Downloading"), id="replaced"),
        pytest.param(claim("Lost"), (FAILED, "StorageLost"), id="lost"),
        pytest.param(claim(**DELETED), (PENDING, "StorageLost"), id="being-deleted"),
    ],
)
def test_only_the_volume_s_loss_undoes_an_artifact(live, state):
    assert outcome(decide(seen(available(), claim=live))) == state


def test_a_job_may_expire_once_its_end_is_in_status():
    first = decide(seen(download=view("Complete")))
    assert (does(first), first.requeue_after) == ([], 1.0)
    (patch,) = decide(seen(available(), download=view("Complete"))).children
    assert (patch.mode, patch.uid, patch.manifest["spec"]) == ("patch", "job-uid", {"ttlSecondsAfterFinished": 600})
    assert does(decide(seen(available(), download=view("Complete", ttl=600)))) == []


@pytest.mark.parametrize(
    ("failures", "pause"),
    [(0, 60), (1, 120), (2, 240), (5, 1920), (6, 3600), (40, 3600)],
)
def test_the_pause_after_a_failure_grows_from_a_minute_to_an_hour(failures, pause):
    status = record(failures, -1, job="former") if failures else None
    plan = decide(seen(status, download=view("Failed")))
    download = plan.status["download"]
    assert (download["failures"], download["jobUID"]) == (failures + 1, "job-uid")
    assert download["retryAt"] == record(1, pause)["download"]["retryAt"].replace("+00:00", "Z")


def without_uids(status):
    """A record as definitions keep it that know of no hash and no uid."""
    kept = {name: value for name, value in status["download"].items() if name in {"failures", "retryAt"}}
    return status | {"download": kept}


@pytest.mark.parametrize(
    ("retry_in", "made", "failures", "actions"),
    [
        pytest.param(30, -30, 2, ["patch Job llama-cache-download"], id="counted-and-paused-after"),
        pytest.param(-1, -90, 2, [REMOVE_JOB], id="counted-and-the-pause-is-over"),
        pytest.param(-20, -10, 3, [], id="the-next-one"),
    ],
)
def test_where_definitions_are_too_old_for_a_uid_a_failure_counts_once_too(retry_in, made, failures, actions):
    created = (NOW + timedelta(seconds=made)).isoformat()
    plan = decide(seen(without_uids(record(2, retry_in)), download=view("Failed", creationTimestamp=created)))
    assert plan.status["download"]["failures"] == failures
    assert does(plan) == actions


def test_a_failure_is_told_in_the_words_of_the_download():
    assert told(decide(seen(download=view("Failed", last_line="401 Unauthorized")))) == (
        "the download failed: 401 Unauthorized"
    )
    assert told(decide(seen(download=view("Failed")))) == "the download failed: BackoffLimitExceeded"


@pytest.mark.parametrize(
    ("download", "actions"),
    [
        pytest.param(view("Failed"), ["patch Job llama-cache-download"], id="job-may-expire"),
        pytest.param(view("Failed", ttl=600), [], id="job-will-expire"),
        pytest.param(None, [], id="job-has-expired"),
    ],
)
def test_a_failure_counts_once_and_its_pause_outlives_the_job(download, actions):
    plan = decide(seen(record(2, 30), download=download))
    assert outcome(plan) == (FAILED, "DownloadFailed")
    assert told(plan) == "the download failed: no space left"
    assert plan.status["download"]["failures"] == 2
    assert does(plan) == actions
    assert plan.requeue_after == 30


@pytest.mark.parametrize(
    ("download", "actions"),
    [
        pytest.param(view("Failed", ttl=600), [REMOVE_JOB], id="the-former-job-makes-room"),
        pytest.param(None, [CREATE_JOB], id="then-the-next-begins"),
        pytest.param(view(uid="next"), [], id="and-is-at-work"),
    ],
)
def test_after_the_pause_it_is_tried_again_and_the_failures_are_remembered(download, actions):
    plan = decide(seen(record(2, 0), download=download))
    assert outcome(plan) == (PROGRESSING, "Downloading")
    assert plan.status["download"]["failures"] == 2
    assert does(plan) == actions


def test_a_download_that_works_forgets_the_failures():
    assert "download" not in decide(seen(record(2, 0), download=view("Complete", uid="next"))).status


CHANGES = [
    pytest.param({"env": [{"name": "HF_TOKEN", "value": "x"}]}, {}, id="env"),
    pytest.param({"size": "20Gi"}, {}, id="size"),
    pytest.param({"modelDownloadImage": "mirror/storage-initializer"}, {}, id="image"),
    pytest.param({"imagePullSecrets": [{"name": "pull"}]}, {}, id="pull-secrets"),
    pytest.param({}, {"config": config(imagePullSecrets=[{"name": "pull"}])}, id="the-config's-pull-secrets"),
    pytest.param({}, {"config": config(env=[{"name": "HF_TOKEN", "value": "x"}])}, id="the-config's-env"),
    pytest.param({}, {"config": config(serviceAccountName="runner")}, id="the-config's-service-account"),
]


@pytest.mark.parametrize(("spec", "parts"), CHANGES)
def test_a_change_of_what_the_download_depends_on_ends_the_pause(spec, parts):
    plan = decide(seen(record(5, 1000), spec=spec, **parts))
    assert does(plan) == [CREATE_JOB]
    assert plan.status["download"]["failures"] == 0


@pytest.mark.parametrize(("spec", "parts"), CHANGES)
def test_and_starts_a_download_that_is_not_done_anew(spec, parts):
    assert does(decide(seen(spec=spec, download=view(), **parts))) == [REMOVE_JOB]
    assert does(decide(seen(available(), spec=spec, download=view(), **parts))) == []


@pytest.mark.parametrize(
    ("pods", "state", "message"),
    [
        pytest.param((), PROGRESSING, "the artifact is being downloaded", id="no-pod-yet"),
        pytest.param((pod(phase="Running"),), PROGRESSING, "the artifact is being downloaded", id="running"),
        pytest.param(
            (pod(unscheduled="0/1 nodes"),), PROGRESSING,
            "the download waits: its Pod is not scheduled: 0/1 nodes", id="unscheduled",
        ),
        pytest.param(
            (pod(waiting={"reason": "ContainerCreating"}),), PROGRESSING,
            "the artifact is being downloaded", id="starting",
        ),
        pytest.param(
            (pod(waiting={"reason": "ErrImagePull", "message": "not found"}),), FAILED,
            "the image kserve/storage-initializer cannot be pulled", id="cannot-pull",
        ),
        pytest.param(
            (pod(waiting={"reason": "ImagePullBackOff"}),), FAILED,
            "the image kserve/storage-initializer cannot be pulled", id="says-the-same-while-it-backs-off",
        ),
        pytest.param(
            (pod("a", "Failed"), pod("b", "Running", creationTimestamp="2030-01-01T11:30:00Z")), PROGRESSING,
            "the artifact is being downloaded", id="second-attempt-of-the-job",
        ),
        pytest.param(
            (pod(waiting={"reason": "ErrImagePull"}, **DELETED),), PROGRESSING,
            "the artifact is being downloaded", id="a-pod-on-its-way-out-does-not-count",
        ),
    ],
)  # fmt: skip
def test_what_keeps_the_pod_from_running_is_told(pods, state, message):
    plan = decide(seen(download=view(pods=pods)))
    assert (plan.status["status"], told(plan)) == (state, message)


@pytest.mark.parametrize(
    ("parts", "reason", "expected"),
    [
        pytest.param({"claim": None}, "Forbidden", (FAILED, "StorageFailed"), id="volume-refused"),
        pytest.param({"claim": None}, "NameConflict", (FAILED, "NameConflict"), id="volume-of-somebody-else"),
        pytest.param({}, "Forbidden", (FAILED, "DownloadFailed"), id="job-refused"),
        pytest.param({}, "NameConflict", (FAILED, "NameConflict"), id="job-of-somebody-else"),
    ],
)
def test_what_is_refused_is_told(parts, reason, expected):
    observed = seen(**parts)
    (child,) = decide(observed).children
    plan = decide(refusing(observed, child, reason))
    assert outcome(plan) == expected
    assert told(plan).endswith("is refused: exceeded quota")


@pytest.mark.parametrize("reason", ["NamespaceTerminating", "NamespaceMissing"])
def test_nothing_is_said_where_the_namespace_is_going(reason):
    observed = seen(claim=None)
    plan = decide(refusing(observed, decide(observed).children[0], reason))
    assert (plan.status, does(plan)) == (None, [])


def test_nothing_is_done_about_one_that_is_being_deleted():
    plan = decide(seen(spec=DELETED, claim=None))
    assert (plan.status, does(plan), plan.finalizers) == (None, [], None)


def test_a_config_that_cannot_be_read_for_a_moment_changes_nothing():
    status = {"status": "Progressing", "conditions": [condition("Ready", "False", "Downloading")]}
    plan = decide(seen(status, config=Unreachable("no"), claim=None))
    assert (plan.status, does(plan), plan.requeue_after) == (None, [], 30.0)


def test_a_missing_default_config_is_told_once():
    first = decide(seen())
    assert [note.reason for note in first.notes] == ["DefaultRuntimeConfigNotFound"]
    assert decide(seen(first.status)).notes == ()


@pytest.mark.parametrize(
    "observed",
    [
        pytest.param(seen(claim=None), id="new"),
        pytest.param(seen(claim=claim("Pending")), id="unbound"),
        pytest.param(seen(download=view()), id="downloading"),
        pytest.param(seen(record(1, 30), download=view("Failed", ttl=600)), id="pausing"),
        pytest.param(seen(available()), id="available"),
    ],
)
def test_the_same_state_gives_the_same_status(observed):
    first = decide(observed)
    again = replace(observed, cache=model_cache(status=first.status))
    assert decide(again).status == first.status


def test_an_absent_storage_class_is_named():
    plan = decide(seen(claim=None, storage_class=Missing('there is no StorageClass "quick"')))
    assert told(plan) == 'there is no StorageClass "quick"'
    waiting = decide(seen(claim=claim("Pending"), storage_class=Found(storage_class())))
    assert told(waiting) == 'PersistentVolumeClaim "llama-cache" waits for StorageClass "fast" to bind it'


def test_jobs_are_as_they_were_made():
    assert job().metadata.annotations == {"aim.silogen.ai/download-inputs": seen().inputs(claim()).digest}
