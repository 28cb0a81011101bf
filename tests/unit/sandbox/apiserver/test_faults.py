import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest

from aimctrl.sandbox.apiserver.faults import WRITES, Fault
from aimctrl.sandbox.apiserver.server import ApiServer, api_server
from support.scene import scene, settle

CM = "/api/v1/namespaces/default/configmaps"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
PATIENCE = 60.0
Json = dict[str, Any]


class Asking:
    """A client of an embedded server."""

    def __init__(self, server: ApiServer, session: aiohttp.ClientSession) -> None:
        self.faults, self.server, self._session = server.faults, server, session

    async def ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        async with self._session.request(method, self.server.url + path, json=body) as answer:
            return answer.status, await answer.json()

    async def make(self, name: str) -> Json:
        status, made = await self.ask("POST", CM, {"metadata": {"name": name}})
        assert status == 201, made
        return made

    @asynccontextmanager
    async def watch(self, query: str = "") -> AsyncIterator[aiohttp.StreamReader]:
        async with self._session.get(f"{self.server.url}{CM}?watch=true&{query}") as answer:
            assert answer.status == 200
            yield answer.content


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with api_server() as server:
        trust = aiohttp.TCPConnector(ssl=server.connection().ssl)
        headers = {"Authorization": f"Bearer {server.admin_token}"}
        async with aiohttp.ClientSession(connector=trust, headers=headers, timeout=timeout) as session:
            yield Asking(server, session)


async def lines(content: aiohttp.StreamReader) -> list[Json]:
    """What a watch says until it ends."""
    return [json.loads(line) async for line in content]


def version(thing: Json) -> str:
    return thing["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        pytest.param(Fault(code=503), "get list create", id="everything"),
        pytest.param(Fault(code=503, verbs=("list",)), "list", id="a verb"),
        pytest.param(Fault(code=503, verbs=WRITES), "create", id="writes"),
        pytest.param(Fault(code=503, name="a"), "get", id="a name"),
        pytest.param(Fault(code=503, namespace="elsewhere"), "", id="another namespace"),
        pytest.param(Fault(code=503, resource="secrets"), "", id="another resource"),
        pytest.param(Fault(code=503, times=2), "get list", id="twice"),
        pytest.param(Fault(code=503, every=2), "list", id="every second request"),
        pytest.param(Fault(code=503, every=2, times=0), "", id="never"),
    ],
)
async def test_a_rule_strikes_the_requests_it_is_for(asking: Asking, rule: Fault, struck: str):
    await asking.make("a")
    asking.faults.add(rule)
    requests = {"get": ("GET", f"{CM}/a"), "list": ("GET", CM), "create": ("POST", CM)}
    body = {"metadata": {"generateName": "b-"}}
    codes = {
        verb: (await asking.ask(*place, body if verb == "create" else None))[0] for verb, place in requests.items()
    }
    assert [verb for verb, code in codes.items() if code == 503] == struck.split()
    assert rule.struck == len(struck.split())


@pytest.mark.parametrize(
    ("code", "reason"),
    [(410, "Expired"), (429, "TooManyRequests"), (500, "InternalError"), (503, "ServiceUnavailable"), (504, "Timeout")],
)
async def test_a_refusal_is_a_status_that_says_when_to_come_again(asking: Asking, code: int, reason: str):
    asking.faults.add(Fault(code=code, retry_after=7))
    status, body = await asking.ask("GET", CM)
    assert (status, body["code"], body["reason"], body["details"]) == (code, code, reason, {"retryAfterSeconds": 7})


async def test_rules_hold_until_they_are_removed(asking: Asking):
    first, second = asking.faults.add(Fault(code=500)), asking.faults.add(Fault(code=503))
    assert (await asking.ask("GET", CM))[0] == 500
    asking.faults.remove(first)
    assert (await asking.ask("GET", CM))[0] == 503
    asking.faults.clear()
    assert (await asking.ask("GET", CM))[0] == 200
    assert (first.struck, second.struck) == (1, 1)


async def test_a_slow_request_is_overtaken(asking: Asking):
    asking.faults.add(Fault(verbs=("list",), latency=0.2))
    done: list[str] = []

    async def ask(path: str) -> None:
        await asking.ask("GET", path)
        done.append(path)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(CM))
        tasks.create_task(ask(f"{CM}/a"))
    assert done == [f"{CM}/a", CM]


@pytest.mark.parametrize(("rule", "made"), [(Fault(drop=True, times=1), 404), (Fault(drop_after=True, times=1), 200)])
async def test_a_connection_is_dropped_before_a_write_or_after_it(asking: Asking, rule: Fault, made: int):
    asking.faults.add(rule)
    with pytest.raises(aiohttp.ClientConnectionError):
        await asking.make("a")
    assert (await asking.ask("GET", f"{CM}/a"))[0] == made


