"""A finalizer is on its object before there is anything to clean up, and off it when that is done."""

from typing import Any

import pytest

from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.errors import ConflictError, ForbiddenError, MendableError, ServerError, TransientError
from aimctrl.runtime.index import decode_meta
from aimctrl.runtime.plan import Child, Plan, Removal, Target
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder, refused

OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
CHILD: Kind[dict[str, Any]] = Kind("example.com", "v1", "Child", "children", dict)
OURS, THEIRS = "example.com/ours", "example.com/theirs"
CHILD_OF_IT = Child(CHILD, {"metadata": {"name": "c", "namespace": "ns"}, "spec": {}})
OLD = Removal(CHILD, Key("ns", "old"), "old-uid")


class World:
    """A cluster with one owner in it, with those finalizers, and something for it to remove."""

    def __init__(self, *finalizers: str) -> None:
        informers = FakeInformers()
        self.cluster = FakeCluster(informers)
        self.applier = Applier(self.cluster, informers, FakeRecorder(), field_manager="us")  # type: ignore[arg-type]
        meta = {"name": "o", "namespace": "ns", "uid": "o-uid", "finalizers": list(finalizers)}
        self.cluster.put(OWNER, {"metadata": meta, "spec": {}})
        self.cluster.put(CHILD, {"metadata": {"name": "old", "namespace": "ns", "uid": "old-uid"}, "spec": {}})

    async def meta(self) -> Meta:
        return decode_meta(await self.cluster.get(OWNER, Key("ns", "o")))

    async def carry_out(self, **plan: Any) -> list[str]:
        """What was written."""
        target = plan.pop("target", None) or Target(OWNER, await self.meta(), {})
        self.cluster.calls.clear()
        await self.applier.carry_out(Plan(target, **plan))
        return self.writes()

    def writes(self) -> list[str]:
        return [call for call in self.cluster.calls if not call.startswith("get")]

    def refuse(self, verb: str, error: Exception) -> None:
        self.cluster.refuse = lambda asked, _kind, _key: error if asked == verb else None


async def test_a_new_finalizer_is_there_before_any_child_and_beside_those_of_others() -> None:
    world = World(THEIRS)
    writes = await world.carry_out(finalizers=(THEIRS, OURS), children=(CHILD_OF_IT,))
    assert writes == ["patch Owner ns/o", "apply Child ns/c"]
    assert (await world.meta()).finalizers == (THEIRS, OURS)


async def test_a_finalizer_goes_after_the_removals_and_before_the_status() -> None:
    world = World(THEIRS, OURS)
    writes = await world.carry_out(finalizers=(THEIRS,), removals=(OLD,), status={"x": 1})
    assert writes == ["delete Child ns/old", "patch Owner ns/o", "patch/status Owner ns/o"]
    assert (await world.meta()).finalizers == (THEIRS,)


@pytest.mark.parametrize("finalizers", [None, (THEIRS, OURS), (OURS, THEIRS)], ids=["none-said", "same", "other-order"])
async def test_finalizers_that_are_as_they_should_be_cost_nothing(finalizers: Any) -> None:
    world = World(THEIRS, OURS)
    assert await world.carry_out(finalizers=finalizers) == []


@pytest.mark.parametrize("wanted", [(OURS,), ()], ids=["adding", "taking-away"])
async def test_an_object_that_has_changed_since_it_was_looked_at_keeps_its_finalizers(wanted: Any) -> None:
    world = World(*({OURS} - set(wanted)))
    target = Target(OWNER, await world.meta(), {})
    live = world.cluster.live(OWNER, "o")
    world.cluster.put(OWNER, {**live, "metadata": {**live["metadata"], "finalizers": [THEIRS]}})
    with pytest.raises(ConflictError):
        await world.carry_out(target=target, finalizers=wanted, children=(CHILD_OF_IT,) if wanted else ())
    assert (await world.meta()).finalizers == (THEIRS,)
    assert "apply Child ns/c" not in world.writes()


async def test_nothing_is_made_for_an_object_that_is_gone_before_it_has_its_finalizer() -> None:
    world = World()
    target = Target(OWNER, await world.meta(), {})
    world.cluster.drop(OWNER, Key("ns", "o"))
    assert await world.carry_out(target=target, finalizers=(OURS,), children=(CHILD_OF_IT,)) == ["patch Owner ns/o"]


async def test_an_object_that_is_gone_without_its_finalizer_is_fine() -> None:
    world = World(OURS)
    target = Target(OWNER, await world.meta(), {})
    world.cluster.drop(OWNER, Key("ns", "o"))
    assert await world.carry_out(target=target, finalizers=()) == ["patch Owner ns/o"]


async def test_a_removal_that_fails_for_now_keeps_the_finalizer() -> None:
    world = World(OURS)
    world.refuse("delete", refused(ServerError, 500))
    with pytest.raises(TransientError):
        await world.carry_out(finalizers=(), removals=(OLD,))
    assert (await world.meta()).finalizers == (OURS,)


async def test_a_removal_that_is_refused_does_not_keep_the_finalizer() -> None:
    world = World(OURS)
    world.refuse("delete", refused(ForbiddenError, 403))
    with pytest.raises(MendableError):
        await world.carry_out(finalizers=(), removals=(OLD,))
    assert (await world.meta()).finalizers == ()
