"""What carrying a plan out would come to is told before, and nothing is written to find out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aimctrl.kube.core import NAMESPACES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.errors import ForbiddenError, NotFoundError, ServerError, UnauthorizedError
from aimctrl.runtime.foresight import Action, Foresight
from aimctrl.runtime.plan import Child, Plan, Refusal, Removal, Target
from aimctrl.runtime.planning import REFUSED_PAUSE, PlanReconciler
from aimctrl.runtime.request import Request
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder, refused

OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
CHILD: Kind[dict[str, Any]] = Kind("example.com", "v1", "Child", "children", dict)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key("ns", "c")


class World:
    """A namespace with one owner in it, and an applier."""

    def __init__(self, *, terminating: bool = False) -> None:
        informers = FakeInformers()
        self.cluster = FakeCluster(informers)
        self.recorder = FakeRecorder()
        self.applier = Applier(self.cluster, informers, self.recorder, field_manager="us")  # type: ignore[arg-type]
        ending = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if terminating else {}
        self.cluster.put(NAMESPACES, {"metadata": {"name": "ns", "namespace": "", **ending}})
        self.target = Target(OWNER, Meta(name="o", namespace="ns", uid="o-uid", finalizers=("a/b",)), {})

    def child(self, spec: Any = None, mode: Any = "apply", **parts: Any) -> Child:
        meta = {"name": "c", "namespace": "ns", "ownerReferences": [self.target.owner_reference()]}
        return Child(CHILD, {"metadata": meta, "spec": spec or {"a": 1}}, mode=mode, **parts)

    def put(self, **meta: Any) -> None:
        """Have an object of the child's name that somebody else made."""
        self.cluster.put(CHILD, {"metadata": {"name": "c", "namespace": "ns", **meta}, "spec": {"a": 1}})

    async def have(self, child: Child) -> None:
        await self.applier.carry_out(Plan(self.target, children=(child,)))
        self.cluster.calls.clear()

    async def foresee(self, *children: Child, **plan: Any) -> list[tuple[Action, str]]:
        """The steps: what would be done, and why; nothing but reads may have been asked for."""
        self.cluster.calls.clear()
        steps = await self.applier.foresee(Plan(self.target, children=children, **plan))
        assert all(call.startswith("get ") for call in self.cluster.calls)
        assert self.recorder.notes == []
        assert all(step.key == KEY for step in steps if step.kind == CHILD)
        return [(step.action, step.why) for step in steps]


async def test_what_is_not_there_is_created() -> None:
    world = World()
    assert await world.foresee(world.child(), world.child(mode="create")) == [(Action.CREATE, "")] * 2


async def test_a_patch_of_what_is_gone_is_nothing() -> None:
    world = World()
    assert await world.foresee(world.child(mode="patch", uid="u")) == [(Action.KEEP, "gone already")]


async def test_what_was_looked_at_and_is_gone_is_waited_with() -> None:
    world = World()
    assert await world.foresee(world.child(uid="u")) == [(Action.WAIT, "gone since it was looked at")]


async def test_what_is_as_it_should_be_is_left_alone() -> None:
    world = World()
    await world.have(world.child())
    assert await world.foresee(world.child(), world.child(mode="create")) == [(Action.KEEP, "")] * 2


async def test_what_differs_is_applied() -> None:
    world = World()
    await world.have(world.child())
    assert await world.foresee(world.child({"a": 2})) == [(Action.APPLY, "")]
    assert await world.foresee(world.child({"a": 2}, mode="patch")) == [(Action.APPLY, "")]
    assert await world.foresee(world.child({"a": 1}, mode="patch")) == [(Action.KEEP, "")]


async def test_the_childs_own_field_manager_counts() -> None:
    world = World()
    await world.have(world.child(manager="other"))
    assert await world.foresee(world.child(manager="other")) == [(Action.KEEP, "")]
    assert await world.foresee(world.child()) == [(Action.APPLY, "")]


async def test_what_belongs_to_somebody_else_is_refused() -> None:
    world = World()
    world.put()
    told = "Child ns/c exists and belongs to somebody else"
    assert await world.foresee(world.child()) == [(Action.REFUSED, told)]


async def test_what_is_being_deleted_is_waited_for() -> None:
    world = World()
    world.put(ownerReferences=[world.target.owner_reference()], deletionTimestamp="2026-01-01T00:00:00Z")
    assert await world.foresee(world.child()) == [(Action.WAIT, "Child ns/c is being deleted")]


async def test_nothing_can_be_made_in_a_namespace_that_is_not_there_or_goes() -> None:
    world = World(terminating=True)
    assert await world.foresee(world.child()) == [(Action.REFUSED, "namespace ns is being deleted")]
    world.cluster.drop(NAMESPACES, Key("", "ns"))
    ((action, why),) = await world.foresee(world.child())
    assert action is Action.REFUSED
    assert "ns" in why


@pytest.mark.parametrize(
    ("error", "action", "why"),
    [
        pytest.param(refused(ForbiddenError, 403, "not you"), Action.UNKNOWN, "not you", id="forbidden"),
        pytest.param(
            refused(NotFoundError, 404, "404 page not found"),
            Action.REFUSED,
            "the API server does not know children.example.com of example.com/v1",
            id="kind missing",
        ),
    ],
)
async def test_what_cannot_be_read_is_told(error: Exception, action: Action, why: str) -> None:
    world = World()
    world.cluster.refuse = lambda _verb, kind, _key: error if kind == CHILD else None
    assert await world.foresee(world.child()) == [(action, why)]


