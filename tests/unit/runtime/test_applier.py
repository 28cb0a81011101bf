"""A plan becomes the state of the world, by as few writes as it takes, and never at somebody else's cost."""

from typing import Any

import pytest
from pydantic import Field

from aimctrl.kube.kinds import Key, Kind, Model, Resource
from aimctrl.kube.meta import Meta
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ServerError,
    TransientError,
    UnauthorizedError,
)
from aimctrl.runtime.foresight import Foresight
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.plan import Child, Note, Plan, Removal, Target
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder, refused

OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
CHILD: Kind[dict[str, Any]] = Kind("example.com", "v1", "Child", "children", dict)


class World:
    """A cluster with one owner in it, and an applier."""

    def __init__(self, *, cached: bool = True) -> None:
        self.informers = FakeInformers()
        self.cluster = FakeCluster(self.informers)
        self.recorder = FakeRecorder()
        self.applier = Applier(self.cluster, self.informers, self.recorder, field_manager="us")  # type: ignore[arg-type]
        self.informers.informer(OWNER)
        if cached:
            self.informers.informer(CHILD).keep_managed_fields = True
        self.cluster.put(OWNER, {"metadata": {"name": "o", "namespace": "ns", "uid": "o-uid"}, "spec": {}})
        self.target = Target(OWNER, Meta(name="o", namespace="ns", uid="o-uid", generation=1), {})

    def manifest(self, spec: Any, name: str = "c", **meta: Any) -> dict[str, Any]:
        refs = [self.target.owner_reference()]
        return {"metadata": {"name": name, "namespace": "ns", "ownerReferences": refs, **meta}, "spec": spec}

    async def carry_out(self, *children: Child, **plan: Any) -> list[tuple[str, str]]:
        """The refusals' names and reasons."""
        refusals = await self.applier.carry_out(Plan(self.target, children=children, **plan))
        return [(refusal.child.key.name, refusal.reason) for refusal in refusals]

    def writes(self) -> list[str]:
        """What was written so far, and forget it."""
        calls = [call for call in self.cluster.calls if not call.startswith("get")]
        self.cluster.calls.clear()
        self.cluster.bodies.clear()
        return calls

    def spec(self, name: str = "c") -> Any:
        return self.cluster.live(CHILD, name)["spec"]


async def test_a_child_that_is_not_there_is_applied_and_told_of_once() -> None:
    world = World()
    child = Child(CHILD, world.manifest({"a": 1}), created=Note("Made", "m"), changed=Note("Moved", "m"))
    assert await world.carry_out(child) == []
    assert await world.carry_out(child) == []
    assert world.writes() == ["apply Child ns/c"]
    assert world.spec() == {"a": 1}
    assert world.recorder.reasons == ["Made"]


async def test_a_child_that_differs_is_applied_and_told_of() -> None:
    world = World()
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    await world.carry_out(Child(CHILD, world.manifest({"a": 2}), created=Note("Made", ""), changed=Note("Moved", "")))
    assert world.spec() == {"a": 2}
    assert world.recorder.reasons == ["Moved"]


async def test_a_field_that_is_dropped_from_the_manifest_is_removed() -> None:
    world = World()
    await world.carry_out(Child(CHILD, world.manifest({"a": 1, "b": 2})))
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    assert world.spec() == {"a": 1}


async def test_what_others_add_to_a_child_stays_and_costs_no_write() -> None:
    world = World()
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    world.writes()
    live = world.cluster.live(CHILD, "c")
    world.cluster.put(CHILD, {**live, "spec": {"a": 1, "defaulted": True}, "status": {"phase": "Running"}})
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    assert world.writes() == []
    assert world.spec() == {"a": 1, "defaulted": True}


async def test_what_others_change_is_put_right() -> None:
    world = World()
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    world.cluster.put(CHILD, {**world.cluster.live(CHILD, "c"), "spec": {"a": 5}})
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    assert world.spec() == {"a": 1}


async def test_a_restart_applies_nothing_that_is_there() -> None:
    world = World()
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    world.writes()
    world.applier = Applier(world.cluster, world.informers, world.recorder, field_manager="us")  # type: ignore[arg-type]
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    assert world.writes() == []


