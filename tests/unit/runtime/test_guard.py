"""Who may see the metrics, as the API server says; and how seldom it is asked."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
import pytest
from structlog.testing import capture_logs

from aimctrl.runtime.answers import Call, refusal
from aimctrl.runtime.guard import (
    ACCESS_REVIEWS,
    GRANTED_SECONDS,
    MOST_ANSWERS,
    REFUSED_SECONDS,
    TOKEN_REVIEWS,
    TokenGuard,
)
from aimctrl.runtime.serving import Address, Protection, Serving

PROMETHEUS = {
    "username": "system:serviceaccount:monitoring:prometheus",
    "uid": "u-1",
    "groups": ["system:serviceaccounts", "system:authenticated"],
    "extra": {"authentication.kubernetes.io/pod-name": ["prometheus-0"]},
}


class Api:
    """An API server that knows tokens, and who may see the metrics; it notes what it is asked."""

    def __init__(self) -> None:
        self.users: dict[str, Mapping[str, Any]] = {"good": PROMETHEUS, "other": {"username": "somebody"}}
        self.may = {PROMETHEUS["username"]}
        self.asked: list[tuple[str, Any]] = []
        self.error: Exception | None = None

    async def request(self, method: str, path: str, *, body: Any) -> bytes:
        assert method == "POST"
        self.asked.append((path, body["spec"]))
        if self.error:
            raise self.error
        if path == TOKEN_REVIEWS.path():
            user = self.users.get(body["spec"]["token"])
            status = {"authenticated": True, "user": user} if user else {"error": "not a token of ours"}
        else:
            status = {"allowed": body["spec"]["user"] in self.may}
        return msgspec.json.encode({"status": status})


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(api: Api, clock: Clock) -> TokenGuard:
    return TokenGuard(api, clock)  # type: ignore[arg-type]


async def status(guard: TokenGuard, header: str) -> int:
    page = await guard("/metrics", header)
    return page.status if page else 200


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("Bearer good", 200, id="a right"),
        pytest.param("bearer good", 200, id="the scheme in small letters"),
        pytest.param("Bearer other", 403, id="no right"),
        pytest.param("Bearer made-up", 401, id="no token of this cluster"),
        pytest.param("", 401, id="no header"),
        pytest.param("Bearer ", 401, id="no token"),
        pytest.param("Basic Z29vZDo=", 401, id="another scheme"),
    ],
)
async def test_only_a_token_whose_owner_has_the_right_is_let_in(guard: TokenGuard, header: str, expected: int) -> None:
    assert await status(guard, header) == expected


async def test_the_api_server_hears_all_that_is_known_of_the_user(guard: TokenGuard, api: Api) -> None:
    await status(guard, "Bearer good")
    user = {"user": PROMETHEUS["username"], **{part: PROMETHEUS[part] for part in ("uid", "groups", "extra")}}
    spec = {"nonResourceAttributes": {"path": "/metrics", "verb": "get"}, **user}
    assert msgspec.json.decode(msgspec.json.encode(api.asked)) == [
        [TOKEN_REVIEWS.path(), {"token": "good"}],
        [ACCESS_REVIEWS.path(), spec],
    ]


async def test_who_is_refused_learns_who_they_are_and_what_they_lack(guard: TokenGuard) -> None:
    page = await guard("/metrics", "Bearer other")
    assert page is not None
    assert page.body == b"somebody may not get the non-resource URL /metrics\n"


@pytest.mark.parametrize(
    ("token", "seconds"), [("good", GRANTED_SECONDS), ("other", REFUSED_SECONDS), ("made-up", REFUSED_SECONDS)]
)
async def test_an_answer_holds_for_a_while(
    guard: TokenGuard, api: Api, clock: Clock, token: str, seconds: float
) -> None:
    first = await status(guard, f"Bearer {token}")
    asked = len(api.asked)
    clock.now += seconds - 0.1
    assert await status(guard, f"Bearer {token}") == first
    assert len(api.asked) == asked
    clock.now += 0.1
    await status(guard, f"Bearer {token}")
    assert len(api.asked) == 2 * asked


async def test_a_right_that_is_given_or_taken_is_noticed(guard: TokenGuard, api: Api, clock: Clock) -> None:
    assert await status(guard, "Bearer other") == 403
    api.may = {"somebody"}
    clock.now += REFUSED_SECONDS
    assert await status(guard, "Bearer other") == 200
    api.may = set()
    clock.now += GRANTED_SECONDS
    assert await status(guard, "Bearer other") == 403


async def test_without_an_answer_nothing_is_shown_and_the_log_says_why(guard: TokenGuard, api: Api) -> None:
    body = msgspec.json.encode({"kind": "Status", "message": 'cannot create resource "tokenreviews"'})
    api.error = refusal(Call("POST", TOKEN_REVIEWS.path()), 403, body, None)
    with capture_logs() as logs:
        assert await status(guard, "Bearer good") == 500
    assert [(line["event"], "tokenreviews" in line["error"]) for line in logs] == [("metrics not shown", True)]
    api.error = None
    assert await status(guard, "Bearer good") == 200, "that there was no answer is not remembered"


async def test_made_up_tokens_do_not_fill_the_memory(guard: TokenGuard) -> None:
    for number in range(MOST_ANSWERS + 5):
        await status(guard, f"Bearer {number}")
    assert len(guard._answers) <= MOST_ANSWERS


async def test_tokens_are_not_kept(guard: TokenGuard) -> None:
    await status(guard, "Bearer good")
    assert "good" not in repr(guard._answers)


async def test_probes_are_asked_for_nothing_though_they_share_the_address(guard: TokenGuard) -> None:
    local = Address("127.0.0.1", 0)
    one = Serving(lambda: b"up 1\n", health=local, metrics=local, protection=Protection(guard=guard))
    good = {"Authorization": "Bearer good"}
    async with one.serve(), aiohttp.ClientSession(f"http://{one.metrics_address}") as session:
        async with session.get("/healthz") as answer:
            assert answer.status == 200
        async with session.get("/metrics") as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        async with session.get("/metrics", headers=good) as answer:
            assert (answer.status, await answer.text()) == (200, "up 1\n")
