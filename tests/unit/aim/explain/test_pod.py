"""What keeps a Pod of a predictor from serving."""

from typing import Any

import msgspec
import pytest

from aimctrl.aim.explain.pod import pod_fact
from aimctrl.aim.remedies import REMEDIES, Care
from aimctrl.kube.core import PODS, Pod

OUT_OF_MEMORY = {"exitCode": 137, "reason": "OOMKilled"}


def pod(phase: str = "Pending", *, unscheduled: str = "", container: dict[str, Any] | None = None) -> Pod:
    status: dict[str, Any] = {"phase": phase}
    if unscheduled:
        scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": unscheduled}
        status["conditions"] = [scheduled]
    if container is not None:
        status["containerStatuses"] = [{"name": "kserve-container", "image": "r/llama:1", **container}]
    raw = {"metadata": {"name": "chat-predictor-0", "namespace": "ml"}, "status": status}
    return PODS.decode(msgspec.json.encode(raw))


@pytest.mark.parametrize(
    ("one", "reason", "message", "remedy"),
    [
        pytest.param(
            pod(unscheduled="0/3 nodes are available: 3 Insufficient amd.com/gpu."),
            "Unschedulable",
            "0/3 nodes are available: 3 Insufficient amd.com/gpu.",
            "ask for less in spec.resources",
            id="unschedulable",
        ),
        pytest.param(
            pod(container={"state": {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}}),
            "ImageNotFound",
            "ImagePullBackOff: manifest unknown",
            REMEDIES["ImageNotFound"].text,
            id="image",
        ),
        pytest.param(
            pod(container={"state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "hf"'}}}),
            "CreateContainerConfigError",
            'secret "hf"',
            "Secret or ConfigMap that spec.env names",
            id="configuration",
        ),
        pytest.param(
            pod(
                "Running",
                container={
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": OUT_OF_MEMORY},
                },
            ),
            "ContainerFailed",
            "container kserve-container ended with 137 (OOMKilled)",
            "`kubectl logs -n ml chat-predictor-0 -c kserve-container --previous`",
            id="crash",
        ),
        pytest.param(
            pod("Running", container={"state": {"running": {}}}),
            "Loading",
            "",
            "`kubectl logs -n ml chat-predictor-0 -c kserve-container`",
            id="loading",
        ),
    ],
)
def test_what_is_wrong_is_told_with_what_can_be_done(one: Pod, reason: str, message: str, remedy: str) -> None:
    found = pod_fact(one)
    assert (found.value, found.state) == ('Pod "ml/chat-predictor-0"', one.status.phase)
    assert found.trouble is not None
    assert (found.trouble.reason, found.trouble.message) == (reason, message)
    assert remedy in found.trouble.remedy
    assert found.trouble.care is (Care.WAIT if reason == "Loading" else Care.MEND)


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(pod(), id="new"),
        pytest.param(pod("Running", container={"ready": True, "state": {"running": {}}}), id="ready"),
        pytest.param(pod(container={"state": {"waiting": {"reason": "ContainerCreating"}}}), id="being made"),
    ],
)
def test_what_goes_on_by_itself_is_no_trouble(one: Pod) -> None:
    assert pod_fact(one).trouble is None
