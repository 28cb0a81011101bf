"""Events tell once, count repeats, and get in nobody's way."""

import asyncio
import re
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from aimctrl.kube.core import EVENTS
from aimctrl.kube.kinds import Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime import events
from aimctrl.runtime.errors import ForbiddenError, ServerError
from aimctrl.runtime.events import EventRecorder
from aimctrl.runtime.plan import Note, Target
from support.fake_cluster import FakeCluster, FakeInformers, refused

OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
TARGET = Target(OWNER, Meta(name="o", namespace="ns", uid="o-uid"), {})
NOTE = Note("Made", "made a child")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    def __init__(self) -> None:
        self.cluster = FakeCluster(FakeInformers())
        self.told: list[str] = []
        self.recorder = EventRecorder(
            self.cluster,  # type: ignore[arg-type]
            component="operator",
            clock=lambda: EPOCH + timedelta(seconds=asyncio.get_running_loop().time()),
            observe=self.told.append,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.recorder.run())
            yield
            self.recorder.stop()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for (resource, _), event in self.cluster.objects.items() if resource == EVENTS.resource]

    def verbs(self) -> list[str]:
        return [call.split()[0] for call in self.cluster.calls]


@pytest.mark.looptime
async def test_a_note_becomes_an_event_about_its_target() -> None:
    world = World()
    async with world.running():
        world.recorder.note(TARGET, NOTE)
    [event] = world.events
    assert event["metadata"]["namespace"] == "ns"
    assert event["metadata"]["name"].startswith("o.")
    assert event["regarding"] == {
        "apiVersion": "example.com/v1",
        "kind": "Owner",
        "name": "o",
        "namespace": "ns",
        "uid": "o-uid",
    }
    told = {name: event[name] for name in ("reason", "type", "note", "action", "reportingController", "eventTime")}
    assert told == {
        "reason": "Made",
        "type": "Normal",
        "note": "made a child",
        "action": "Reconcile",
        "reportingController": "operator",
        "eventTime": "2026-01-01T00:00:00.000000Z",
    }
    assert event["reportingInstance"].startswith("operator-")
    assert "series" not in event
    assert world.told == ["sent"]


@pytest.mark.looptime
async def test_events_about_cluster_scoped_objects_go_to_the_default_namespace() -> None:
    world = World()
    async with world.running():
        world.recorder.note(Target(OWNER, Meta(name="o", uid="u"), {}), NOTE)
    [event] = world.events
    assert event["metadata"]["namespace"] == "default"
    assert "namespace" not in event["regarding"]


@pytest.mark.looptime
async def test_an_event_that_is_tried_again_holds_up_no_other() -> None:
    world = World()
    error = refused(ServerError, 500)
    world.cluster.refuse = lambda _verb, _kind, key: error if key.name.startswith("o.") else None
    async with world.running():
        world.recorder.note(TARGET, NOTE)
        world.recorder.note(Target(OWNER, Meta(name="p", namespace="ns", uid="p-uid"), {}), NOTE)
        await asyncio.sleep(0.001)
        assert [event["regarding"]["name"] for event in world.events] == ["p"]


@pytest.mark.looptime
async def test_repeats_are_counted_in_one_event_written_at_most_every_half_minute() -> None:
    world = World()
    async with world.running():
        for _ in range(100):
            world.recorder.note(TARGET, NOTE)
            await asyncio.sleep(1)
        assert len(world.events) == 1
        assert world.verbs() == ["create", "patch", "patch", "patch"]
    assert world.events[0]["series"]["count"] == 100
    assert world.events[0]["series"]["lastObservedTime"] == "2026-01-01T00:01:39.000000Z"


@pytest.mark.looptime
async def test_repeats_before_the_first_write_go_along_with_it() -> None:
    world = World()
    for _ in range(3):
        world.recorder.note(TARGET, NOTE)
    async with world.running():
        await asyncio.sleep(60)
    assert world.verbs() == ["create"]
    assert world.events[0]["series"]["count"] == 3


@pytest.mark.looptime
async def test_a_repeat_after_long_silence_is_a_new_event() -> None:
    world = World()
    async with world.running():
        world.recorder.note(TARGET, NOTE)
        await asyncio.sleep(events.SERIES_WINDOW + 1)
        world.recorder.note(TARGET, NOTE)
    assert len(world.events) == 2


@pytest.mark.parametrize(
    "other",
    [
        (TARGET, Note("Other", "made a child")),
        (TARGET, Note("Made", "made another")),
        (TARGET, Note("Made", "made a child", "Warning")),
        (Target(OWNER, Meta(name="o", namespace="ns", uid="another"), {}), NOTE),
    ],
    ids=["reason", "message", "type", "object"],
)
@pytest.mark.looptime
async def test_what_differs_is_an_event_of_its_own(other: tuple[Target, Note]) -> None:
    world = World()
    async with world.running():
        world.recorder.note(TARGET, NOTE)
        world.recorder.note(*other)
    assert len(world.events) == 2


@pytest.mark.looptime
async def test_a_series_whose_event_has_expired_starts_a_new_event() -> None:
    world = World()
    async with world.running():
        world.recorder.note(TARGET, NOTE)
        await asyncio.sleep(60)
        world.cluster.objects.clear()
        world.recorder.note(TARGET, NOTE)
    assert world.verbs() == ["create", "patch", "create"]
    assert world.events[0]["series"]["count"] == 2


