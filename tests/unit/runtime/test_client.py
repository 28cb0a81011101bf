"""A client's verbs, lists, logs and streams, over real HTTP."""

import asyncio
import time

import msgspec
import pytest
from aiohttp import web

from aimctrl import __version__
from aimctrl.kube.core import PODS
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime import errors
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.writes import Write, collect
from support.http import KEY, MANIFEST, META, PATH, WIDGETS, answer, dripping, serving, status


async def test_verbs_go_where_the_api_wants_them():
    async with serving(answer()) as (client, asked):
        await client.create(WIDGETS, MANIFEST)
        await client.apply(WIDGETS, MANIFEST, field_manager="other")
        await client.apply(WIDGETS, MANIFEST, force=False)
        await client.patch(WIDGETS, KEY, {"status": None}, subresource="status")
        await client.replace(WIDGETS, MANIFEST, subresource="status")
        await client.request("POST", PATH + "/binding", body={"a": 1}, query={"dryRun": "All"})
        told = [(r.method, r.path, dict(r.query), r.content_type) for r, _ in asked]
    assert told == [
        ("POST", PATH.removesuffix("/a"), {"fieldManager": "aimctrl"}, "application/json"),
        ("PATCH", PATH, {"fieldManager": "other", "force": "true"}, "application/apply-patch+yaml"),
        ("PATCH", PATH, {"fieldManager": "aimctrl"}, "application/apply-patch+yaml"),
        ("PATCH", PATH + "/status", {"fieldManager": "aimctrl"}, "application/merge-patch+json"),
        ("PUT", PATH + "/status", {"fieldManager": "aimctrl"}, "application/json"),
        ("POST", PATH + "/binding", {"dryRun": "All"}, "application/json"),
    ]
    assert msgspec.json.decode(asked[1][1]) == {"apiVersion": "example.com/v1", "kind": "Widget", **MANIFEST}
    assert msgspec.json.decode(asked[3][1]) == {"status": None}
    assert all("PartialObjectMetadata" in r.headers["Accept"] for r, _ in asked[:5])
    assert all(r.headers["Accept-Encoding"] == "identity" for r, _ in asked)


async def test_names_are_percent_encoded_once():
    async with serving(answer()) as (client, asked):
        await client.get(Kind("", "v1", "Thing", "things", dict, namespaced=False), Key("", "system:a/b c"))
        assert asked[0][0].raw_path == "/api/v1/things/system%3Aa%2Fb%20c"


async def test_writes_are_recorded_for_the_reconcile_that_made_them():
    gone = {"kind": "Status", "status": "Success", "details": {"uid": "u9"}}
    replies = [
        answer(),
        answer(),
        answer(200, gone),
        answer(),
        status(404),
        answer(200, {"kind": "Pod", "metadata": META}),
    ]
    async with serving(*replies) as (client, _):
        await client.create(WIDGETS, MANIFEST)
        with collect() as writes:
            meta = await client.apply(WIDGETS, MANIFEST)
            await client.delete(WIDGETS, KEY)
            await client.get(WIDGETS, KEY)
            await client.delete(WIDGETS, KEY, uid="u2")
            await client.delete(WIDGETS, KEY)
    assert (meta.name, meta.resource_version) == ("a", "41")
    assert writes == [
        Write(WIDGETS, KEY, 41, uid="u1"),
        Write(WIDGETS, KEY, 0, deleted=True, uid="u9"),
        Write(WIDGETS, KEY, 0, deleted=True, uid="u2"),
        Write(WIDGETS, KEY, 41, uid="u1"),  # a finalizer keeps it
    ]


async def hangs_up(request):
    request.transport.abort()
    await asyncio.Event().wait()


@pytest.mark.parametrize("lost", [hangs_up, status(500), answer(200, b"<html>")], ids=["cut", "5xx", "gibberish"])
async def test_a_write_whose_answer_is_lost_is_recorded_as_doubtful(lost):
    asks = [
        lambda client: client.create(WIDGETS, MANIFEST),
        lambda client: client.apply(WIDGETS, MANIFEST),
        lambda client: client.patch(WIDGETS, KEY, {}),
        lambda client: client.replace(WIDGETS, MANIFEST),
        lambda client: client.delete(WIDGETS, KEY),
    ]
    async with serving(lost) as (client, _):
        for ask in asks:
            with collect() as writes, pytest.raises((errors.ConnectionFailedError, errors.ServerError)):
                await ask(client)
            assert writes == [Write(WIDGETS, KEY, 0, doubtful=True)]