async def test_a_list_and_a_watch_are_dropped_after_they_began(asking: Asking):
    asking.faults.add(Fault(verbs=("list", "watch"), drop_after=True))
    await asking.make("a")
    with pytest.raises(aiohttp.ClientConnectionError):
        await asking.ask("GET", CM)
    with pytest.raises(aiohttp.ClientError):
        async with asking.watch() as content:
            await lines(content)


async def test_a_silent_watch_never_says_what_happened_meanwhile(asking: Asking):
    async with asking.watch("resourceVersion=1") as content:
        rule = asking.faults.add(Fault(silence=True))
        await asking.make("unheard")
        await asyncio.sleep(0.1)  # the watch's own task, on this loop, has had its turn
        asking.faults.remove(rule)
        await asking.make("heard")
        while (line := json.loads(await content.readline()))["object"]["metadata"]["name"] == "kube-root-ca.crt":
            pass
        assert line["object"]["metadata"]["name"] == "heard"


async def test_a_compaction_ends_open_watches_and_what_would_go_on_from_before(asking: Asking):
    begin = version(await asking.make("a"))
    await asking.make("b")
    page = (await asking.ask("GET", f"{CM}?limit=1"))[1]
    now = version(await asking.make("between"))
    async with asking.watch(f"resourceVersion={now}") as content:
        rule = asking.faults.add(Fault(verbs=("create",), compact=True, times=1))
        after = version(await asking.make("c"))
        (last,) = await lines(content)
    assert rule.struck == 1
    assert (last["type"], last["object"]["code"], last["object"]["reason"]) == ("ERROR", 410, "Expired")
    status, refusal = await asking.ask("GET", f"{CM}?limit=1&continue={page['metadata']['continue']}")
    assert (status, refusal["reason"]) == (410, "Expired")
    assert (await asking.ask("GET", f"{CM}?limit=1&continue={refusal['metadata']['continue']}"))[0] == 200
    async with asking.watch(f"resourceVersion={begin}") as content:
        (last,) = await lines(content)
    assert (last["type"], last["object"]["code"]) == ("ERROR", 410)
    async with asking.watch(f"resourceVersion={after}") as content:
        await asking.make("d")
        assert json.loads(await content.readline())["object"]["metadata"]["name"] == "d"


async def test_what_a_watch_has_not_sent_is_lost_with_a_compaction(asking: Asking):
    begin = version((await asking.ask("GET", CM))[1])
    async with asking.watch(f"resourceVersion={begin}") as content:
        await asking.make("heard")
        while json.loads(await content.readline())["object"]["metadata"]["name"] != "heard":
            pass
        asking.server.install([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "unheard"}}])
        asking.faults.compact()
        assert [line["type"] for line in await lines(content)] == ["ERROR"]


async def test_the_past_is_forgotten_every_so_many_writes(asking: Asking):
    rule = asking.faults.add(Fault(verbs=WRITES, every=3, compact=True))
    versions = [version(await asking.make(f"a{index}")) for index in range(8)]
    assert rule.struck == 2
    kept = []
    for at in versions:
        async with asking.watch(f"resourceVersion={at}&timeoutSeconds=1") as content:
            kept.append([line["type"] for line in await lines(content)] != ["ERROR"])
    assert kept == [False] * 4 + [True] * 4, "the sixth write was preceded by a compaction"


def moment(thing: Json) -> datetime:
    return datetime.fromisoformat(thing["metadata"]["creationTimestamp"])


@pytest.mark.parametrize("seconds", [3600, -3600])
async def test_the_clock_jumps_at_a_request_and_goes_on_from_there(asking: Asking, seconds: int):
    rule = asking.faults.add(Fault(verbs=("create",), resource="leases", clock=seconds, times=1))
    before = await asking.make("before")
    made = [(await asking.ask("POST", LEASES, {"metadata": {"name": name}}))[1] for name in ("a", "b")]
    after = await asking.make("after")
    assert rule.struck == 1
    jumped = timedelta(seconds=seconds)
    for thing in (*made, after):
        assert abs(moment(thing) - moment(before) - jumped) < timedelta(minutes=10)
    asking.faults.jump(-seconds)
    assert abs(moment(await asking.make("back")) - moment(before)) < timedelta(minutes=10)


@pytest.mark.looptime
@pytest.mark.parametrize(("jump", "gone"), [(100, 0), (60, 40), (-50, 150)])
async def test_what_is_due_is_so_by_a_clock_that_jumps(jump: int, gone: int):
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "i"}]}}
    async with scene() as at:
        at.create("jobs", "done", spec={"completions": 0, "ttlSecondsAfterFinished": 100, "template": template})
        await settle(1)
        assert at.get("jobs", "done")
        at.cluster.clock.jump(jump)
        await settle(max(gone - 10, 1))
        assert (at.get("jobs", "done") is None) is (gone == 0)
        await settle(20)
        assert at.get("jobs", "done") is None