async def test_a_namespace_that_may_not_be_read_is_taken_for_there() -> None:
    world = World()
    world.cluster.refuse = lambda _verb, kind, _key: refused(ForbiddenError, 403) if kind == NAMESPACES else None
    assert await world.foresee(world.child()) == [(Action.CREATE, "")]


@pytest.mark.parametrize("error", [refused(ServerError, 500), refused(UnauthorizedError, 401)])
async def test_what_keeps_everything_from_being_read_is_raised(error: Exception) -> None:
    world = World()
    world.cluster.refuse = lambda _verb, _kind, _key: error
    with pytest.raises(type(error)):
        await world.foresee(world.child())
    with pytest.raises(type(error)):
        await world.foresee(removals=(Removal(CHILD, KEY, "u"),))


@pytest.mark.parametrize(
    ("removal", "expected"),
    [
        pytest.param({"uid": "c-uid"}, (Action.REMOVE, ""), id="there"),
        pytest.param({"uid": "other"}, (Action.KEEP, "gone already"), id="a namesake"),
        pytest.param({"uid": "c-uid", "version": "1"}, (Action.WAIT, "changed since it was looked at"), id="changed"),
    ],
)
async def test_removals_are_pinned(removal: dict[str, str], expected: tuple[Action, str]) -> None:
    world = World()
    world.put(uid="c-uid")
    assert await world.foresee(removals=(Removal(CHILD, KEY, **removal),)) == [expected]


async def test_what_is_gone_need_not_be_removed() -> None:
    world = World()
    assert await world.foresee(removals=(Removal(CHILD, KEY, "u"),)) == [(Action.KEEP, "gone already")]
    world.cluster.refuse = lambda _verb, _kind, _key: refused(ForbiddenError, 403, "not you")
    assert await world.foresee(removals=(Removal(CHILD, KEY, "u"),)) == [(Action.UNKNOWN, "not you")]


@pytest.mark.parametrize(
    ("finalizers", "expected"),
    [
        pytest.param(None, [], id="left alone"),
        pytest.param(("a/b",), [], id="there"),
        pytest.param(("c/d", "a/b"), [(Action.APPLY, "its finalizers: a/b, c/d")], id="a new one"),
        pytest.param((), [(Action.APPLY, "its finalizers: none")], id="let go"),
    ],
)
async def test_finalizers_are_told(finalizers: tuple[str, ...] | None, expected: list[tuple[Action, str]]) -> None:
    world = World()
    assert await world.foresee(finalizers=finalizers) == expected


@dataclass(frozen=True, slots=True)
class Seen:
    refused: tuple[str, ...] = ()


class Reconciler(PlanReconciler[Seen]):
    """One child, and a status that says how it went."""

    def __init__(self, world: World, seen: Seen | None = Seen(), pause: float | None = None) -> None:
        super().__init__(world.applier)
        self.world = world
        self.seen = seen
        self.pause = pause

    async def observe(self, request: Request) -> Seen | None:
        return self.seen

    def decide(self, observed: Seen) -> Plan:
        status = {"refused": list(observed.refused), "unset": None}
        return Plan(self.world.target, status, (self.world.child(),), requeue_after=self.pause)

    def refused(self, observed: Seen, refusals: tuple[Refusal, ...]) -> Seen:
        return replace(observed, refused=tuple(refusal.reason for refusal in refusals))

    def decided(self, observed: Seen, plan: Plan) -> None:
        raise AssertionError("nothing is reserved")


async def foresight(*parts: Any, arrange: Callable[[World], None] = lambda _: None) -> Foresight[Seen] | None:
    world = World()
    arrange(world)
    return await Reconciler(world, *parts).foresee(Request(Key("ns", "o"), NOW))


async def test_there_is_nothing_to_foresee_of_what_is_gone() -> None:
    assert await foresight(None) is None


async def test_a_reconcile_is_foreseen_up_to_its_writes() -> None:
    told = await foresight(Seen(), 7.0)
    assert told is not None
    assert [step.action for step in told.steps] == [Action.CREATE]
    assert told.plan.status == {"refused": [], "unset": None}
    assert told.writes_status
    assert told.requeue_after == 7.0


@pytest.mark.parametrize(("pause", "expected"), [(None, REFUSED_PAUSE), (7.0, 7.0), (900.0, REFUSED_PAUSE)])
async def test_refusals_that_can_be_foreseen_are_decided_on(pause: float | None, expected: float) -> None:
    told = await foresight(Seen(), pause, arrange=World.put)
    assert told is not None
    assert told.observed == Seen(("NameConflict",))
    assert told.plan.status == {"refused": ["NameConflict"], "unset": None}
    assert [step.action for step in told.steps] == [Action.REFUSED]
    assert told.requeue_after == expected


def test_a_status_that_says_the_same_is_not_written() -> None:
    target = Target(OWNER, Meta(), {"refused": []})
    assert not Foresight(None, Plan(target, {"refused": (), "unset": None}), (), None).writes_status
    assert not Foresight(None, Plan(target, None), (), None).writes_status
    assert Foresight(None, Plan(target, {"refused": ["x"]}), (), None).writes_status
