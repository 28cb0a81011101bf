"""Every line that is logged while an object is reconciled says which, by whom, why, and in which reconcile."""

import asyncio
import io
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from aimctrl.kube.kinds import Key, Kind, UndecodableObjectError
from aimctrl.runtime.controller import Controller, ControllerOptions, Host
from aimctrl.runtime.errors import MendableError, TerminalError, TransientError
from aimctrl.runtime.logs import configure_logging
from aimctrl.runtime.metrics import Metrics
from aimctrl.runtime.request import Request, Result
from aimctrl.runtime.writes import Write, record
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder

OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
log = structlog.get_logger("a.reconciler")

Body = Callable[[Request], Awaitable[None]]


@pytest.fixture
def stream() -> io.StringIO:
    """What is logged, as a cluster sees it."""
    stream = io.StringIO()
    configure_logging("json", "debug", stream=stream)
    return stream


class Scripted:
    def __init__(self, body: Body) -> None:
        self.body = body

    async def reconcile(self, request: Request) -> Result:
        await self.body(request)
        return Result()


async def logged(body: Body, stream: io.StringIO, *names: str, seconds: float = 1.0) -> list[dict[str, Any]]:
    """What is logged while these objects are new; that the controller has started is left out."""
    informers = FakeInformers()
    cluster = FakeCluster(informers)
    controller = Controller("owner", OWNER, Scripted(body), options=ControllerOptions(2, timeout=30.0))
    controller.bind(Host(informers, Metrics(), FakeRecorder()))  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group:
        group.create_task(controller.run())
        await asyncio.sleep(0)
        for name in names or ("a",):
            cluster.put(OWNER, {"metadata": {"name": name, "namespace": "ns"}, "spec": {}})
        await asyncio.sleep(seconds)
        controller.stop()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in lines if line["event"] != "controller started"]


async def says_so(_request: Request) -> None:
    log.info("from the reconciler", state="Ready")


async def helped(_request: Request) -> None:
    logging.getLogger("some.library").warning("from %s", "a library")


async def helped_by_a_task(_request: Request) -> None:
    async def task() -> None:
        log.info("from a task")

    async with asyncio.TaskGroup() as group:
        group.create_task(task())


async def hangs(_request: Request) -> None:
    await asyncio.sleep(3600)


async def writes_unseen(request: Request) -> None:
    record(Write(OWNER, request.key, 10**9))
    raise TransientError("come again")


def raises(error: Exception) -> Body:
    async def body(_request: Request) -> None:
        raise error

    return body


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("body", "event", "seconds"),
    [
        pytest.param(says_so, "from the reconciler", 1.0, id="reconciler"),
        pytest.param(helped, "from a library", 1.0, id="library"),
        pytest.param(helped_by_a_task, "from a task", 1.0, id="task"),
        pytest.param(raises(TransientError("soon")), "reconcile failed", 0.001, id="transient"),
        pytest.param(raises(MendableError("mend it")), "reconcile failed", 1.0, id="mendable"),
        pytest.param(raises(TerminalError("never")), "reconcile failed for good", 1.0, id="terminal"),
        pytest.param(raises(UndecodableObjectError("spec.size")), "reconcile failed for good", 1.0, id="undecodable"),
        pytest.param(raises(KeyError("oops")), "reconcile raised", 0.001, id="unforeseen"),
        pytest.param(hangs, "reconcile failed", 31.0, id="timeout"),
        pytest.param(writes_unseen, "own writes not seen in time", 60.0, id="own writes not seen"),
    ],
)
async def test_a_line_has_the_fields_by_which_lines_are_found(
    stream: io.StringIO, body: Body, event: str, seconds: float
) -> None:
    lines = await logged(body, stream, seconds=seconds)
    assert event in {line["event"] for line in lines}
    for line in lines:
        assert (line["controller"], line["namespace"], line["name"]) == ("owner", "ns", "a")
        assert line["reasons"]
        assert all(isinstance(reason, str) for reason in line["reasons"])
        assert len(bytes.fromhex(line["reconcileID"])) == 16


@pytest.mark.looptime
async def test_reconciles_at_once_and_one_after_the_other_are_told_apart(stream: io.StringIO) -> None:
    async def body(_request: Request) -> None:
        log.info("begin")
        await asyncio.sleep(0.1)
        log.info("end")

    lines = await logged(body, stream, "a", "b", "c")
    by_id: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        by_id.setdefault(line["reconcileID"], []).append((line["name"], line["event"]))
    assert sorted(by_id.values()) == [[(name, "begin"), (name, "end")] for name in "abc"]


@pytest.mark.looptime
async def test_the_reasons_are_those_of_the_request(stream: io.StringIO) -> None:
    async def body(request: Request) -> None:
        log.info("seen", expected=request.reasons, key=str(Key(request.namespace, request.name)))

    [line] = await logged(body, stream)
    assert line["reasons"] == line["expected"] == ["Owner changed"]
    assert line["key"] == "ns/a"
