from typing import Any

import pytest

from aimctrl.sandbox.apiserver.controllers.job_indexes import completed, text_of
from support.scene import Scene, scene, settle

pytestmark = pytest.mark.looptime

TRACKING = "batch.kubernetes.io/job-tracking"
Json = dict[str, Any]


def start(at: Scene, name: str = "work", *, restart: str = "Never", **spec: Any) -> Json:
    pod = {"restartPolicy": restart, "containers": [{"name": "main", "image": "i"}]}
    template = {"metadata": {"labels": {"app": "x"}, "annotations": {"told": "y"}}, "spec": pod}
    return at.create("jobs", name, spec={"template": template, **spec})


def job(at: Scene, name: str = "work") -> Json:
    found = at.get("jobs", name)
    assert found is not None
    return found


def conditions(at: Scene, name: str = "work") -> dict[str, tuple[str, str]]:
    said = job(at, name)["status"].get("conditions") or ()
    return {c["type"]: (c["status"], c["reason"]) for c in said}


def counts(at: Scene, name: str = "work") -> tuple[int, int, int]:
    status = job(at, name)["status"]
    return status.get("active", 0), status.get("succeeded", 0), status.get("failed", 0)


def active(at: Scene) -> list[Json]:
    pods = at.all("pods", "here")
    return [pod for pod in pods if pod["status"].get("phase", "Pending") in {"Pending", "Running"}]


async def end(at: Scene, phase: str, pod: Json | None = None, **status: Any) -> None:
    """Has a pod end, by default the one that is active."""
    name = (pod or active(at)[0])["metadata"]["name"]
    at.change("pods", name, lambda thing: thing["status"].update(phase=phase, **status), "status")
    await settle()


