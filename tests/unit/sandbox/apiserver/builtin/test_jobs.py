from typing import Any

import pytest

from support.requests import Server

JOBS = "/apis/batch/v1/namespaces/here/jobs"
CRON_JOBS = "/apis/batch/v1/namespaces/here/cronjobs"
TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "i"}]}}

Json = dict[str, Any]


@pytest.fixture
def server() -> Server:
    return Server()


def job(**spec: Any) -> Json:
    return {"metadata": {"name": "j"}, "spec": {"template": TEMPLATE, **spec}}


def test_a_job_is_given_defaults_labels_and_a_selector_of_its_own(server: Server) -> None:
    body = server.post(JOBS, job()).body
    uid = body["metadata"]["uid"]
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "j",
        "controller-uid": uid,
        "job-name": "j",
    }
    template = body["spec"].pop("template")
    assert body["spec"] == {
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "completions": 1,
        "manualSelector": False,
        "parallelism": 1,
        "podReplacementPolicy": "TerminatingOrFailed",
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
        "suspend": False,
    }
    assert (body["status"], body["metadata"]["labels"], template["metadata"]["labels"]) == ({}, labels, labels)
    assert template["spec"]["dnsPolicy"] == "ClusterFirst"
    assert body["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        pytest.param({"parallelism": 2}, "completions", None, id="a-work-queue-has-no-completions"),
        pytest.param({"completions": 2}, "parallelism", 1, id="one-at-a-time"),
        pytest.param({"podFailurePolicy": {"rules": []}}, "podReplacementPolicy", "Failed", id="failure-policy"),
        pytest.param(
            {"completions": 3, "completionMode": "Indexed", "backoffLimitPerIndex": 1},
            "backoffLimit",
            2147483647,
            id="limit-per-index",
        ),
    ],
)
def test_defaults_depend_on_each_other(server: Server, spec: Json, field: str, value: Any) -> None:
    assert server.post(JOBS, job(**spec)).body["spec"].get(field) == value


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param(
            {"template": {"spec": {"containers": [{"name": "a", "image": "i"}]}}},
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
            id="always-restarted",
        ),
        pytest.param(
            {"backoffLimit": -1},
            "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
            id="negative",
        ),
        pytest.param(
            {"completionMode": "X"},
            'spec.completionMode: Unsupported value: "X": supported values: "NonIndexed", "Indexed"',
            id="mode",
        ),
        pytest.param(
            {"manualSelector": True, "selector": {"matchLabels": {"a": "b"}}},
            "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
            id="selector-of-others",
        ),
    ],
)
def test_an_invalid_job_is_refused(server: Server, spec: Json, words: str) -> None:
    reply = server.post(JOBS, job(**spec))
    assert (reply.code, reply.message) == (422, f'Job.batch "j" is invalid: {words}')


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"completions": 5}, "spec.completions: Invalid value: 5: field is immutable", id="completions"),
        pytest.param({"parallelism": 5}, "", id="parallelism"),
        pytest.param({"backoffLimit": 3, "ttlSecondsAfterFinished": 4}, "", id="limits"),
        pytest.param({"suspend": True}, "", id="suspend"),
        pytest.param(
            {"completionMode": "Indexed"},
            'spec.completionMode: Invalid value: "Indexed": field is immutable',
            id="mode",
        ),
        pytest.param(
            {"template": {"metadata": {"labels": {"q": "r"}}}}, "spec.template: Invalid value: {", id="labels-of-pods"
        ),
    ],
)
def test_some_of_a_job_may_change(server: Server, change: Json, words: str) -> None:
    server.post(JOBS, job())
    reply = server.patch(f"{JOBS}/j", {"spec": change})
    assert reply.message.startswith(f'Job.batch "j" is invalid: {words}' if words else "")
    assert reply.code == (422 if words else 200)


@pytest.mark.parametrize(
    ("template", "accepted"),
    [
        pytest.param({"metadata": {"labels": {"q": "r"}}}, True, id="labels"),
        pytest.param({"spec": {"nodeSelector": {"a": "b"}}}, True, id="node-selector"),
        pytest.param({"spec": {"restartPolicy": "OnFailure"}}, False, id="restart-policy"),
    ],
)
def test_a_suspended_job_may_still_be_placed(server: Server, template: Json, *, accepted: bool) -> None:
    server.post(JOBS, job(suspend=True))
    reply = server.patch(f"{JOBS}/j", {"spec": {"template": template}})
    assert reply.code == (200 if accepted else 422)
    assert accepted or "spec.template.spec: Invalid value" in reply.message


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param({"active": 1}, "", id="active"),
        pytest.param(
            {"succeeded": -1},
            "[status.succeeded: Invalid value: -1: must be greater than or equal to 0, status.succeeded: Invalid value: "
            "-1: cannot decrease the succeeded counter]",
            id="negative",
        ),
        pytest.param(
            {"conditions": [{"type": "Complete", "status": "True"}]},
            "[status.completionTime: Required value: completionTime is required for Complete jobs, status.conditions: "
            "Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition, "
            "status.startTime: Required value: startTime is required for finished job]",
            id="complete-out-of-nothing",
        ),
        pytest.param(
            {
                "startTime": "2024-01-01T00:00:00Z",
                "conditions": [{"type": "Failed", "status": "True"}, {"type": "FailureTarget", "status": "True"}],
            },
            "",
            id="failed",
        ),
    ],
)
def test_a_status_has_to_make_sense(server: Server, status: Json, words: str) -> None:
    server.post(JOBS, job())
    reply = server.patch(f"{JOBS}/j/status", {"status": status})
    assert reply.message == (f'Job.batch "j" is invalid: {words}' if words else "")


def test_jobs_are_selected_by_what_succeeded(server: Server) -> None:
    server.post(JOBS, job())
    assert len(server.get(f"{JOBS}?fieldSelector=status.successful=0").body["items"]) == 1
    assert server.get(f"{JOBS}?fieldSelector=status.successful=1").body["items"] == []


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("* * * * *", ""),
        ("@hourly", ""),
        ("x", 'spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]'),
        ("", "spec.schedule: Required value"),
    ],
)
def test_a_cron_job_has_a_schedule(server: Server, schedule: str, words: str) -> None:
    spec = {"schedule": schedule, "jobTemplate": {"spec": {"template": TEMPLATE}}}
    reply = server.post(CRON_JOBS, {"metadata": {"name": "c"}, "spec": spec})
    assert reply.message == (f'CronJob.batch "c" is invalid: {words}' if words else "")
    if not words:
        assert reply.body["spec"]["concurrencyPolicy"] == "Allow"