async def test_a_server_that_stores_other_words_is_not_written_to_for_ever() -> None:
    world = World()
    world.cluster.admit = lambda live: live["spec"].update(size="1")
    for _ in range(3):
        await world.carry_out(Child(CHILD, world.manifest({"size": "1000m"})))
    assert world.writes() == ["apply Child ns/c"]
    status = {**world.cluster.live(CHILD, "c"), "status": {"phase": "Running"}}
    world.cluster.put(CHILD, status)
    await world.carry_out(Child(CHILD, world.manifest({"size": "1000m"})))
    assert world.writes() == []


async def test_an_apply_is_pinned_to_the_object_that_was_seen() -> None:
    world = World()
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    assert "uid" not in world.cluster.bodies[-1]["metadata"]
    await world.carry_out(Child(CHILD, world.manifest({"a": 2})))
    assert world.cluster.bodies[-1]["metadata"]["uid"] == world.cluster.live(CHILD, "c")["metadata"]["uid"]


async def test_a_namesake_that_came_since_it_was_seen_is_not_written_to() -> None:
    world = World()
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    world.cluster.lagging = True
    world.cluster.drop(CHILD, Key("ns", "c"))
    world.cluster.put(CHILD, world.manifest({"theirs": 1}, uid="other"))
    with pytest.raises(TransientError, match="another object"):
        await world.carry_out(Child(CHILD, world.manifest({"a": 2})))
    assert world.spec() == {"theirs": 1}


@pytest.mark.parametrize("cached", [True, False], ids=["in-the-cache", "not-cached"])
@pytest.mark.parametrize("mode", ["apply", "create"])
async def test_an_object_without_our_owner_is_never_adopted(mode: Any, cached: bool) -> None:
    world = World(cached=cached)
    theirs = {"metadata": {"name": "c", "namespace": "ns"}, "spec": {"theirs": 1}}
    world.cluster.put(CHILD, theirs)
    refusals = await world.carry_out(Child(CHILD, world.manifest({"a": 1}), mode=mode), status={"x": 1})
    assert refusals == [("c", "NameConflict")]
    assert world.spec() == {"theirs": 1}
    assert "ownerReferences" not in world.cluster.live(CHILD, "c")["metadata"]


async def test_what_a_former_owner_of_the_name_left_is_waited_for() -> None:
    world = World()
    former = world.target.owner_reference() | {"uid": "former"}
    world.cluster.put(CHILD, world.manifest({"a": 0}, ownerReferences=[former]))
    with pytest.raises(TransientError, match="former owner"):
        await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    assert world.spec() == {"a": 0}


async def test_a_child_pinned_by_uid_may_be_anybodys() -> None:
    world = World()
    world.cluster.put(CHILD, {"metadata": {"name": "c", "namespace": "ns", "uid": "seen"}, "spec": {"base": 1}})
    child = Child(CHILD, {"metadata": {"name": "c", "namespace": "ns"}, "spec": {"a": 1}}, uid="seen", manager="svc")
    assert await world.carry_out(child) == []
    assert world.spec() == {"base": 1, "a": 1}
    managers = {entry["manager"] for entry in world.cluster.live(CHILD, "c")["metadata"]["managedFields"]}
    assert "svc" in managers


@pytest.mark.parametrize("there", [True, False], ids=["another-one", "gone"])
async def test_a_child_pinned_by_uid_that_is_not_that_one_is_left_alone(there: bool) -> None:
    world = World()
    if there:
        world.cluster.put(CHILD, world.manifest({"base": 1}))
    with pytest.raises(TransientError):
        await world.carry_out(Child(CHILD, world.manifest({"a": 1}), uid="seen"))
    assert world.writes() == []


