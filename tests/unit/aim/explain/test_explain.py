"""From a decision to what is told: the verdict, conditions, next steps, warnings, and a JSON that stays as it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from aimctrl.aim.explain.explanation import EventLine
from aimctrl.aim.explain.parts import condition_lines, holds
from aimctrl.aim.remedies import REMEDIES, remedy
from aimctrl.aim.service.decide import decide
from aimctrl.api.kinds import AIM_SERVICE
from aimctrl.kube.conditions import Condition
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.kinds import Key
from aimctrl.kube.lookup import Missing, Unreachable
from aimctrl.runtime.foresight import Action, Step
from aimctrl.runtime.plan import Plan
from unit.aim.explain.look import explained
from unit.aim.service.samples import NOW, after, isvc, seen, service, template

NO_MODEL = seen(service(), model=Missing('AIMModel "llama"'))
RUNNING = seen(service(), template(), runtime=isvc(ready=True))


def test_the_deciding_reason_comes_with_its_remedy() -> None:
    told = explained(NO_MODEL, decide(NO_MODEL))
    assert (told.kind, told.namespace, told.name, told.status) == ("AIMService", "ml", "chat", "Degraded")
    assert told.trouble.reason == "ModelNotFound"
    assert told.trouble.remedy == REMEDIES["ModelNotFound"].text
    assert 'AIMModel "llama" not found' in told.trouble.message


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("Ready", "True", True),
        ("Ready", "False", False),
        ("Resolved", "Unknown", False),
        ("Failure", "False", True),
        ("Failure", "True", False),
        ("Failure", "Unknown", False),
        ("Progressing", "True", True),
        ("Progressing", "False", True),
    ],
)
def test_which_conditions_are_as_one_would_want_them(kind: str, status: str, expected: bool) -> None:
    assert holds(Condition(kind, status)) is expected


def test_what_the_cluster_says_of_a_condition_is_told_where_it_differs() -> None:
    wanted = (Condition("Ready", "False", "NameConflict", "a"), Condition("Resolved", "True", "Resolved", "new words"))
    recorded = (Condition("Ready", "False", "RouteFailed", "b"), Condition("Resolved", "True", "Resolved", "old words"))
    ready, resolved = condition_lines(wanted, recorded)
    assert ready.recorded is not None
    assert (ready.recorded.status, ready.recorded.trouble.reason, ready.recorded.trouble.message) == (
        "False",
        "RouteFailed",
        "b",
    )
    assert ready.recorded.trouble.remedy == REMEDIES["RouteFailed"].text
    assert resolved.recorded is None
    assert condition_lines(wanted, ())[0].recorded is None


def test_what_the_cluster_says_of_the_whole_is_told_where_it_differs() -> None:
    before = {"type": "Ready", "status": "False", "reason": "RuntimeFailed", "message": "a quota"}
    world = seen(service(status={"status": "Failed", "conditions": [before]}), template())
    told = explained(world, decide(world))
    assert (told.status, told.trouble.reason) == ("Starting", "CreatingRuntime")
    assert told.recorded is not None
    assert (told.recorded.status, told.recorded.trouble.message) == ("Failed", "a quota")
    assert told.recorded.trouble.remedy == REMEDIES["RuntimeFailed"].text
    same = after(decide(world), world)
    assert explained(same, decide(same)).recorded is None


def test_what_cannot_be_read_is_not_told_to_be_missing() -> None:
    world = seen(service(), model=Unreachable("AIMModel cannot be read: forbidden"))
    told = explained(world, decide(world))
    assert (told.status, told.trouble.reason) == ("Pending", "ModelNotFound")
    remedies = {line.trouble.remedy for line in told.conditions if line.trouble.reason == "ModelNotFound"}
    assert remedies == {told.trouble.remedy} == {remedy("ModelNotFound", known=False).text}


def test_what_would_be_done_is_told() -> None:
    step = Step(Action.CREATE, INFERENCE_SERVICES, Key("ml", "chat"), "because")
    told = explained(RUNNING, replace(decide(RUNNING), requeue_after=7.0), step)
    (line,) = told.next.steps
    assert (line.action, line.kind, line.namespace, line.name, line.why) == (
        "create",
        "InferenceService",
        "ml",
        "chat",
        "because",
    )
    assert told.next.writes_status
    assert told.next.seconds == 7.0


def test_of_what_is_as_it_should_be_nothing_is_written() -> None:
    world = after(decide(RUNNING), RUNNING)
    told = explained(world, decide(world))
    assert not told.next.writes_status
    assert told.warnings == ()
    assert all(line.recorded is None for line in told.conditions)


def warned(status: dict[str, Any], plan: Plan | None = None, **meta: Any) -> str:
    world = seen(service(status=status, **meta), template())
    (warning,) = explained(world, plan or decide(world)).warnings
    return warning


def test_a_status_that_says_the_operator_does_not_work_is_warned_of() -> None:
    conditions = [{"type": "Ready", "status": "True"}]
    assert "no status yet" in warned({})
    assert "the latest change" in warned({"conditions": conditions, "observedGeneration": 1})
    assert "another one" in warned({"conditions": conditions, "observedGeneration": 3})


def test_what_is_being_deleted_keeps_its_last_status() -> None:
    before = decide(RUNNING).status
    assert before is not None
    world = seen(service(status=dict(before), deletionTimestamp="2030-01-01T00:00:00Z"), template())
    told = explained(world, decide(world))
    assert told.status == "Running"
    assert told.warnings == ("It is being deleted; finalizers that keep it: none.",)
    assert not told.next.writes_status


def test_an_object_without_any_conditions_can_be_told_of() -> None:
    world = seen(service(deletionTimestamp="2030-01-01T00:00:00Z"))
    told = explained(world, decide(world))
    assert (told.status, told.trouble.reason, told.conditions) == ("Pending", "", ())


def test_only_what_the_operator_reconciles_is_explained() -> None:
    with pytest.raises(TypeError):
        explained(object(), decide(RUNNING))


def test_the_json_stays_as_it_is() -> None:
    """Whoever reads it relies on these names; fields are only ever added."""
    step = Step(Action.KEEP, AIM_SERVICE, Key("ml", "x"))
    event = EventLine(NOW - timedelta(minutes=1), "Warning", "R", "m", 2)
    told = explained(NO_MODEL, decide(NO_MODEL), step, events=(event,), warnings=("w",), gpus=())
    said = msgspec.json.decode(msgspec.json.encode(told))
    trouble = {"care": "mend", "remedy": REMEDIES["ModelNotFound"].text, "reason": "ModelNotFound"}
    message = 'AIMModel "llama" not found; create it or change spec.model'
    assert set(said) == {
        "candidates", "conditions", "events", "facts", "gpus", "kind", "name", "namespace", "next", "status",
        "recorded", "templates", "trouble", "warnings",
    }  # fmt: skip
    assert said["trouble"] == trouble | {"message": message}
    assert said["conditions"][0] == {
        "type": "Resolved",
        "status": "False",
        "holds": False,
        "since": "2030-01-01T12:00:00Z",
        "trouble": trouble | {"message": message},
        "recorded": None,
    }
    assert said["facts"][1] == {
        "name": "model", "value": "none", "why": 'there is no AIMModel "llama"', "state": "", "trouble": None,
        "see": "", "parts": [],
    }  # fmt: skip
    assert said["next"] == {
        "steps": [{"action": "keep", "kind": "AIMService", "namespace": "ml", "name": "x", "why": ""}],
        "writesStatus": True,
        "seconds": None,
    }
    assert said["events"] == [
        {"at": "2030-01-01T11:59:00Z", "type": "Warning", "reason": "R", "message": "m", "count": 2}
    ]
    assert said["candidates"] is None
    assert said["warnings"][0] == "w"
