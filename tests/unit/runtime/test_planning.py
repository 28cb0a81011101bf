"""Observe, decide, carry out; and decide again where children are refused."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.errors import ForbiddenError, InvalidError, MendableError, ServerError
from aimctrl.runtime.plan import Child, Note, Plan, Refusal, Target
from aimctrl.runtime.planning import REFUSED_PAUSE, PlanReconciler
from aimctrl.runtime.request import Request, Result
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder, refused

OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
CHILD: Kind[dict[str, Any]] = Kind("example.com", "v1", "Child", "children", dict)
REQUEST = Request(Key("ns", "o"), datetime(2026, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Seen:
    target: Target
    requeue_after: float | None = None
    refused: tuple[str, ...] = ()


class Plain(PlanReconciler[Seen]):
    """One child, and a status that says how it went."""

    def __init__(self, applier: Applier, seen: Seen | None) -> None:
        super().__init__(applier)
        self.seen = seen
        self.reserved: list[Plan] = []

    async def observe(self, request: Request) -> Seen | None:
        assert request is REQUEST
        return self.seen

    def decide(self, observed: Seen) -> Plan:
        meta = {"name": "c", "namespace": "ns", "ownerReferences": [observed.target.owner_reference()]}
        return Plan(
            observed.target,
            status={"refused": list(observed.refused)},
            children=(Child(CHILD, {"metadata": meta, "spec": {}}),),
            notes=(Note("Refused" if observed.refused else "Fine", ""),),
            requeue_after=observed.requeue_after,
        )

    def decided(self, observed: Seen, plan: Plan) -> None:
        assert observed is self.seen
        self.reserved.append(plan)


class Explaining(Plain):
    def refused(self, observed: Seen, refusals: tuple[Refusal, ...]) -> Seen:
        return replace(observed, refused=tuple(refusal.reason for refusal in refusals))


class World:
    def __init__(self) -> None:
        informers = FakeInformers()
        self.cluster = FakeCluster(informers)
        self.recorder = FakeRecorder()
        self.applier = Applier(self.cluster, informers, self.recorder, field_manager="us")  # type: ignore[arg-type]
        self.cluster.put(OWNER, {"metadata": {"name": "o", "namespace": "ns", "uid": "o-uid"}, "spec": {}})
        self.seen = Seen(Target(OWNER, Meta(name="o", namespace="ns", uid="o-uid"), {}))

    def refuse_children(self, error: Exception) -> None:
        self.cluster.refuse = lambda verb, _kind, _key: error if verb == "apply" else None

    @property
    def status(self) -> Any:
        return self.cluster.live(OWNER, "o").get("status")


async def test_an_object_that_is_gone_needs_nothing() -> None:
    world = World()
    assert await Plain(world.applier, None).reconcile(REQUEST) == Result()
    assert world.cluster.calls == []


async def test_what_is_decided_is_carried_out() -> None:
    world = World()
    reconciler = Plain(world.applier, replace(world.seen, requeue_after=5.0))
    assert await reconciler.reconcile(REQUEST) == Result(5.0)
    assert world.status == {"refused": []}
    assert world.recorder.reasons == ["Fine"]
    assert len(reconciler.reserved) == 1


@pytest.mark.parametrize(
    ("requeue_after", "result"),
    [(None, REFUSED_PAUSE), (5.0, 5.0), (3600.0, REFUSED_PAUSE)],
    ids=["never", "soon", "late"],
)
async def test_a_refusal_is_told_in_the_status_and_tried_again(requeue_after: float | None, result: float) -> None:
    world = World()
    world.refuse_children(refused(InvalidError, 422, "spec: bad"))
    reconciler = Explaining(world.applier, replace(world.seen, requeue_after=requeue_after))
    assert await reconciler.reconcile(REQUEST) == Result(result)
    assert world.status == {"refused": ["Invalid"]}
    assert world.recorder.reasons == ["Refused"]
    assert [call for call in world.cluster.calls if call.startswith("patch")] == ["patch/status Owner ns/o"]
    assert len(reconciler.reserved) == 1


@pytest.mark.parametrize(
    ("causes", "level"),
    [([], "warning"), ([{"reason": "NamespaceTerminating"}], "debug")],
    ids=["forbidden", "namespace-being-deleted"],
)
async def test_a_refusal_is_logged_where_somebody_can_mend_it(causes: list[dict[str, str]], level: str) -> None:
    world = World()
    world.refuse_children(refused(ForbiddenError, 403, causes=causes))
    with capture_logs() as logs:
        await Explaining(world.applier, world.seen).reconcile(REQUEST)
    assert [entry["log_level"] for entry in logs if entry["event"] == "child refused"] == [level]


async def test_a_refusal_nobody_explains_is_an_error_to_mend() -> None:
    world = World()
    world.refuse_children(refused(InvalidError, 422, "spec: bad"))
    with pytest.raises(MendableError, match="Child ns/c: spec: bad"):
        await Plain(world.applier, world.seen).reconcile(REQUEST)
    assert world.status is None


async def test_a_fault_that_passes_never_shows_in_the_status() -> None:
    world = World()
    world.refuse_children(refused(ServerError, 500))
    with pytest.raises(ServerError):
        await Explaining(world.applier, world.seen).reconcile(REQUEST)
    assert world.status is None
    assert world.recorder.reasons == []
