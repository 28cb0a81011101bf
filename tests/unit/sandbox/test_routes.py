from datetime import UTC, datetime

import pytest

from aimctrl.kube.meta import Meta
from aimctrl.sandbox.external import Plain
from aimctrl.sandbox.routes import CONTROLLER, decide

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW.replace(hour=13)
A = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "a"}
B = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "b", "namespace": "gw"}
OTHERS = {"parentRef": A, "controllerName": "example.org/other", "conditions": []}


def route(*refs, status=None):
    return Plain(metadata=Meta(name="r", namespace="x", generation=2), spec={"parentRefs": refs}, status=status or {})


def told(plan):
    return [
        (entry["parentRef"]["name"], {c["type"]: (c["status"], c["reason"]) for c in entry["conditions"]})
        for entry in plan.status["parents"]
        if entry["controllerName"] == CONTROLLER
    ]


RESOLVED = {"ResolvedRefs": ("True", "ResolvedRefs")}
ACCEPTED = {"Accepted": ("True", "Accepted"), **RESOLVED}
REFUSED = {"Accepted": ("False", "NotAllowedByListeners"), **RESOLVED}


@pytest.mark.parametrize(
    ("refs", "verdicts", "expected"),
    [
        pytest.param([A], {"a": "accepted"}, [("a", ACCEPTED)], id="accepted"),
        pytest.param([A], {"a": "refused"}, [("a", REFUSED)], id="refused"),
        pytest.param([A, B], {"a": "ignored", "b": "accepted"}, [("b", ACCEPTED)], id="ignored by one of two"),
    ],
)
def test_each_gateway_gives_its_verdict(refs, verdicts, expected):
    plan = decide(route(*refs), verdicts, NOW)
    assert told(plan) == expected
    entry = plan.status["parents"][0]
    assert entry["parentRef"] in refs
    assert {c["observedGeneration"] for c in entry["conditions"]} == {2}


def test_an_absent_gateway_says_nothing():
    assert decide(route(A), {"a": "ignored"}, NOW).status is None


def test_what_other_controllers_say_stays():
    before = {"parents": [OTHERS]}
    assert decide(route(A, status=before), {"a": "ignored"}, NOW).status == before
    assert decide(route(A, status=before), {"a": "accepted"}, NOW).status["parents"][0] == OTHERS


def test_a_parent_that_is_no_longer_named_is_dropped():
    before = decide(route(A, B), {"a": "accepted", "b": "accepted"}, NOW).status
    assert told(decide(route(B, status=before), {"b": "accepted"}, NOW)) == [("b", ACCEPTED)]
    assert decide(route(status=before), {}, NOW).status == {"parents": []}


def test_a_verdict_that_stays_the_same_writes_nothing_new():
    before = decide(route(A), {"a": "accepted"}, NOW).status
    assert decide(route(A, status=before), {"a": "accepted"}, LATER).status == before


def test_a_verdict_that_changes_moves_its_condition_only():
    before = decide(route(A), {"a": "accepted"}, NOW).status
    accepted, resolved = decide(route(A, status=before), {"a": "refused"}, LATER).status["parents"][0]["conditions"]
    assert (accepted["lastTransitionTime"], resolved["lastTransitionTime"]) == (
        "2026-01-01T13:00:00Z",
        "2026-01-01T12:00:00Z",
    )