@pytest.mark.parametrize("mode", ["apply", "create"])
async def test_a_child_being_deleted_is_waited_for(mode: Any) -> None:
    world = World()
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    live = world.cluster.live(CHILD, "c")
    dying = {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    world.cluster.put(CHILD, {**live, "metadata": dying})
    world.writes()
    with pytest.raises(TransientError, match="being deleted"):
        await world.carry_out(Child(CHILD, world.manifest({"a": 2}), mode=mode), status={"x": 1})
    assert world.writes() == []


async def test_a_created_child_is_never_changed() -> None:
    world = World()
    child = Child(CHILD, world.manifest({"a": 1}), mode="create", created=Note("Made", ""))
    await world.carry_out(child)
    await world.carry_out(Child(CHILD, world.manifest({"a": 2}), mode="create", created=Note("Made", "")))
    assert world.spec() == {"a": 1}
    assert world.writes() == ["create Child ns/c"]
    assert world.recorder.reasons == ["Made"]


async def test_a_child_created_by_somebody_faster_is_fine() -> None:
    world = World(cached=False)
    child = Child(CHILD, world.manifest({"a": 1}), mode="create", created=Note("Made", ""))
    for _ in range(2):
        assert await world.carry_out(child) == []
    assert world.recorder.reasons == ["Made"]


async def test_a_patch_changes_what_it_names_once() -> None:
    world = World()
    world.cluster.put(CHILD, world.manifest({"a": 1, "b": 2}))
    patch = Child(CHILD, {"metadata": {"name": "c", "namespace": "ns"}, "spec": {"b": None}}, mode="patch")
    for _ in range(2):
        await world.carry_out(patch)
    assert world.spec() == {"a": 1}
    assert world.writes() == ["patch Child ns/c"]


async def test_a_patch_of_what_is_gone_is_no_error() -> None:
    world = World()
    patch = Child(CHILD, {"metadata": {"name": "c", "namespace": "ns"}, "spec": {"b": 1}}, mode="patch")
    assert await world.carry_out(patch) == []


async def test_removals_are_pinned_to_the_object_meant() -> None:
    world = World(cached=False)
    world.cluster.put(CHILD, world.manifest({}, uid="mine"))
    world.cluster.put(CHILD, world.manifest({}, name="d", uid="theirs"))
    removals = tuple(Removal(CHILD, Key("ns", name), "mine", Note("Gone", name)) for name in "cde")
    await world.carry_out(removals=removals)
    assert [key.name for _, key in world.cluster.objects if key.name != "o"] == ["d"]
    assert [note.message for _, note in world.recorder.notes] == ["c", "e"]


async def test_what_has_changed_since_it_was_looked_at_is_not_removed() -> None:
    world = World(cached=False)
    world.cluster.put(CHILD, world.manifest({}, uid="mine"))
    with pytest.raises(ConflictError):
        await world.carry_out(removals=(Removal(CHILD, Key("ns", "c"), "mine", version="older"),))
    assert "c" in {key.name for _, key in world.cluster.objects}
    version = world.cluster.live(CHILD, "c")["metadata"]["resourceVersion"]
    await world.carry_out(removals=(Removal(CHILD, Key("ns", "c"), "mine", version=version),))
    assert "c" not in {key.name for _, key in world.cluster.objects}


async def test_a_removal_the_cache_knows_to_be_done_costs_nothing() -> None:
    world = World()
    await world.carry_out(removals=(Removal(CHILD, Key("ns", "c"), "mine"),))
    assert world.writes() == []


async def test_children_come_before_removals_and_both_before_the_status_and_its_notes() -> None:
    world = World(cached=False)
    world.cluster.put(CHILD, world.manifest({}, name="old", uid="old"))
    await world.carry_out(
        Child(CHILD, world.manifest({}, name="b"), created=Note("Made", "")),
        Child(CHILD, world.manifest({}, name="a")),
        removals=(Removal(CHILD, Key("ns", "old"), "old"),),
        status={"x": 1},
        notes=(Note("Ready", ""),),
    )
    assert world.writes() == ["apply Child ns/b", "apply Child ns/a", "delete Child ns/old", "patch/status Owner ns/o"]
    assert world.recorder.reasons == ["Made", "Ready"]


async def test_a_status_replaces_the_one_before_on_the_very_object_that_was_looked_at() -> None:
    world = World()
    world.target = Target(OWNER, world.target.meta, {"same": {"a": 1, "b": 2}, "old": 1, "list": [1]})
    await world.carry_out(status={"same": {"a": 1, "b": 3}, "list": (1, 2), "new": None})
    assert world.cluster.live(OWNER, "o")["status"] == {"same": {"a": 1, "b": 3}, "list": [1, 2]}
    assert world.cluster.bodies[-1][0] == {"op": "test", "path": "/metadata/uid", "value": "o-uid"}


async def test_a_status_the_api_server_refuses_is_an_error_to_mend() -> None:
    world = World()
    error = refused(InvalidError, 422, "status.x: unsupported", name="o")
    world.cluster.refuse = lambda verb, _kind, _key: error if verb == "patch/status" else None
    with pytest.raises(InvalidError):
        await world.carry_out(status={"x": 1}, notes=(Note("Ready", ""),))
    assert world.recorder.reasons == []


@pytest.mark.parametrize("status", [None, {"a": [1]}, {"a": (1,), "b": None}], ids=["none", "equal", "equal-as-json"])
async def test_a_status_that_is_there_is_not_written_but_its_notes_are_recorded(status: Any) -> None:
    world = World()
    world.target = Target(OWNER, world.target.meta, {"a": [1]})
    await world.carry_out(status=status, notes=(Note("Ready", ""),))
    assert world.writes() == []
    assert world.recorder.reasons == ["Ready"]


async def test_an_owner_that_is_gone_gets_no_status_and_no_notes() -> None:
    world = World()
    world.cluster.drop(OWNER, Key("ns", "o"))
    assert await world.carry_out(status={"x": 1}, notes=(Note("Ready", ""),)) == []
    assert world.recorder.reasons == []


async def test_a_namesake_of_the_owner_is_never_stamped() -> None:
    world = World()
    world.target = Target(OWNER, Meta(name="o", namespace="ns", uid="former"), {})
    with pytest.raises(TransientError):
        await world.carry_out(status={"x": 1}, notes=(Note("Ready", ""),))
    assert "status" not in world.cluster.live(OWNER, "o")
    assert world.recorder.reasons == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(refused(InvalidError, 422, "spec.a: bad"), "Invalid", id="invalid"),
        pytest.param(refused(ForbiddenError, 403, "exceeded quota"), "Forbidden", id="forbidden"),
        pytest.param(
            refused(ForbiddenError, 403, causes=[{"reason": "NamespaceTerminating"}]),
            "NamespaceTerminating",
            id="cause",
        ),
        pytest.param(
            refused(ForbiddenError, 403, "unable to create new content in namespace ns because it is being terminated"),
            "NamespaceTerminating",
            id="terminating-in-words",
        ),
        pytest.param(refused(NotFoundError, 404, "404 page not found"), "KindMissing", id="kind-missing"),
        pytest.param(
            refused(
                ForbiddenError,
                403,
                '"c" is forbidden: create not allowed while custom resource definition is terminating',
            ),
            "KindMissing",
            id="kind-terminating",
        ),
        pytest.param(
            refused(InvalidError, 405, "create not allowed while custom resource definition is terminating"),
            "KindMissing",
            id="kind-terminating-no-method",
        ),
        pytest.param(
            refused(NotFoundError, 404, 'namespaces "ns" not found', name="ns", kind="namespaces"),
            "NamespaceMissing",
            id="namespace-missing",
        ),
    ],
)
@pytest.mark.parametrize("mode", ["apply", "create"])
async def test_a_refused_child_is_told_and_the_others_go_on(error: Exception, reason: str, mode: Any) -> None:
    world = World()
    world.cluster.refuse = lambda verb, _kind, key: error if (verb, key.name) == (mode, "c") else None
    refusals = await world.carry_out(
        Child(CHILD, world.manifest({}), mode=mode),
        Child(CHILD, world.manifest({}, name="d"), mode=mode),
        status={"x": 1},
        notes=(Note("Ready", ""),),
    )
    assert refusals == [("c", reason)]
    assert world.writes() == [f"{mode} Child ns/c", f"{mode} Child ns/d"]
    assert world.recorder.reasons == []