def exits(code: int) -> Json:
    run = {"name": "main", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    return {"containerStatuses": [{**run, "state": {"terminated": {"exitCode": code}}}]}


async def test_a_pod_is_made_from_the_template():
    async with scene() as at:
        made = start(at)
        await settle()
        (pod,) = at.all("pods")
        meta, owner = pod["metadata"], made["metadata"]
        assert meta["generateName"] == "work-"
        assert meta["name"].startswith("work-")
        assert len(meta["name"]) == len("work-") + 5
        assert meta["labels"] == {
            "app": "x",
            "batch.kubernetes.io/controller-uid": owner["uid"],
            "batch.kubernetes.io/job-name": "work",
            "controller-uid": owner["uid"],
            "job-name": "work",
        }
        assert meta["annotations"] == {"told": "y"}
        assert meta["finalizers"] == [TRACKING]
        assert meta["ownerReferences"] == [
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "name": "work",
                "uid": owner["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
        assert pod["spec"]["containers"][0]["name"] == "main"
        status = {"active": 1, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}
        assert job(at)["status"] == {"startTime": "2026-01-01T00:00:00Z", **status}


async def test_a_job_completes_with_its_pod_and_says_so_in_two_steps():
    async with scene() as at:
        start(at)
        await settle()
        (pod,) = at.all("pods")
        await end(at, "Succeeded")
        noted, last = (thing["status"] for thing in at.history("jobs", "work")[-2:])
        assert noted["uncountedTerminatedPods"] == {"succeeded": [pod["metadata"]["uid"]]}
        assert [c["type"] for c in noted["conditions"]] == ["SuccessCriteriaMet"]
        assert last["uncountedTerminatedPods"] == {}
        assert [(c["type"], c["reason"], c["message"]) for c in last["conditions"]] == [
            (kind, "CompletionsReached", "Reached expected number of succeeded pods")
            for kind in ("SuccessCriteriaMet", "Complete")
        ]
        assert (last["succeeded"], last["completionTime"]) == (1, "2026-01-01T00:00:01Z")
        assert "finalizers" not in at.all("pods")[0]["metadata"]
        events = [(e["reason"], e["message"]) for e in at.all("events")]
        name = pod["metadata"]["name"]
        assert sorted(events) == [("Completed", "Job completed"), ("SuccessfulCreate", f"Created pod: {name}")]


@pytest.mark.parametrize(
    ("spec", "running"),
    [
        pytest.param({"parallelism": 2, "completions": 3}, [2, 2, 1, 0], id="two at a time of three"),
        pytest.param({"parallelism": 3, "completions": 2}, [2, 1, 0], id="never more than are needed"),
        pytest.param({"parallelism": 2}, [2, 1, 0], id="a queue: nobody starts once one has succeeded"),
    ],
)
async def test_as_many_pods_run_as_are_needed(spec, running):
    async with scene() as at:
        start(at, **spec)
        await settle()
        seen = [len(active(at))]
        while active(at):
            await end(at, "Succeeded")
            seen.append(len(active(at)))
        assert seen == running
        assert conditions(at)["Complete"] == ("True", "CompletionsReached")


async def test_a_pod_that_failed_is_replaced_after_ten_seconds_then_twenty_until_the_limit():
    async with scene() as at:
        start(at, backoffLimit=2)
        await settle()
        for wait in (10, 20):
            await end(at, "Failed")
            await settle(wait - 1.5)
            assert not active(at)
            await settle(1.5)
            assert len(active(at)) == 1
        await end(at, "Failed")
        assert counts(at) == (0, 0, 3)
        assert conditions(at) == dict.fromkeys(("FailureTarget", "Failed"), ("True", "BackoffLimitExceeded"))
        assert "completionTime" not in job(at)["status"]
        message = "Job has reached the specified backoff limit"
        assert ("Warning", "BackoffLimitExceeded", message) in [
            (e["type"], e["reason"], e["message"]) for e in at.all("events")
        ]


@pytest.mark.parametrize(
    ("ends", "waits"),
    [
        pytest.param(("2025-12-31T23:59:00Z",), False, id="long ago"),
        pytest.param(("2025-12-31T23:59:00Z", "2026-01-01T00:00:00Z"), True, id="the last of them just now"),
        pytest.param(("2025-12-31T23:59:00Z", ""), True, id="one of them it is not known when"),
    ],
)
async def test_the_pause_is_counted_from_when_the_containers_say_they_ended(ends, waits):
    async with scene() as at:
        start(at)
        await settle()
        run = {"image": "i", "imageID": "", "ready": False, "restartCount": 0}
        said = [{"exitCode": 1} | ({"finishedAt": end} if end else {}) for end in ends]
        statuses = [{"name": f"c{n}", **run, "state": {"terminated": one}} for n, one in enumerate(said)]
        await end(at, "Failed", containerStatuses=statuses)
        assert bool(active(at)) is not waits
        await settle(10)
        assert active(at)


async def test_containers_that_restart_in_their_pod_count_against_the_limit():
    async with scene() as at:
        start(at, restart="OnFailure", backoffLimit=1)
        await settle()
        statuses = {"containerStatuses": [{"name": "main", "image": "i", "imageID": "", "ready": False}]}
        statuses["containerStatuses"][0]["restartCount"] = 1
        await end(at, "Running", **statuses)
        assert conditions(at)["Failed"] == ("True", "BackoffLimitExceeded")
        assert at.all("pods") == []


@pytest.mark.parametrize("replaced", ["TerminatingOrFailed", "Failed"])
async def test_a_job_that_takes_too_long_fails_with_its_pods(replaced):
    async with scene() as at:
        start(at, activeDeadlineSeconds=30, podReplacementPolicy=replaced)
        await settle(29)
        assert counts(at) == (1, 0, 0)
        await settle(3)
        assert conditions(at) == dict.fromkeys(("FailureTarget", "Failed"), ("True", "DeadlineExceeded"))
        assert counts(at) == (0, 0, 1)
        assert at.all("pods") == []


async def test_a_job_has_failed_only_when_its_last_pod_is_gone():
    async with scene() as at:
        start(at, activeDeadlineSeconds=30)
        await settle()
        (pod,) = at.all("pods")
        hold = "example.com/hold"
        at.change("pods", pod["metadata"]["name"], lambda thing: thing["metadata"]["finalizers"].append(hold))
        await settle(40)
        assert list(conditions(at)) == ["FailureTarget"]
        assert job(at)["status"]["terminating"] == 1
        at.change("pods", pod["metadata"]["name"], lambda thing: thing["metadata"].update(finalizers=[]))
        await settle()
        assert list(conditions(at)) == ["FailureTarget", "Failed"]


async def test_suspending_takes_the_pods_away_and_resuming_starts_anew():
    async with scene() as at:
        start(at, suspend=True)
        await settle()
        assert (at.all("pods"), conditions(at)) == ([], {"Suspended": ("True", "JobSuspended")})
        assert "startTime" not in job(at)["status"]
        at.change("jobs", "work", lambda thing: thing["spec"].update(suspend=False))
        await settle(5)
        assert conditions(at) == {"Suspended": ("False", "JobResumed")}
        assert counts(at) == (1, 0, 0)
        at.change("jobs", "work", lambda thing: thing["spec"].update(suspend=True))
        await settle()
        assert at.all("pods") == []
        assert counts(at) == (0, 0, 0)
        assert [e["reason"] for e in at.all("events") if "Suspended" in e["reason"] or "Resumed" in e["reason"]]


async def test_a_finished_job_goes_the_seconds_later_that_it_says():
    async with scene() as at:
        start(at, ttlSecondsAfterFinished=20)
        await settle()
        await end(at, "Succeeded")
        await settle(18)
        assert job(at)
        await settle(3)
        assert at.get("jobs", "work") is None
        assert at.all("pods") == []


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_the_pods_of_a_deleted_job_go_with_it(policy):
    async with scene() as at:
        start(at)
        await settle()
        at.delete("jobs", "work", policy)
        await settle()
        assert at.get("jobs", "work") is None
        assert at.all("pods") == []


async def test_pods_that_are_left_behind_are_tracked_no_more():
    async with scene() as at:
        start(at)
        await settle()
        at.delete("jobs", "work")  # the default policy of Jobs
        await settle()
        assert at.get("jobs", "work") is None
        (pod,) = at.all("pods")
        assert not {"ownerReferences", "finalizers"} & set(pod["metadata"])


async def test_a_pod_that_somebody_deletes_has_failed_and_is_replaced():
    async with scene() as at:
        start(at)
        await settle()
        (pod,) = at.all("pods")
        at.delete("pods", pod["metadata"]["name"])
        await settle(12)
        assert counts(at) == (1, 0, 1)
        assert at.all("pods")[0]["metadata"]["uid"] != pod["metadata"]["uid"]


RULES = [
    {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}},
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
]
DISRUPTED = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("status", "ended", "failed"),
    [
        pytest.param(exits(42), {"FailureTarget": "PodFailurePolicy", "Failed": "PodFailurePolicy"}, 1, id="fails it"),
        pytest.param({"conditions": [DISRUPTED]}, {}, 0, id="is not counted"),
        pytest.param(
            exits(1), {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}, 1, id="no rule"
        ),
    ],
)
async def test_a_pod_failure_policy_says_what_a_failure_means(status, ended, failed):
    async with scene() as at:
        start(at, backoffLimit=0, podFailurePolicy={"rules": RULES})
        await settle()
        name = at.all("pods")[0]["metadata"]["name"]
        await end(at, "Failed", **status)
        assert {kind: reason for kind, (_, reason) in conditions(at).items()} == ended
        assert counts(at) == (int(not ended), 0, failed)
        said = [c["message"] for c in job(at)["status"].get("conditions") or () if c["reason"] == "PodFailurePolicy"]
        words = f"Container main for pod here/{name} failed with exit code 42 matching FailJob rule at index 0"
        assert set(said) <= {words}


async def test_a_pod_that_is_refused_is_said_once_and_tried_again():
    async with scene() as at:
        pod = {"restartPolicy": "Never", "serviceAccountName": "late", "containers": [{"name": "main", "image": "i"}]}
        at.create("jobs", "work", spec={"template": {"spec": pod}})
        await settle(5)
        (event,) = at.all("events")
        assert (event["type"], event["reason"]) == ("Warning", "FailedCreate")
        assert event["message"].startswith('Error creating: pods "work-')
        at.create("serviceaccounts", "late")
        await settle(2)
        assert counts(at) == (1, 0, 0)


def index_of(pod: Json) -> str:
    return pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"]


async def test_each_index_of_an_indexed_job_has_a_pod_until_it_has_succeeded():
    async with scene() as at:
        start(at, completionMode="Indexed", completions=4, parallelism=2)
        await settle()
        first, second = sorted(active(at), key=index_of)
        meta, spec = second["metadata"], second["spec"]
        assert (index_of(first), index_of(second)) == ("0", "1")
        assert (meta["generateName"], spec["hostname"]) == ("work-1-", "work-1")
        assert meta["labels"]["batch.kubernetes.io/job-completion-index"] == "1"
        field = "metadata.labels['batch.kubernetes.io/job-completion-index']"
        (variable,) = spec["containers"][0]["env"]
        assert variable == {
            "name": "JOB_COMPLETION_INDEX",
            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": field}},
        }
        await end(at, "Succeeded", second)
        assert sorted(map(index_of, active(at))) == ["0", "2"]
        assert (counts(at), job(at)["status"]["completedIndexes"]) == ((2, 1, 0), "1")
        await end(at, "Failed", first)
        await settle(11)
        assert sorted(map(index_of, active(at))) == ["0", "2"], "the one that failed is replaced"
        for _ in range(3):
            await end(at, "Succeeded")
        assert (counts(at), job(at)["status"]["completedIndexes"]) == ((0, 4, 1), "0-3")
        assert conditions(at)["Complete"] == ("True", "CompletionsReached")


@pytest.mark.parametrize(
    ("indexes", "text"),
    [((), ""), ((3,), "3"), ((1, 0), "0,1"), ((2, 1, 0), "0-2"), ((0, 2, 3, 5, 6, 7), "0,2,3,5-7")],
)
def test_indexes_are_said_as_ranges(indexes: tuple[int, ...], text: str):
    assert text_of(indexes) == text
    assert completed({"status": {"completedIndexes": text}}) == frozenset(indexes)
