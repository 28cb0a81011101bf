"""The word for a Pod, and how many of its containers are ready, as kubectl shows them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aimctrl.sandbox.apiserver.builtin.pod_printer import PODS

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CREATED = {"name": "p", "creationTimestamp": "2026-01-01T23:59:00Z"}
UP: dict[str, Any] = {"name": "c", "ready": True, "state": {"running": {}}}


def pod(status: dict[str, Any], *, init: tuple[dict[str, Any], ...] = (), **meta: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "c"}], "initContainers": [{"name": "i"}, *init]}
    return {"metadata": {**CREATED, **meta}, "spec": spec, "status": status}


def ended(code: int, **rest: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, **rest}}


SIDECAR = {"name": "s", "restartPolicy": "Always"}

CASES: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    "pending": (pod({"phase": "Pending"}), ("0/1", "Pending", "0")),
    "evicted": (pod({"phase": "Failed", "reason": "Evicted"}), ("0/1", "Evicted", "0")),
    "gated": (
        pod({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}),
        ("0/1", "SchedulingGated", "0"),
    ),
    "running": (pod({"phase": "Running", "containerStatuses": [UP]}), ("1/1", "Running", "0")),
    "waiting": (
        pod(
            {"phase": "Pending", "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ErrImagePull"}}}]}
        ),
        ("0/1", "ErrImagePull", "0"),
    ),
    "failed without a reason": (
        pod({"phase": "Failed", "containerStatuses": [{"name": "c", "state": ended(1)}]}),
        ("0/1", "ExitCode:1", "0"),
    ),
    "killed": (
        pod({"phase": "Failed", "containerStatuses": [{"name": "c", "state": ended(0, signal=9)}]}),
        ("0/1", "Signal:9", "0"),
    ),
    "restarted": (
        pod(
            {
                "phase": "Running",
                "containerStatuses": [
                    {**UP, "restartCount": 2, "lastState": ended(1, finishedAt="2026-01-01T23:58:00Z")}
                ],
            }
        ),
        ("1/1", "Running", "2 (2m ago)"),
    ),
    "one done, one running, not ready": (
        pod(
            {
                "phase": "Running",
                "containerStatuses": [{"name": "a", "state": ended(0, reason="Completed")}, UP],
            }
        ),
        ("1/1", "NotReady", "0"),
    ),
    "first init container": (
        pod({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"waiting": {}}}]}),
        ("0/1", "Init:0/1", "0"),
    ),
    "init container failed": (
        pod({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": ended(3), "restartCount": 1}]}),
        ("0/1", "Init:ExitCode:3", "1"),
    ),
    "init container waits": (
        pod({"initContainerStatuses": [{"name": "i", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}),
        ("0/1", "Init:CrashLoopBackOff", "0"),
    ),
    "a sidecar counts": (
        pod(
            {
                "phase": "Running",
                "initContainerStatuses": [
                    {"name": "i", "state": ended(0), "restartCount": 4},
                    {"name": "s", "started": True, "ready": True, "state": {"running": {}}, "restartCount": 1},
                ],
                "containerStatuses": [UP],
            },
            init=(SIDECAR,),
        ),
        ("2/2", "Running", "1"),
    ),
    "going": (
        pod({"phase": "Running", "containerStatuses": [UP]}, deletionTimestamp="2026-01-01T23:59:00Z"),
        ("1/1", "Terminating", "0"),
    ),
    "its node is lost": (
        pod({"phase": "Running", "reason": "NodeLost"}, deletionTimestamp="2026-01-01T23:59:00Z"),
        ("0/1", "Unknown", "0"),
    ),
}


@pytest.mark.parametrize(("thing", "expected"), CASES.values(), ids=CASES)
def test_a_pod_is_shown_as_its_containers_are(thing: dict[str, Any], expected: tuple[str, str, str]):
    cells = PODS.row(thing, NOW)["cells"]
    assert (cells[1], cells[2], cells[3]) == expected


def test_a_pod_that_is_done_says_so():
    rows = {phase: PODS.row(pod({"phase": phase}), NOW) for phase in ("Running", "Succeeded", "Failed")}
    assert "conditions" not in rows["Running"]
    assert [rows[phase]["conditions"][0]["reason"] for phase in ("Succeeded", "Failed")] == ["Succeeded", "Failed"]


def test_where_a_pod_is_shows_where_there_is_room():
    thing = pod({"podIPs": [{"ip": "10.0.0.1"}], "conditions": [{"type": "gate", "status": "True"}]})
    thing["spec"] |= {"nodeName": "n", "readinessGates": [{"conditionType": "gate"}, {"conditionType": "other"}]}
    assert PODS.row(thing, NOW)["cells"][4:] == ["60s", "10.0.0.1", "n", "<none>", "1/2"]