async def test_a_write_that_is_cancelled_is_doubtful_and_one_that_is_refused_is_not():
    async with serving(dripping) as (client, _):
        with collect() as writes, pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.patch(WIDGETS, KEY, {})
        assert writes == [Write(WIDGETS, KEY, 0, doubtful=True)]
    async with serving(status(409, "Conflict")) as (client, _):
        with collect() as writes, pytest.raises(errors.ConflictError):
            await client.patch(WIDGETS, KEY, {})
        assert writes == []


@pytest.mark.parametrize("prefix", ["a-", "p" * 70], ids=["short", "too long"])
async def test_a_generated_name_is_known_before_it_is_sent(prefix):
    async with serving(hangs_up) as (client, asked):
        with collect() as writes, pytest.raises(errors.ConnectionFailedError):
            await client.create(WIDGETS, {"metadata": {"generateName": prefix, "namespace": "x"}})
        sent = msgspec.json.decode(asked[0][1])["metadata"]
        assert sent["name"].startswith(prefix[:58])
        assert len(sent["name"]) == min(len(prefix), 58) + 5
        assert writes == [Write(WIDGETS, Key("x", sent["name"]), 0, doubtful=True, generate_name=prefix)]


async def test_what_is_created_again_since_it_was_not_found_has_the_name_it_was_to_have():
    """So that it is not there twice, should the first request be carried out after all."""
    unborn = Write(WIDGETS, Key("x", "a-12345"), 0, doubtful=True, generate_name="a-")
    manifest = {"metadata": {"generateName": "a-", "namespace": "x"}}
    async with serving(answer(201)) as (client, asked):
        with collect([unborn]):
            await client.create(WIDGETS, {"metadata": {"generateName": "b-", "namespace": "x"}})
            await client.create(WIDGETS, {"metadata": {"generateName": "a-", "namespace": "y"}})
            await client.create(WIDGETS, manifest)
            await client.create(WIDGETS, manifest)
        others = [msgspec.json.decode(body)["metadata"]["name"] for _, body in asked]
        assert others.pop(2) == "a-12345"
        assert len({*others, "a-12345"}) == 4
    async with serving(status(409, "AlreadyExists")) as (client, _):
        with collect([unborn]) as writes, pytest.raises(errors.AlreadyExistsError):
            await client.create(WIDGETS, manifest)
        assert writes == [unborn]  # to be looked up once more
        with collect([unborn]) as writes, pytest.raises(errors.AlreadyExistsError):
            await client.create(WIDGETS, MANIFEST)
        assert writes == []


async def test_a_deletion_names_the_object_meant_and_says_when_it_is_another():
    async with serving(status(409, "Conflict")) as (client, asked):
        with pytest.raises(errors.ConflictError):
            await client.delete(WIDGETS, KEY, uid="u2", propagation="Foreground", grace_seconds=0)
        assert msgspec.json.decode(asked[0][1]) == {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": "u2"},
            "gracePeriodSeconds": 0,
        }


async def test_a_success_that_is_no_object_is_a_server_error():
    async with serving(answer(200, b"<html>Please log in</html>")) as (client, _):
        for ask in (client.create(WIDGETS, MANIFEST), client.delete(WIDGETS, KEY), client.list_page(WIDGETS)):
            with pytest.raises(errors.ServerError, match="Please log in"):
                await ask