async def test_a_kind_that_is_missing_is_noticed_by_the_look_before_the_apply() -> None:
    world = World(cached=False)
    world.cluster.refuse = lambda verb, _kind, _key: refused(NotFoundError, 404) if verb == "get" else None
    assert await world.carry_out(Child(CHILD, world.manifest({}))) == [("c", "KindMissing")]
    assert world.writes() == []


@pytest.mark.parametrize(
    "error", [refused(ServerError, 500, "boom"), refused(ConflictError, 409, "moved"), refused(UnauthorizedError, 401)]
)
async def test_a_fault_that_passes_shows_in_no_status_and_holds_up_no_other_child(error: Exception) -> None:
    world = World()
    world.cluster.refuse = lambda verb, _kind, key: error if (verb, key.name) == ("apply", "c") else None
    children = (Child(CHILD, world.manifest({})), Child(CHILD, world.manifest({}, name="d")))
    with pytest.raises(type(error)) as raised:
        await world.carry_out(*children, status={"x": 1}, notes=(Note("Ready", ""),))
    assert raised.value is error
    assert world.writes() == ["apply Child ns/c", "apply Child ns/d"]
    assert world.recorder.reasons == []


async def test_a_refused_removal_is_raised_once_the_status_is_written() -> None:
    world = World(cached=False)
    world.cluster.refuse = lambda verb, _kind, _key: refused(ForbiddenError, 403) if verb == "delete" else None
    with pytest.raises(ForbiddenError):
        await world.carry_out(removals=(Removal(CHILD, Key("ns", "c"), "mine"),), status={"x": 1})
    assert world.writes() == ["delete Child ns/c", "patch/status Owner ns/o"]