@pytest.mark.looptime
async def test_an_object_that_talks_without_end_is_cut_short_and_others_are_not() -> None:
    world = World()
    async with world.running():
        for number in range(100):
            world.recorder.note(TARGET, Note("Noise", str(number)))
        world.recorder.note(Target(OWNER, Meta(name="p", namespace="ns", uid="p-uid"), {}), NOTE)
        await asyncio.sleep(1)
        assert len(world.events) == events.OBJECT_BURST + 1
        await asyncio.sleep(301)
        world.recorder.note(TARGET, Note("Noise", "later"))
    assert len(world.events) == events.OBJECT_BURST + 2
    assert world.told.count("dropped") == 75


@pytest.mark.looptime
async def test_the_oldest_are_dropped_when_the_api_server_cannot_keep_up() -> None:
    world = World()
    for number in range(events.WAITING_LIMIT + 10):
        world.recorder.note(Target(OWNER, Meta(name=f"o{number}", namespace="ns", uid=str(number)), {}), NOTE)
    async with world.running():
        pass
    assert world.told.count("dropped") == 10
    assert len(world.events) == events.WAITING_LIMIT
    assert "o9" not in {event["regarding"]["name"] for event in world.events}


@pytest.mark.looptime
async def test_a_fault_that_passes_delays_an_event() -> None:
    world = World()
    left = [refused(ServerError, 500), refused(ServerError, 503)]
    world.cluster.refuse = lambda _verb, _kind, _key: left.pop() if left else None
    async with world.running():
        world.recorder.note(TARGET, NOTE)
    assert len(world.events) == 1
    assert world.told == ["sent"]


@pytest.mark.parametrize("error", [refused(ForbiddenError, 403), refused(ServerError, 500)], ids=["refused", "lasting"])
@pytest.mark.looptime
async def test_an_event_that_cannot_be_written_is_logged_and_forgotten(error: Exception) -> None:
    world = World()
    world.cluster.refuse = lambda _verb, _kind, key: error if key.name.startswith("o.") else None
    with capture_logs() as logs:
        async with world.running():
            world.recorder.note(TARGET, NOTE)
            world.recorder.note(Target(OWNER, Meta(name="p", namespace="ns", uid="p-uid"), {}), NOTE)
    assert [event["regarding"]["name"] for event in world.events] == ["p"]
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["event not written"]
    assert sorted(world.told) == ["failed", "sent"]


@pytest.mark.looptime
async def test_an_event_in_a_namespace_that_is_being_deleted_is_lost_without_a_word() -> None:
    world = World()
    world.cluster.refuse = lambda _verb, _kind, _key: refused(
        ForbiddenError, 403, causes=[{"reason": "NamespaceTerminating"}]
    )
    with capture_logs() as logs:
        async with world.running():
            world.recorder.note(TARGET, NOTE)
    assert [entry["event"] for entry in logs if entry["log_level"] != "debug"] == []
    assert world.told == ["failed"]


@pytest.mark.looptime
async def test_a_stop_writes_what_is_recorded_and_the_counts_held_back() -> None:
    world = World()
    async with world.running():
        world.recorder.note(TARGET, NOTE)
        await asyncio.sleep(1)
        world.recorder.note(TARGET, NOTE)
        world.recorder.note(TARGET, Note("Last", ""))
    assert asyncio.get_running_loop().time() < 5
    assert {event["reason"]: event.get("series", {}).get("count") for event in world.events} == {
        "Made": 2,
        "Last": None,
    }


@given(st.text(max_size=3000))
@example("x" + "é" * 512)
@example("\U0001f999" * 300)
def test_a_note_is_cut_between_characters_and_short_enough(text: str) -> None:
    cut = events._cut(text)
    assert len(cut.encode()) <= events.NOTE_LIMIT
    assert cut == text or text.startswith(cut.removesuffix("…"))


@pytest.mark.parametrize(
    "regarding", ["o", "a" * 253, "a" * 234 + ".-" + "b" * 17], ids=["short", "long", "cut-at-a-dot"]
)
def test_an_events_name_is_a_dns_name_and_its_own(regarding: str) -> None:
    first, second = events._name(regarding), events._name(regarding)
    assert first != second
    assert len(first) <= 253
    assert all(label[0].isalnum() and label[-1].isalnum() for label in first.split("."))


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("name", "start"),
    [
        pytest.param("system:node", "system.node.", id="a ClusterRole's"),
        pytest.param("Mixed Case?#&%41", "mixed.case.41.", id="upper case and signs"),
        pytest.param("-a-.-b-", "a.b.", id="hyphens at the ends"),
        pytest.param("\u00e4\u6f22", "", id="no letter that may stay"),
        pytest.param("a" * 252 + ":", "a" * 236 + ".", id="long"),
    ],
)
async def test_an_object_of_any_name_may_be_talked_about(name: str, start: str) -> None:
    world = World()
    async with world.running():
        world.recorder.note(Target(OWNER, Meta(name=name, namespace="ns", uid="u"), {}), NOTE)
    [event] = world.events
    given_name = event["metadata"]["name"]
    assert given_name.startswith(start)
    assert len(given_name) <= 253
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", label) for label in given_name.split("."))
    assert event["regarding"]["name"] == name


@pytest.mark.looptime
async def test_of_thousands_of_large_objects_little_is_remembered() -> None:
    world = World()
    async with world.running():
        tracemalloc.start()
        try:
            for number in range(200):
                large = Meta(name="o", namespace="ns", uid=str(number), annotations={"a": str(number) * 20_000})
                world.recorder.note(Target(OWNER, large, {"x": "y" * 20_000}), Note("R", f"{number}" * 20_000))
            large = None
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 200 * 10_000
