"""`aimctrl status`: what is shown, what cannot be, and how it is kept up to date."""

import asyncio
import io
import json
import sys
from typing import Any

import pytest

from aimctrl.api.kinds import AIM_MODEL, AIM_SERVICE
from aimctrl.commands import status
from aimctrl.commands.session import UnseenError
from aimctrl.commands.status import CALM, TICK, Overview, _check, _keep_showing, _limit, _show
from aimctrl.kube.kinds import Key
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.errors import Answer, ForbiddenError
from aimctrl.runtime.lister import Unavailable
from support.fake_cluster import FakeCluster, FakeInformer, FakeInformers

FAILED = {"status": "Failed", "conditions": [{"type": "Ready", "status": "False", "reason": "MultipleModelsFound"}]}
READY = {"status": "Ready", "conditions": [{"type": "Ready", "status": "True", "reason": "DiscoveryDisabled"}]}


class World:
    """A service that failed and a model that is Ready, and the informers that see them."""

    def __init__(self) -> None:
        informers = FakeInformers()
        self.cluster = FakeCluster(informers)
        self.watched: Any = [informers.informer(AIM_MODEL), informers.informer(AIM_SERVICE)]
        self.put("chat", FAILED)
        self.cluster.put(AIM_MODEL, {"metadata": {"name": "llama", "namespace": "ml"}, "status": READY})

    def put(self, name: str, said: dict[str, Any]) -> None:
        self.cluster.put(AIM_SERVICE, {"metadata": {"name": name, "namespace": "ml"}, "status": said})


async def test_what_is_stuck_is_shown_first(capsys: pytest.CaptureFixture[str]) -> None:
    await _show(World().watched, Overview())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["KIND", "NAMESPACE", "NAME", "STATUS", "REASON", "AGE", "MESSAGE"]
    assert [line.split()[:5] for line in lines[1:]] == [
        ["AIMService", "ml", "chat", "Failed", "MultipleModelsFound"],
        ["AIMModel", "ml", "llama", "Ready", "DiscoveryDisabled"],
    ]


async def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    await _show(World().watched, Overview(output="json"))
    text = capsys.readouterr().out
    first, second = json.loads(text)["items"]
    assert list(first) == sorted(first)
    assert (first["kind"], first["namespace"], first["name"]) == ("AIMService", "ml", "chat")
    assert (first["status"], first["reason"], first["message"]) == ("Failed", "MultipleModelsFound", "")
    assert first["created"].endswith("Z")
    assert second["name"] == "llama"


def unseen(*reasons: Any) -> Any:
    informers = [FakeInformer(kind) for kind in (AIM_MODEL, AIM_SERVICE)]
    for informer, reason in zip(informers, reasons, strict=True):
        if reason:
            informer.availability = Unavailable(reason, f"{informer.kind} {reason}")
    return informers


def test_what_cannot_be_seen_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    _check(unseen("Forbidden", ""))
    told = capsys.readouterr().err
    assert told == "aimctrl: not everything can be seen: aimmodels.aim.silogen.ai: aimmodels.aim.silogen.ai Forbidden\n"


@pytest.mark.parametrize(("reason", "hint"), [("KindMissing", True), ("Unreachable", False)])
def test_where_nothing_can_be_seen_there_is_nothing_to_show(reason: str, hint: bool) -> None:
    with pytest.raises(UnseenError) as caught:
        _check(unseen(reason, reason))
    assert ("aimctrl crds" in str(caught.value)) is hint


class Output(io.StringIO):
    """What was drawn, and when."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal
        self.drawn: list[tuple[float, str]] = []

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.drawn.append((asyncio.get_running_loop().time(), text))
        return len(text)

    @property
    def times(self) -> list[float]:
        began = self.drawn[0][0]
        return [round(time - began, 3) for time, _ in self.drawn]


@pytest.fixture
def world() -> World:
    return World()


async def watching(world: World, output: Output, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(sys, "stdout", output)
    task = asyncio.create_task(_keep_showing(world.watched))
    await asyncio.sleep(0)
    world.put("one", FAILED)
    world.put("two", FAILED)
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.looptime
async def test_changes_are_drawn_together_and_ages_now_and_then(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    output = Output(terminal=True)
    await watching(world, output, monkeypatch, 12)
    assert output.times == [0, CALM, CALM + TICK + CALM, CALM + 2 * (TICK + CALM)]
    assert "two" not in output.drawn[0][1]
    first, *rest = output.drawn[1][1].removeprefix("\x1b[H").split("\n")
    assert first.startswith("KIND")
    assert first.endswith("\x1b[K")
    assert rest[-1] == "\x1b[J"


@pytest.mark.looptime
async def test_elsewhere_only_changes_are_written_one_after_the_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Output(terminal=False)
    await watching(world, output, monkeypatch, 100)
    assert output.times == [0, CALM]
    assert all(text.endswith("\n\n") and "\x1b" not in text for _, text in output.drawn)


@pytest.mark.looptime
async def test_a_table_that_is_watched_fits_the_terminal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "4")
    output = Output(terminal=True)
    await watching(world, output, monkeypatch, 1)
    assert output.drawn[1][1].count("\n") == 3
    assert "… and 3 more" in output.drawn[1][1]


class Api:
    def __init__(self, error: Exception | None) -> None:
        self.connection = Connection("https://somewhere", namespace="mine")
        self.error = error

    async def request(self, *_: Any, **__: Any) -> bytes:
        if self.error is not None:
            raise self.error
        return b"{}"


async def test_without_the_right_to_see_all_ones_own_namespace_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert await _limit(Api(None)) == ""  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""
    assert await _limit(Api(ForbiddenError(Answer(403)))) == "mine"  # type: ignore[arg-type]
    assert "mine alone" in capsys.readouterr().err


@pytest.mark.parametrize(("watch", "code", "expected"), [(True, 130, 0), (False, 130, 130), (True, 3, 3)])
def test_an_interrupt_is_how_watching_ends(
    watch: bool, code: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(command: Any) -> int:
        command.close()
        return code

    monkeypatch.setattr(status, "run_command", ended)
    assert status.status(Overview(watch=watch), None) == expected  # type: ignore[arg-type]


def test_keys_are_objects_of_their_kind() -> None:
    rows = status._rows(World().watched)
    assert [Key(row.namespace, row.name) for row in rows] == [Key("ml", "chat"), Key("ml", "llama")]
