"""The embedded API server beside kube-apiserver and etcd, in one run: start, writes, and watch events.

Run it with `make bench-apiserver`. One client in a process of its own sends the same requests to both, in turns; CPU is
that of the server's processes. The embedded server runs on uvloop, as `aimctrl sandbox` has it. Only the ratios mean
something on another machine.
"""

import asyncio
import multiprocessing
import os
import ssl
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvloop

from aimctrl.sandbox.apiserver.server import api_server
from controlplane import ControlPlane
from controlplane.api import crd_documents

ROUNDS = 3
WRITES = 2000
AT_ONCE = 16
WATCHES = 10
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
GROUP, VERSION = "aim.silogen.ai", "v1alpha1"
SERVICES = f"/apis/{GROUP}/{VERSION}/namespaces/default/aimservices"
MERGE_PATCH = "application/merge-patch+json"
CRDS = Path(__file__).parents[2] / "deploy" / "crds"
SERVICE = {
    "apiVersion": f"{GROUP}/{VERSION}",
    "kind": "AIMService",
    "spec": {
        "model": {"image": "registry.example/llama:1.0"},
        "replicas": 2,
        "env": [{"name": "A", "value": "b"}, {"name": "C", "value": "d"}],
        "overrides": {"metric": "latency", "precision": "fp16"},
    },
}
STATUS = {
    "status": "Running",
    "observedGeneration": 1,
    "conditions": [
        {
            "type": kind,
            "status": "True",
            "reason": "AllIsWell",
            "message": "as it should be",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
        for kind in ("Resolved", "CacheReady", "RuntimeReady", "Ready")
    ],
}
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: its URL, its CA in PEM, a token, its processes, and the seconds it took to start."""

    name: str
    url: str
    ca: str
    token: str
    processes: tuple[int, ...]
    started: float

    def cpu(self) -> float:
        """The CPU seconds of its processes so far."""
        return sum(_cpu(process) for process in self.processes)


@dataclass(frozen=True, slots=True)
class Result:
    """What one round gave: how many a second, and CPU microseconds of the server for each."""

    rate: float
    cost: float


def main() -> None:
    """Measures both and prints a table."""
    with _embedded() as embedded, _real() as real:
        uvloop.run(_compare(embedded, real))


async def _compare(embedded: Server, real: Server) -> None:
    print(f"{'':24}{embedded.name:>14}{real.name:>18}{'ratio':>9}")
    _row("start, seconds", embedded.started, real.started)
    for name, measure in (("write", _writes), ("service write", _services), ("watch event", _events)):
        rounds = [(await measure(embedded, turn), await measure(real, turn)) for turn in range(ROUNDS)]
        ours, theirs = (list(side) for side in zip(*rounds, strict=True))
        _row(f"{name}s a second", _median(ours, "rate"), _median(theirs, "rate"))
        _row(f"CPU us a {name}", _median(ours, "cost"), _median(theirs, "cost"))


async def _writes(server: Server, turn: int) -> Result:
    """Creates of small ConfigMaps, so many at a time."""
    async with _session(server) as session:
        return await _measured(server, WRITES, lambda: _create_all(session, server, f"w{turn}"))


async def _services(server: Server, turn: int) -> Result:
    """Creates of AIMServices, each with a patch of its status after it."""
    async with _session(server) as session:
        return await _measured(server, WRITES, lambda: _serve_all(session, server, f"s{turn}"))


async def _events(server: Server, turn: int) -> Result:
    """Events of as many watches as there are, each of which sees every write."""
    async with _session(server) as session:
        watches = [await _watch(session, server) for _ in range(WATCHES)]

        async def work() -> None:
            async with asyncio.TaskGroup() as tasks:
                for watch in watches:
                    tasks.create_task(_read_lines(watch, WRITES))
                await _create_all(session, server, f"e{turn}")

        try:
            return await _measured(server, WRITES * WATCHES, work)
        finally:
            for watch in watches:
                watch.close()


async def _measured(server: Server, count: int, work: Callable[[], Awaitable[None]]) -> Result:
    wall, cpu = time.perf_counter(), server.cpu()
    await work()
    return Result(count / (time.perf_counter() - wall), (server.cpu() - cpu) / count * 1e6)


async def _create_all(session: aiohttp.ClientSession, server: Server, prefix: str) -> None:
    async def create(number: int) -> None:
        body = {"metadata": {"name": f"{prefix}-{number}"}, "data": {"key": "value" * 40}}
        await _send(session, "POST", server.url + CONFIGMAPS, body)

    await _at_once(create, WRITES)


async def _serve_all(session: aiohttp.ClientSession, server: Server, prefix: str) -> None:
    async def create(number: int) -> None:
        name = f"{prefix}-{number}"
        await _send(session, "POST", server.url + SERVICES, {**SERVICE, "metadata": {"name": name}})
        await _send(session, "PATCH", f"{server.url}{SERVICES}/{name}/status", {"status": STATUS}, MERGE_PATCH)

    await _at_once(create, WRITES // 2)


async def _send(
    session: aiohttp.ClientSession, method: str, url: str, body: dict[str, Any], media: str = "application/json"
) -> None:
    headers = {"Content-Type": media}
    async with session.request(method, url, data=msgspec.json.encode(body), headers=headers) as answer:
        await answer.read()
        answer.raise_for_status()


async def _at_once(work: Callable[[int], Awaitable[None]], count: int) -> None:
    """Does it for each number, so many at a time."""
    numbers = iter(range(count))

    async def go_on() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(go_on())


async def _watch(session: aiohttp.ClientSession, server: Server) -> aiohttp.ClientResponse:
    async with session.get(f"{server.url}{CONFIGMAPS}?limit=1") as answer:
        version = (await answer.json())["metadata"]["resourceVersion"]
    return await session.get(f"{server.url}{CONFIGMAPS}?watch=1&resourceVersion={version}")


async def _read_lines(watch: aiohttp.ClientResponse, count: int) -> None:
    seen = 0
    async for chunk in watch.content.iter_any():
        seen += chunk.count(b"\n")
        if seen >= count:
            return


@asynccontextmanager
async def _session(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    trust = ssl.create_default_context(cadata=server.ca)
    headers = {"Authorization": f"Bearer {server.token}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(ssl=trust, limit=0)) as session:
        yield session


@contextmanager
def _embedded() -> Iterator[Server]:
    """The embedded server in a process of its own while the block runs."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        url, ca, token, started = ours.recv()
        yield Server("embedded", url, ca, token, (process.pid or 0,), started)
    finally:
        process.terminate()
        process.join()


@contextmanager
def _real() -> Iterator[Server]:
    """kube-apiserver and etcd while the block runs."""
    begun = time.perf_counter()
    with ControlPlane(controllers=False) as plane:
        started = time.perf_counter() - begun
        plane.apply_crds(CRDS)
        kubeconfig = msgspec.yaml.decode(plane.kubeconfig.read_bytes())
        token = kubeconfig["users"][0]["user"]["token"]
        processes = tuple(int((plane.folder / f"{name}.pid").read_text()) for name in ("etcd", "kube-apiserver"))
        yield Server("kube-apiserver", plane.server, plane.ca.read_text(), token, processes, started)


def _serve(pipe: Connection) -> None:
    async def run() -> None:
        begun = time.perf_counter()
        async with api_server() as server:
            started = time.perf_counter() - begun
            server.install(msgspec.yaml.decode(text) for _, text in crd_documents(CRDS))
            while server.cluster.registry.find(GROUP, VERSION, "aimservices") is None:  # noqa: ASYNC110 - its own loop does it
                await asyncio.sleep(0.01)
            pipe.send((server.url, server.ca, server.admin_token, started))
            await asyncio.Event().wait()

    uvloop.run(run())


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _median(results: list[Result], what: str) -> float:
    return statistics.median(getattr(result, what) for result in results)


def _row(name: str, ours: float, theirs: float) -> None:
    print(f"{name:24}{ours:14.2f}{theirs:18.2f}{ours / theirs:9.3f}", flush=True)


if __name__ == "__main__":
    main()
