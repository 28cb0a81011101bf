"""What the commands that look share: exit codes, output, and informers that run as long as they are needed."""

import asyncio
import io
import sys
from typing import Any

import pytest

from aimctrl.commands import session
from aimctrl.commands.session import LISTING, UnseenError, following, look, may_list_everywhere, run, say
from aimctrl.kube.core import PODS
from aimctrl.preflight import PreflightError
from aimctrl.render.tree import Look
from aimctrl.runtime.errors import Answer, ConfigurationError, ForbiddenError, ServerError


async def giving(code: int) -> int:
    return code


async def raising(error: BaseException) -> int:
    raise error


def test_the_exit_code_is_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(giving(1)) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "error",
    [
        PreflightError("no answer"),
        ConfigurationError("no answer"),
        UnseenError("no answer"),
        ServerError(Answer(500, "InternalError", "no answer")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_keeps_it_from_looking_is_told_in_a_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(error)) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("aimctrl: ")
    assert err.count("\n") == 1
    assert "no answer" in err


def test_what_nobody_foresaw_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))


def test_an_interrupt_has_its_own_code() -> None:
    assert run(raising(KeyboardInterrupt())) == 130


def test_a_reader_that_has_had_enough_is_no_failure(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert run(raising(BrokenPipeError())) == 0


def test_characters_that_the_terminal_lacks_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    say("├─ ok\n")
    assert raw.getvalue() == b"?? ok\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_is_coloured_unless_somebody_objects(
    environment: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "77")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert look() == Look(colour, 77)


def test_elsewhere_there_is_no_colour_and_no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert look() == Look()


class Watch:
    kind = "slow"
    synced = False


class FakeInformers:
    """Informers that settle after so many seconds, and run until cancelled."""

    def __init__(self, settle: float) -> None:
        self.settle = settle
        self.running = False

    async def run(self) -> None:
        self.running = True
        try:
            await asyncio.Event().wait()
        finally:
            self.running = False

    async def wait_settled(self) -> None:
        await asyncio.sleep(self.settle)

    def freshness(self) -> list[Watch]:
        return [Watch(), Watch()]


@pytest.mark.looptime
async def test_what_follows_is_done_once_they_have_settled_and_ends_them() -> None:
    informers = FakeInformers(3)
    began = asyncio.get_running_loop().time()

    async def then() -> float:
        assert informers.running
        return asyncio.get_running_loop().time() - began

    assert await following(informers, then) == 3  # type: ignore[arg-type]
    assert not informers.running


@pytest.mark.looptime
async def test_what_goes_wrong_is_raised_as_itself_and_ends_them() -> None:
    informers = FakeInformers(0)
    with pytest.raises(UnseenError, match="why"):
        await following(informers, lambda: raising(UnseenError("why")))  # type: ignore[arg-type]
    assert not informers.running


@pytest.mark.looptime
async def test_informers_that_do_not_settle_are_given_up() -> None:
    informers = FakeInformers(LISTING + 1)
    with pytest.raises(UnseenError, match=r"not listed within 60 s: slow$"):
        await following(informers, lambda: giving(0))  # type: ignore[arg-type]
    assert not informers.running


@pytest.mark.looptime
async def test_cancelling_ends_them() -> None:
    informers = FakeInformers(0)
    task = asyncio.create_task(following(informers, asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(1)
    assert informers.running
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not informers.running


class Api:
    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def request(self, method: str, path: str, *, query: Any = None) -> bytes:
        assert (method, path, query) == ("GET", "/api/v1/pods", {"limit": "1"})
        if self.error is not None:
            raise self.error
        return b"{}"


async def test_whether_everything_may_be_listed_is_asked() -> None:
    assert await may_list_everywhere(Api(None), PODS)  # type: ignore[arg-type]
    assert not await may_list_everywhere(Api(ForbiddenError(Answer(403))), PODS)  # type: ignore[arg-type]
    with pytest.raises(ServerError):
        await may_list_everywhere(Api(ServerError(Answer(500))), PODS)  # type: ignore[arg-type]


def test_there_is_less_patience_than_at_a_start() -> None:
    assert session.PATIENCE < 10
