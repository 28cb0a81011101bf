"""What a client makes of refusals and silence: errors, repeated attempts, renewed tokens, the fence."""

import asyncio

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from aimctrl.runtime import errors
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import Connection
from support.http import KEY, MANIFEST, META, PATH, WIDGETS, Counted, Tokens, answer, serving, status


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (status(400, "BadRequest"), errors.InvalidError),
        (status(401, "Unauthorized"), errors.UnauthorizedError),
        (status(403, "Forbidden"), errors.ForbiddenError),
        (status(404, "NotFound"), errors.NotFoundError),
        (status(405, "MethodNotAllowed"), errors.InvalidError),
        (status(409, "Conflict"), errors.ConflictError),
        (status(409, "AlreadyExists"), errors.AlreadyExistsError),
        (status(410, "Expired"), errors.ExpiredError),
        (status(413, "RequestEntityTooLarge"), errors.InvalidError),
        (status(415, "UnsupportedMediaType"), errors.InvalidError),
        (status(422, "Invalid"), errors.InvalidError),
        (status(429, "TooManyRequests", Retry_After="60"), errors.ThrottledError),
        (status(500, "InternalError"), errors.ServerError),
        (status(503, "ServiceUnavailable"), errors.ServerError),
        (status(503, Retry_After="60"), errors.ThrottledError),
        (status(504, "Timeout"), errors.ServerError),
        (answer(302, b"", Location="/login"), errors.InvalidError),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, web.Response) else value.__name__,
)
async def test_each_refusal_is_the_error_that_says_what_to_do(reply, error):
    async with serving(reply) as (client, _):
        with pytest.raises(error) as caught:
            await client.patch(WIDGETS, KEY, {})
        assert type(caught.value) is error
        assert (caught.value.answer.code, caught.value.answer.method) == (reply.status, "PATCH")


async def test_an_error_tells_what_the_server_said():
    details = {"name": "a", "causes": [{"field": "spec.size"}]}
    async with serving(status(422, "Invalid", "spec.size: too big", details)) as (client, _):
        with pytest.raises(errors.InvalidError, match=r"PATCH .*/widgets/a: 422 Invalid: spec.size: too big") as caught:
            await client.patch(WIDGETS, KEY, {})
        assert caught.value.answer.details == details


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (answer(502, b"<html>Bad Gateway</html>" * 50), "Bad Gateway"),
        (answer(403, b""), f"GET {PATH} is forbidden"),
        (answer(404, b"404 page not found\n"), "404 page not found"),
        (answer(400, b"\xff\xfe[]"), "\N{REPLACEMENT CHARACTER}"),
        (answer(400, b'{"kind":"Widget","message":"x"}'), "Widget"),
    ],
    ids=["a proxy's page", "an empty refusal", "plain text", "no text", "another object"],
)
async def test_an_answer_that_is_no_status_is_quoted_and_cut_short(reply, told):
    async with serving(reply) as (client, _):
        with pytest.raises(errors.ApiError) as caught:
            await client.get(WIDGETS, KEY)
        assert told in caught.value.answer.message
        assert len(caught.value.answer.message) <= 300


@pytest.mark.parametrize(
    ("replies", "attempts"),
    [
        ([status(500), answer()], 2),
        ([status(503, Retry_After="0"), status(500), answer()], 3),
        ([status(429, Retry_After="0"), answer()], 2),
    ],
    ids=["a server error", "two of them", "throttled"],
)
async def test_a_read_is_repeated_while_the_fault_may_pass(replies, attempts):
    async with serving(*replies) as (client, asked):
        assert msgspec.json.decode(await client.get(WIDGETS, KEY)) == {"metadata": META}
        assert len(asked) == attempts


async def test_a_read_is_given_up_after_three_attempts():
    async with serving(status(500)) as (client, asked):
        with pytest.raises(errors.ServerError):
            await client.get(WIDGETS, KEY)
        assert len(asked) == 3


@pytest.mark.parametrize(
    ("replies", "attempts", "error"),
    [
        ([status(429, Retry_After="0"), answer()], 2, None),
        ([status(503, Retry_After="0"), answer()], 2, None),
        ([status(500), answer()], 1, errors.ServerError),
        ([status(409, "Conflict"), answer()], 1, errors.ConflictError),
        ([status(429, Retry_After="3600"), answer()], 1, errors.ThrottledError),
    ],
    ids=["throttled", "unavailable", "may have been done", "a conflict", "for an hour"],
)
async def test_a_write_is_repeated_only_where_it_cannot_have_been_done_and_soon(replies, attempts, error):
    async with serving(*replies) as (client, asked):
        if error is None:
            await client.create(WIDGETS, MANIFEST)
        else:
            with pytest.raises(error):
                await client.create(WIDGETS, MANIFEST)
        assert len(asked) == attempts


