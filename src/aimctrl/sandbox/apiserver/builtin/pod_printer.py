"""Pods as kubectl shows them: one word for all that their containers do.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/, and comparison with a real API server.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aimctrl.sandbox.apiserver.builtin.printed import at, truthful
from aimctrl.sandbox.apiserver.printing import AGE, NAME, NONE, Printer, Shown, age, text, wide
from aimctrl.sandbox.apiserver.resources import Column
from aimctrl.sandbox.apiserver.schema.node import Json, Object

_DONE = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


@dataclass(slots=True)
class _Count:
    """What was counted of a Pod's containers. `again` is when one ended last before it was started again."""

    ready: int = 0
    restarts: int = 0
    again: str = ""

    def restart(self, status: Object) -> None:
        self.restarts += status.get("restartCount", 0)
        self.again = max(self.again, at(status, "lastState", "terminated", "finishedAt") or "")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is shown of a Pod's containers."""

    word: str
    count: _Count


def _sidecars(pod: Object) -> set[str]:
    init: list[Object] = at(pod, "spec", "initContainers") or []
    return {container["name"] for container in init if container.get("restartPolicy") == "Always"}


def _condition(pod: Object, kind: str) -> Object:
    conditions: list[Object] = at(pod, "status", "conditions") or []
    found = [condition for condition in conditions if condition.get("type") == kind]
    return found[0] if found else {}


def _holds(pod: Object, kind: str) -> bool:
    return _condition(pod, kind).get("status") == "True"


def _phase(pod: Object) -> str:
    if _condition(pod, "PodScheduled").get("reason") == "SchedulingGated":
        return "SchedulingGated"
    return at(pod, "status", "reason") or at(pod, "status", "phase") or ""


def _ended(terminated: Object) -> str:
    """How a container ended, in a word."""
    if terminated.get("reason"):
        return str(terminated["reason"])
    signal = terminated.get("signal", 0)
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode', 0)}"


def _starting(status: Object, index: int, total: int) -> str:
    """What an init container that is not done yet does, in a word."""
    state: Object = status.get("state") or {}
    if state.get("terminated") is not None:
        return f"Init:{_ended(state['terminated'])}"
    waiting = at(state, "waiting", "reason") or ""
    return f"Init:{waiting}" if waiting not in {"", "PodInitializing"} else f"Init:{index}/{total}"


def _initialization(pod: Object) -> tuple[str, _Count, _Count]:
    """What the Pod waits for (`""`: nothing), what was counted of all init containers, and what of its sidecars."""
    sidecars, every, beside = _sidecars(pod), _Count(), _Count()
    statuses: list[Object] = at(pod, "status", "initContainerStatuses") or []
    for index, status in enumerate(statuses):
        sidecar = status["name"] in sidecars
        every.restart(status)
        if sidecar:
            beside.restart(status)
        terminated: Any = at(status, "state", "terminated")
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if sidecar and status.get("started"):
            every.ready += bool(status.get("ready"))
            continue
        return _starting(status, index, len(at(pod, "spec", "initContainers") or ())), every, beside
    return "", every, beside


def _word_of(status: Object, word: str) -> str:
    """The word of a Pod, as one of its containers would have it."""
    waiting: Object = at(status, "state", "waiting") or {}
    terminated: Object | None = at(status, "state", "terminated")
    if waiting.get("reason"):
        return str(waiting["reason"])
    return word if terminated is None else _ended(terminated)


def _run(pod: Object, count: _Count) -> str:
    """The word of a Pod that is initialized; its containers are counted."""
    word, running = _phase(pod), False
    for status in reversed(at(pod, "status", "containerStatuses") or []):
        count.restart(status)
        word = _word_of(status, word)
        if status.get("ready") and at(status, "state", "running") is not None:
            running = True
            count.ready += 1
    if word == "Completed" and running:
        return "Running" if _holds(pod, "Ready") else "NotReady"
    return word


def _seen(pod: Object) -> _Seen:
    waits, every, beside = _initialization(pod)
    word, count = waits, every
    if not waits or _holds(pod, "Initialized"):
        count = _Count(every.ready, beside.restarts, beside.again)
        word = _run(pod, count)
    if "deletionTimestamp" in pod["metadata"]:
        if at(pod, "status", "reason") == "NodeLost":
            word = "Unknown"
        elif at(pod, "status", "phase") not in _DONE:
            word = "Terminating"
    return _Seen(word, count)


def _ready(pod: Object) -> str:
    total = len(at(pod, "spec", "containers") or ()) + len(_sidecars(pod))
    return f"{_seen(pod).count.ready}/{total}"


def _restarts(pod: Object, now: datetime) -> str:
    count = _seen(pod).count
    ago = f" ({age(count.again, now)} ago)" if count.restarts and count.again else ""
    return f"{count.restarts}{ago}"


def _gates(pod: Object) -> str:
    gates: Sequence[Object] = at(pod, "spec", "readinessGates") or ()
    open_ = sum(1 for gate in gates if _holds(pod, gate["conditionType"]))
    return f"{open_}/{len(gates)}" if gates else NONE


def _address(pod: Object) -> Json:
    addresses: Sequence[Object] = at(pod, "status", "podIPs") or ()
    return addresses[0].get("ip", "") if addresses else NONE


def _conditions(pod: Object) -> list[Object]:
    phase = at(pod, "status", "phase")
    if phase not in _DONE:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _DONE[phase]}]


PODS = Printer(
    (
        NAME,
        text("Ready", _ready),
        text("Status", lambda pod: _seen(pod).word),
        Shown(Column("Restarts", "string", ""), _restarts),
        AGE,
        wide(text("IP", _address)),
        wide(text("Node", lambda pod: truthful(at(pod, "spec", "nodeName"), NONE))),
        wide(text("Nominated Node", lambda pod: truthful(at(pod, "status", "nominatedNodeName"), NONE))),
        wide(text("Readiness Gates", _gates)),
    ),
    _conditions,
)