async def test_a_cache_that_cannot_be_relied_on_is_not_asked() -> None:
    world = World()
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})))
    informer = world.informers.informer(CHILD)
    informer.availability = Unavailable("Forbidden", "no")
    world.cluster.calls.clear()
    await world.carry_out(Child(CHILD, world.manifest({"a": 1})), removals=(Removal(CHILD, Key("ns", "x"), "x"),))
    assert world.cluster.calls == ["get Child ns/c", "delete Child ns/x"]


async def test_a_namespace_that_is_not_watched_is_asked_about_at_the_server() -> None:
    world = World()
    world.informers.namespaces = ("elsewhere",)
    await world.carry_out(removals=(Removal(CHILD, Key("ns", "x"), "x"),))
    assert world.writes() == ["delete Child ns/x"]


async def test_a_status_is_written_as_it_was_decided_nulls_included() -> None:
    world = World()
    await world.carry_out(status={"profile": {"draft": None}})
    assert world.cluster.live(OWNER, "o")["status"] == {"profile": {"draft": None}}


class Part(Model):
    seconds: int = 0


class OwnerStatus(Model):
    phase: str = ""
    last_part: Part | None = None
    by_name: dict[str, Part] = Field(default_factory=dict)
    verbatim: dict[str, Any] = Field(default_factory=dict)


class TypedOwner(Resource):
    status: OwnerStatus = OwnerStatus()


TYPED: Kind[TypedOwner] = Kind("example.com", "v1", "Owner", "owners", TypedOwner)


@pytest.mark.parametrize(
    ("live", "decided", "expected"),
    [
        pytest.param({"phase": "A", "later": 1}, {"phase": "B"}, {"phase": "B", "later": 1}, id="a-field-more"),
        pytest.param({"phase": "A", "later": 1}, {"phase": "A"}, None, id="nothing-but-that"),
        pytest.param({"phase": "A"}, {}, {}, id="a-known-one-less"),
        pytest.param(
            {"lastPart": {"seconds": 1, "later": 2}},
            {"lastPart": {"seconds": 3}},
            {"lastPart": {"seconds": 3, "later": 2}},
            id="below-a-field",
        ),
        pytest.param({"lastPart": {"seconds": 1, "later": 2}}, {"phase": "A"}, {"phase": "A"}, id="with-its-field"),
        pytest.param(
            {"byName": {"a": {"later": 1}, "b": {"later": 2}}},
            {"byName": {"a": {"seconds": 1}, "c": {}}},
            {"byName": {"a": {"seconds": 1, "later": 1}, "c": {}}},
            id="below-a-map",
        ),
        pytest.param({"verbatim": {"a": None}}, {"verbatim": {"b": 1}}, {"verbatim": {"b": 1}}, id="free-form"),
        pytest.param({"phase": {"no": "text"}, "later": 1}, {"phase": "B"}, {"phase": "B"}, id="unreadable"),
    ],
)
async def test_what_a_later_release_has_put_into_a_status_stays(live: Any, decided: Any, expected: Any) -> None:
    world = World()
    world.target = Target(TYPED, world.target.meta, live)
    plan = Plan(world.target, decided)
    assert Foresight(None, plan, (), None).writes_status is (expected is not None)
    await world.carry_out(status=decided)
    assert (world.cluster.bodies[-1][1]["value"] if world.cluster.bodies else None) == expected