async def test_a_write_whose_connection_was_cut_is_not_repeated():
    async def cut(request):
        request.transport.close()
        return web.Response()

    async with serving(cut) as (client, asked):
        with pytest.raises(errors.ConnectionFailedError) as caught:
            await client.create(WIDGETS, MANIFEST)
        assert caught.value.__cause__ is not None
        assert len(asked) == 1


async def test_where_nothing_listens_writes_are_tried_again_too():
    metrics = Counted()
    async with Client(Connection(f"http://127.0.0.1:{unused_port()}"), metrics=metrics) as client:
        with pytest.raises(errors.ConnectionFailedError):
            await client.create(WIDGETS, MANIFEST)
    assert metrics.requests == [("<error>", "POST")] * 3


async def test_a_server_that_does_not_answer_in_time_is_a_failed_connection():
    async def sleep(_request):
        await asyncio.Event().wait()

    async with serving(sleep, patience=0.05) as (client, asked):
        for ask in (client.patch(WIDGETS, KEY, {}), client.get(WIDGETS, KEY)):
            with pytest.raises(errors.ConnectionFailedError):
                await ask
        with pytest.raises(errors.ConnectionFailedError):
            async with client.stream("/x", {}):
                pass
        assert len(asked) <= 3  # nobody waits for the same silence twice


async def test_a_refused_token_is_renewed_once_for_reads_writes_and_streams():
    tokens = Tokens()
    async with serving(status(401), answer(), status(401), answer(), status(401), credentials=tokens) as (
        client,
        asked,
    ):
        await client.get(WIDGETS, KEY)
        await client.create(WIDGETS, MANIFEST)
        with pytest.raises(errors.UnauthorizedError):
            async with client.stream("/x", {}):
                pass
        assert tokens.renewed == 3
        sent = [request.headers["Authorization"] for request, _ in asked]
        assert sent == ["Bearer 0", "Bearer 1", "Bearer 1", "Bearer 2", "Bearer 2", "Bearer 3"]


async def test_a_closed_fence_holds_writes_back_and_lets_reads_through():
    async with serving(answer()) as (client, asked):
        client.fence = lambda: False
        await client.get(WIDGETS, KEY)
        for write in (
            client.create(WIDGETS, MANIFEST),
            client.apply(WIDGETS, MANIFEST),
            client.replace(WIDGETS, MANIFEST),
            client.patch(WIDGETS, KEY, {}),
            client.delete(WIDGETS, KEY),
            client.request("POST", "/x"),
        ):
            with pytest.raises(errors.NotLeaderError):
                await write
        assert len(asked) == 1
        client.fence = lambda: True
        await client.create(WIDGETS, MANIFEST)


async def test_a_fence_that_closes_between_attempts_ends_them():
    async with serving(status(429, Retry_After="0")) as (client, asked):
        client.fence = lambda: not asked
        with pytest.raises(errors.NotLeaderError):
            await client.create(WIDGETS, MANIFEST)
        assert len(asked) == 1


async def test_a_write_that_waited_while_the_fence_closed_is_not_sent():
    class Slow(Tokens):
        async def authorization(self):
            nonlocal leads
            leads = False
            return await super().authorization()

    async with serving(answer(), credentials=Slow()) as (client, asked):
        client.fence = lambda: leads
        for ask in (
            lambda: client.create(WIDGETS, MANIFEST),
            lambda: client.delete(WIDGETS, KEY),
            lambda: client.request("POST", "/x"),
        ):
            leads = True
            with pytest.raises(errors.NotLeaderError):
                await ask()
        leads = True
        await client.get(WIDGETS, KEY)
        assert [request.method for request, _ in asked] == ["GET"]


async def test_a_write_that_was_refused_a_token_is_not_sent_again_once_the_fence_is_closed():
    async with serving(status(401), answer(), credentials=Tokens()) as (client, asked):
        client.fence = lambda: not asked
        with pytest.raises(errors.NotLeaderError):
            await client.create(WIDGETS, MANIFEST)
        assert len(asked) == 1
