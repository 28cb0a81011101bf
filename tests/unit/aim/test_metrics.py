"""What the operator shows of its objects, and how little it looks at for that."""

from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aimctrl.aim.metrics import Census
from aimctrl.aim.operator import add_controllers
from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.reconcilers import RECONCILED
from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE, AIM_SERVICE_TEMPLATE
from aimctrl.kube.kinds import Key
from aimctrl.runtime.lister import Available, Lister
from aimctrl.runtime.manager import Manager
from aimctrl.runtime.store import Entry, Store
from support.fake_api import FakeApi


class Api(FakeApi):
    field_manager = "aimctrl"
    fence = None


def entry(state: str = "", reason: str = "", *, ready: str = "False", version: int = 1) -> Entry:
    conditions = [{"type": "Ready", "status": ready, "reason": reason}] if reason else []
    status = {"status": state, "conditions": conditions} if state else {}
    return Entry(msgspec.json.encode({"metadata": {"name": "a"}, "spec": {}, "status": status}), version, 1)


@pytest.fixture
def manager() -> Manager:
    manager = Manager(Api())  # type: ignore[arg-type]
    add_controllers(manager, OperatorOptions(max_discovery_jobs=7))
    return manager


def shown(manager: Manager, name: str) -> dict[tuple[str, ...], float]:
    """The series of a metric by the values of its labels, in the order of the labels' names; zeros left out."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(manager.metrics.exposition().decode())
        for sample in family.samples
        if sample.name == name and sample.value
    }


def put(manager: Manager, kind: Any, **entries: Entry) -> None:
    for name, one in entries.items():
        manager.informers.informer(kind).store.put(Key("ns" if kind.namespaced else "", name), one)


async def test_objects_are_counted_by_kind_and_state(manager: Manager) -> None:
    put(manager, AIM_SERVICE, a=entry("Running", "RuntimeReady", ready="True"), b=entry("Running"), c=entry("Failed"))
    put(manager, AIM_CLUSTER_SERVICE_TEMPLATE, t=entry("NotAvailable", "GPUNotAvailable"))
    assert shown(manager, "aim_objects") == {
        ("AIMService", "Running"): 2,
        ("AIMService", "Failed"): 1,
        ("AIMClusterServiceTemplate", "NotAvailable"): 1,
    }


async def test_a_state_without_objects_is_shown_as_none(manager: Manager) -> None:
    text = manager.metrics.exposition().decode()
    assert 'aim_objects{kind="AIMServiceTemplate",state="NotAvailable"} 0.0' in text
    assert all(f'aim_objects{{kind="{kind.name}",state="Failed"}} 0.0' in text for kind in RECONCILED)


async def test_what_nobody_has_looked_at_yet_is_pending(manager: Manager) -> None:
    put(manager, AIM_SERVICE, new=entry())
    assert shown(manager, "aim_objects") == {("AIMService", "Pending"): 1}
    assert shown(manager, "aim_objects_not_ready") == {}


async def test_what_is_not_ready_is_counted_by_its_reason(manager: Manager) -> None:
    put(
        manager,
        AIM_SERVICE_TEMPLATE,
        a=entry("Degraded", "DiscoveryFailed"),
        b=entry("Degraded", "DiscoveryFailed"),
        c=entry("Progressing", "AwaitingDiscovery", ready="Unknown"),
        d=entry("Ready", "ProfilesDiscovered", ready="True"),
    )
    assert shown(manager, "aim_objects_not_ready") == {
        ("AIMServiceTemplate", "DiscoveryFailed"): 2,
        ("AIMServiceTemplate", "AwaitingDiscovery"): 1,
    }


async def test_what_cannot_be_read_has_failed(manager: Manager) -> None:
    raw = b'{"metadata": {"name": "odd"}, "status": {"status": 7}}'
    put(manager, AIM_SERVICE, odd=Entry(raw, 1, 1))
    assert shown(manager, "aim_objects") == {("AIMService", "Failed"): 1}
    assert shown(manager, "aim_objects_not_ready") == {("AIMService", "Undecodable"): 1}


async def test_an_object_nested_too_deep_for_the_decoder_is_counted_as_it_is(manager: Manager) -> None:
    deep = b"[" * 5000 + b"]" * 5000
    raw = b'{"metadata": {"name": "odd"}, "spec": ' + deep + b', "status": {"status": "Running"}}'
    put(manager, AIM_SERVICE, odd=Entry(raw, 1, 1))
    assert shown(manager, "aim_objects") == {("AIMService", "Running"): 1}


async def test_what_is_gone_is_counted_no_more(manager: Manager) -> None:
    put(manager, AIM_SERVICE, a=entry("Running"))
    assert shown(manager, "aim_objects")
    manager.informers.informer(AIM_SERVICE).store.remove(Key("ns", "a"))
    assert shown(manager, "aim_objects") == {}


def test_only_what_has_changed_is_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    census = Census(Lister(AIM_SERVICE, store, Available))
    looked: list[bytes] = []
    standing = census._standing
    monkeypatch.setattr(census, "_standing", lambda raw: looked.append(raw) or standing(raw))
    store.put(Key("ns", "a"), entry("Running"))
    store.put(Key("ns", "b"), entry("Starting", "CreatingRuntime"))
    assert census.take() == {("Running", ""): 1, ("Starting", "CreatingRuntime"): 1}
    changed = entry("Running", version=2)
    store.put(Key("ns", "b"), changed)
    looked.clear()
    assert census.take() == {("Running", ""): 2}
    assert looked == [changed.raw]


async def test_the_slots_of_discovery_are_shown(manager: Manager) -> None:
    assert shown(manager, "aim_discovery_slots") == {(): 7}
    text = manager.metrics.exposition().decode()
    assert "aim_discovery_slots_taken 0.0" in text
    assert "aim_discovery_waiting 0.0" in text


async def test_an_operator_of_some_namespaces_shows_the_cluster_kinds_it_reads() -> None:
    manager = Manager(Api(), namespaces=("ns",))  # type: ignore[arg-type]
    add_controllers(manager)
    put(manager, AIM_CLUSTER_SERVICE_TEMPLATE, t=entry("Ready"))
    assert shown(manager, "aim_objects") == {("AIMClusterServiceTemplate", "Ready"): 1}