async def test_lists_come_in_pages():
    pages = [
        answer(200, {"metadata": {"resourceVersion": "9", "continue": "t k"}, "items": [{"metadata": META}]}),
        answer(200, {"metadata": {"resourceVersion": "9"}, "items": []}),
    ]
    async with serving(*pages) as (client, asked):
        first = await client.list_page(WIDGETS, "x", selector="a=b,c")
        second = await client.list_page(WIDGETS, token=first.token)
        assert (first.version, first.token, len(first.items)) == ("9", "t k", 1)
        assert (second.token, second.items) == ("", [])
        assert [dict(r.query) for r, _ in asked] == [
            {"limit": "500", "labelSelector": "a=b,c"},
            {"limit": "500", "continue": "t k"},
        ]


async def endless(request):
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65536)
        await asyncio.sleep(0)


async def test_a_log_is_cut_at_its_limit_although_the_server_sends_on():
    async with serving(endless) as (client, asked):
        log = await client.pod_log(Key("x", "p"), container="c", limit_bytes=100_000, tail_lines=1)
        assert log == b"x" * 100_000
        assert asked[0][0].path == PODS.path("x", "p") + "/log"
        assert dict(asked[0][0].query) == {"limitBytes": "100000", "container": "c", "tailLines": "1"}


async def test_a_log_that_neither_goes_on_nor_ends_is_given_up():
    async with serving(dripping, patience=0.1) as (client, _):
        began = time.monotonic()
        with pytest.raises(errors.ConnectionFailedError):
            await client.pod_log(Key("x", "p"), limit_bytes=100)
        assert time.monotonic() - began < 5


def sends(*pieces, cut=False):
    async def handle(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0.01)
        if cut:
            request.transport.abort()
        return response

    return handle


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\ntwo\n"], [b"one", b"two"]),
        ([b"on", b"e\ntw", b"o\n"], [b"one", b"two"]),
        ([b"a" * 3_000_000, b"b\n"], [b"a" * 3_000_000 + b"b"]),
        ([b"one\ntw"], [b"one", b"tw"]),
        ([], []),
    ],
    ids=["whole", "in pieces", "longer than the buffer", "cut off", "nothing"],
)
async def test_a_stream_gives_whole_lines_however_they_are_cut(pieces, lines):
    async with serving(sends(*pieces)) as (client, _), client.stream("/x", {"watch": "true"}) as batches:
        assert [line async for batch in batches for line in batch] == lines


async def test_a_stream_that_is_cut_is_a_failed_connection():
    async with serving(sends(b"one\n", cut=True)) as (client, _), client.stream("/x", {}) as batches:
        with pytest.raises(errors.ConnectionFailedError):
            [batch async for batch in batches]


async def test_a_stream_may_be_silent_for_longer_than_a_call_and_be_left_at_any_time():
    async with serving(dripping, patience=1.0) as (client, _), client.stream("/x", {}) as batches:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await anext(batches)


async def test_a_refused_stream_is_the_same_error_as_a_refused_call():
    async with serving(status(410, "Expired")) as (client, _):
        with pytest.raises(errors.ExpiredError):
            async with client.stream("/x", {}):
                pass


async def test_many_streams_do_not_keep_calls_waiting():
    async def handle(request):
        return await dripping(request) if "watch" in request.query else answer()

    async with serving(handle) as (client, _), asyncio.TaskGroup() as tasks:
        held = asyncio.Event()

        async def watch():
            async with client.stream("/x", {"watch": "true"}):
                await held.wait()

        for _ in range(100):
            tasks.create_task(watch())
        await client.get(WIDGETS, KEY)
        held.set()


async def test_requests_are_counted_by_code_and_method():
    async with serving(answer(), status(404)) as (client, _):
        await client.get(WIDGETS, KEY)
        await client.delete(WIDGETS, KEY)
        assert client.counted == [("200", "GET"), ("404", "DELETE")]


async def test_a_client_that_was_not_entered_says_how_to():
    with pytest.raises(RuntimeError, match="async with"):
        await Client(Connection("http://127.0.0.1:1")).get(WIDGETS, KEY)


async def test_the_servers_log_can_tell_who_asked():
    async def who(request):
        return answer(body={"metadata": META, "agent": request.headers["User-Agent"]})

    async with serving(who) as (client, _):
        told = msgspec.json.decode(await client.get(WIDGETS, KEY))["agent"]
        assert told == f"{client.field_manager} aimctrl/{__version__}"
