"""Everything AIM in one list: what each object says, and what is stuck on top."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from aimctrl.aim.overview import NOT_LOOKED_AT, Row, ordered, row
from aimctrl.api.kinds import AIM_CLUSTER_RUNTIME_CONFIG, AIM_SERVICE, AIM_TEMPLATE_CACHE
from aimctrl.api.reasons import CacheState, ModelState, ServiceState, TemplateState
from aimctrl.kube.kinds import Key, Kind

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = Key("ns", "x")


def of(kind: Kind[Any], status: dict[str, Any] | None) -> Row:
    raw = {"metadata": {"name": "x", "namespace": "ns", "creationTimestamp": "2030-01-01T00:00:00Z"}}
    return row(kind, KEY, msgspec.json.encode(raw | ({} if status is None else {"status": status})))


def test_the_reason_is_that_of_the_condition_ready() -> None:
    conditions = [
        {"type": "Resolved", "status": "True", "reason": "Resolved"},
        {"type": "Ready", "status": "False", "reason": "CacheFailed", "message": "no space"},
    ]
    found = of(AIM_TEMPLATE_CACHE, {"status": "Failed", "conditions": conditions})
    assert found == Row("AIMTemplateCache", "ns", "x", "Failed", "CacheFailed", "no space", NOW)


@pytest.mark.parametrize("status", [None, {}, {"status": "Pending"}, {"status": "Pending", "conditions": []}])
def test_what_the_operator_has_not_looked_at_is_pending(status: dict[str, Any] | None) -> None:
    assert of(AIM_SERVICE, status) == Row("AIMService", "ns", "x", "Pending", "", NOT_LOOKED_AT, NOW)


def test_a_runtime_config_has_no_state() -> None:
    assert of(AIM_CLUSTER_RUNTIME_CONFIG, None) == Row("AIMClusterRuntimeConfig", "ns", "x", "", "", "", NOW)


def test_what_cannot_be_read_is_on_top() -> None:
    found = row(AIM_SERVICE, KEY, b'{"metadata": {"name": 7}}')
    assert (found.name, found.status, found.reason) == ("x", "Failed", "Undecodable")
    assert found.message


def one(status: str, name: str = "x", kind: str = "AIMService", *, age: float = 0) -> Row:
    return Row(kind, "ns", name, status, "", "", NOW - timedelta(seconds=age))


def test_what_is_stuck_comes_first_and_of_what_is_on_its_way_the_oldest() -> None:
    wanted = (
        one("Failed", "a"),
        one("Failed", "b", age=9),
        one("Degraded"),
        one("NotAvailable"),
        one("Progressing", "old", age=300),
        one("Pending", "older", age=200),
        one("Starting", "new", age=100),
        one("Ready", "x", "AIMModel"),
        one("Available", "x", "AIMModelCache"),
        one("Running", "a", age=1),
        one("Running", "b", age=2),
    )
    assert ordered(reversed(wanted)) == wanted


@pytest.mark.parametrize("state", sorted({*ModelState, *TemplateState, *ServiceState, *CacheState}))
def test_every_state_has_its_place(state: str) -> None:
    fine = {"Ready", "Running", "Available"}
    rows = ordered([one("Running", "first"), one(state, "second")])
    assert rows[0].name == ("first" if state in fine else "second")
