"""The applier against a plain model: whatever others do, however writes fail and caches lag, the plan comes about.

And no more than the plan: what is somebody else's stays as it is, and once all is well nothing is written any more.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.errors import (
    Answer,
    ConflictError,
    ConnectionFailedError,
    InvalidError,
    ServerError,
    ThrottledError,
    TransientError,
)
from aimctrl.runtime.index import decode_meta
from aimctrl.runtime.plan import Child, Plan, Refusal, Removal, Target
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder
from support.virtual import UNSHRUNK, VirtualTime

OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
CHILD: Kind[dict[str, Any]] = Kind("example.com", "v1", "Child", "children", dict)
ME = Key("ns", "o")

FAULTS: dict[str, Callable[[], Exception]] = {
    "busy": lambda: ThrottledError(Answer(429, "TooManyRequests", "busy")),
    "broken": lambda: ServerError(Answer(500, "InternalError", "broken")),
    "conflict": lambda: ConflictError(Answer(409, "Conflict", "it moved on")),
    "refused": lambda: InvalidError(Answer(422, "Invalid", "not like this", {"causes": []})),
}

names = st.sampled_from("abc")
numbers = st.integers(0, 3)


class Cluster(FakeCluster):
    """A cluster whose answers may be lost: the write is carried out, and nobody hears of it."""

    lost = 0

    def _written(self, kind: Kind[Any], key: Key, before: Any, after: Any) -> Meta:
        meta = super()._written(kind, key, before, after)
        if self.lost:
            self.lost -= 1
            raise ConnectionFailedError(Answer(reason="ClientOSError", message="reset"))
        return meta


class ApplierMachine(VirtualTime):
    """`wanted` are the children to have: their spec and mode. `foreign` are names that belong to somebody else."""

    @initialize(cached=st.booleans(), managed=st.booleans())
    def begin(self, *, cached: bool, managed: bool) -> None:
        self.informers = FakeInformers()
        self.cluster = Cluster(self.informers)
        self.informers.informer(OWNER)
        if cached:
            self.informers.informer(CHILD).keep_managed_fields = managed
        recorder = FakeRecorder()
        self.applier = Applier(self.cluster, self.informers, recorder, field_manager="us")  # type: ignore[arg-type]
        self.cluster.put(OWNER, {"metadata": {"name": "o", "namespace": "ns", "uid": "o-uid"}, "spec": {}})
        self.wanted: dict[str, tuple[dict[str, int], str]] = {}
        self.foreign: set[str] = set()
        self.status = 0

    # What the plan is to be.

    @rule(name=names, a=numbers, b=st.none() | numbers)
    def want(self, name: str, a: int, b: int | None) -> None:
        self.wanted[name] = ({"a": a} | ({} if b is None else {"b": b}), "create" if name == "c" else "apply")

    @rule(name=names)
    def want_no_longer(self, name: str) -> None:
        self.wanted.pop(name, None)

    @rule(status=numbers)
    def conclude(self, status: int) -> None:
        self.status = status

    @rule()
    def reconcile(self) -> None:
        self.once()

    # What others do.

    @rule(name=names, a=numbers)
    def somebody_edits(self, name: str, a: int) -> None:
        live = self.live(name)
        if live is not None:
            self.cluster.put(CHILD, {**live, "spec": {**live["spec"], "a": a}})

    @rule(name=names)
    def somebody_adds_a_field(self, name: str) -> None:
        live = self.live(name)
        if live is not None:
            self.cluster.put(CHILD, {**live, "spec": {**live["spec"], "z": 1}})

    @rule(name=names)
    def somebody_deletes(self, name: str) -> None:
        if self.live(name) is not None:
            self.cluster.drop(CHILD, Key("ns", name))
            self.foreign.discard(name)

    @rule(name=names)
    def somebody_takes_the_name(self, name: str) -> None:
        if self.live(name) is None:
            self.foreign.add(name)
            self.cluster.put(CHILD, {"metadata": {"name": name, "namespace": "ns"}, "spec": {"theirs": 1}})

    # What goes wrong.

    @rule(
        fault=st.sampled_from(["", *FAULTS]), verb=st.sampled_from(["apply", "create", "delete", "get", "patch/status"])
    )
    def requests_fail(self, fault: str, verb: str) -> None:
        self.cluster.refuse = lambda asked, _kind, _key: FAULTS[fault]() if fault and asked == verb else None

    @rule()
    def an_answer_is_lost(self) -> None:
        self.cluster.lost += 1

    @rule(lagging=st.booleans())
    def watches_lag(self, *, lagging: bool) -> None:
        self.cluster.deliver()
        self.cluster.lagging = lagging

    @invariant()
    def what_is_somebody_elses_stays(self) -> None:
        for name in self.foreign:
            live = self.live(name)
            assert live is not None
            assert live["spec"]["theirs"] == 1
            assert "ownerReferences" not in live["metadata"]

    def teardown(self) -> None:
        try:
            if hasattr(self, "applier"):
                self.heal()
        finally:
            super().teardown()

    def heal(self) -> None:
        self.cluster.refuse = lambda _verb, _kind, _key: None
        self.cluster.lost = 0
        self.cluster.deliver()
        self.cluster.lagging = False
        for _ in range(3):
            refusals = self.once()
        assert refusals is not None
        assert {refusal.child.key.name for refusal in refusals} == self.foreign & set(self.wanted)
        self.cluster.calls.clear()
        self.once()
        assert [call for call in self.cluster.calls if not call.startswith("get")] == self.attempts()
        self.compare()

    def attempts(self) -> list[str]:
        """Without a cache a create is how one finds out that the child is there."""
        if self.informers.find(CHILD) is not None:
            return []
        created = sorted(name for name, (_, mode) in self.wanted.items() if mode == "create")
        return [f"create Child ns/{name}" for name in created]

    def compare(self) -> None:
        for name, (spec, mode) in self.wanted.items():
            live = self.live(name)
            assert live is not None
            if name not in self.foreign and mode == "apply":
                assert {field: value for field, value in live["spec"].items() if field != "z"} == spec
        for name in "abc":
            assert name in self.wanted or name in self.foreign or self.live(name) is None
        if not self.foreign & set(self.wanted):
            assert self.cluster.live(OWNER, "o").get("status") == {"n": self.status}

    def once(self) -> tuple[Refusal, ...] | None:
        """Plan from what the caches show, and carry it out; None where something failed that will pass."""
        try:
            return self.do(self.applier.carry_out(self.plan()))
        except (TransientError, InvalidError):
            return None

    def plan(self) -> Plan:
        seen = msgspec.json.decode(self.informers.informer(OWNER).lister.entry(ME).raw)
        meta = msgspec.convert(seen["metadata"], Meta)
        target = Target(OWNER, meta, seen.get("status", {}))
        refs = [target.owner_reference()]
        children = tuple(
            Child(CHILD, {"metadata": {"name": name, "namespace": "ns", "ownerReferences": refs}, "spec": spec}, mode)  # type: ignore[arg-type]
            for name, (spec, mode) in sorted(self.wanted.items())
        )
        removals = tuple(Removal(CHILD, Key("ns", name), uid) for name, uid in self.owned() if name not in self.wanted)
        return Plan(target, status={"n": self.status}, children=children, removals=removals)

    def owned(self) -> list[tuple[str, str]]:
        """Our children as one knows them: from the cache, or by asking where there is none."""
        informer = self.informers.find(CHILD)
        if informer is not None:
            metas = [entry.meta() for _, entry in informer.store.items()]
        else:
            raw = [
                msgspec.json.encode(live) for (kind, _), live in self.cluster.objects.items() if kind == CHILD.resource
            ]
            metas = [decode_meta(one) for one in raw]
        return sorted((meta.name, meta.uid) for meta in metas if meta.owned_by("o-uid"))

    def live(self, name: str) -> dict[str, Any] | None:
        return self.cluster.objects.get((CHILD.resource, Key("ns", name)))


TestApplier = ApplierMachine.TestCase
TestApplier.settings = UNSHRUNK
