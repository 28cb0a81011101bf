import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import structlog

from aimctrl.api.kinds import ALL
from aimctrl.api.revision import REVISION
from aimctrl.kube.core import CONFIGMAPS, CRDS, NODES
from aimctrl.preflight import PreflightError, preflight
from aimctrl.runtime.client import Page
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.errors import (
    Answer,
    ApiError,
    ConnectionFailedError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    UnauthorizedError,
)

pytestmark = pytest.mark.looptime

HOST = "https://somewhere:6443"


class Api:
    """A client that answers each path as `answer` says: with an error, or with nothing of interest."""

    def __init__(self, answer: Callable[[str], ApiError | None]) -> None:
        self.connection = Connection(HOST)
        self.answer = answer
        self.paths: list[str] = []
        self.definitions: list[list[tuple[str, str]]] = [[]]

    async def list_page(self, kind: Any, *, token: str, accept: str) -> Any:
        assert (kind, "PartialObjectMetadataList" in accept) == (CRDS, True)
        if (error := self.answer("CRDs")) is not None:
            raise error
        number = int(token or 0)
        crds = [
            {"metadata": {"name": name, "annotations": {"aim.silogen.ai/schema-revision": said} if said else {}}}
            for name, said in self.definitions[number]
        ]
        more = str(number + 1) if number + 1 < len(self.definitions) else ""
        return msgspec.json.decode(msgspec.json.encode({"metadata": {"continue": more}, "items": crds}), type=Page)

    async def request(self, method: str, path: str, *, query: Any = None) -> bytes:
        assert method == "GET"
        assert path == "/version" or query == {"limit": "1"}
        self.paths.append(path)
        if (error := self.answer(path)) is not None:
            raise error
        return b"{}"


def only(path: str, error: ApiError) -> Callable[[str], ApiError | None]:
    return lambda asked: error if asked.endswith(path) else None


async def refusal(answer: Callable[[str], ApiError | None]) -> str:
    with pytest.raises(PreflightError) as caught:
        await preflight(Api(answer), ALL)
    assert HOST in str(caught.value)
    return str(caught.value)


async def test_a_cluster_with_all_it_takes_passes() -> None:
    api = Api(lambda _: None)
    await preflight(api, ALL)
    assert len(api.paths) == 1 + len(ALL)


async def test_named_namespaces_are_asked_one_by_one_and_cluster_kinds_once() -> None:
    api = Api(lambda _: None)
    await preflight(api, (CONFIGMAPS, NODES), ("a", "b"))
    assert sorted(api.paths) == [
        "/api/v1/namespaces/a/configmaps",
        "/api/v1/namespaces/b/configmaps",
        "/api/v1/nodes",
        "/version",
    ]


async def test_an_api_server_that_cannot_be_reached_is_named_after_a_while() -> None:
    loop = asyncio.get_running_loop()
    told = await refusal(lambda _: ConnectionFailedError(Answer(message="connection refused")))
    assert "no answer" in told
    assert "connection refused" in told
    assert "--kubeconfig" in told
    assert loop.time() == pytest.approx(20)


async def test_an_api_server_that_comes_up_late_is_waited_for() -> None:
    loop = asyncio.get_running_loop()
    down = ConnectionFailedError(Answer(message="connection refused"))
    await preflight(Api(lambda _: down if loop.time() < 10 else None), ALL)


async def test_silence_is_told_apart() -> None:
    api = Api(lambda _: None)

    async def silent(*_: Any, **__: Any) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    api.request = silent
    with pytest.raises(PreflightError, match="silent for 20 s"):
        await preflight(api, ALL)


async def test_credentials_that_are_not_accepted_are_not_tried_again() -> None:
    told = await refusal(only("/version", UnauthorizedError(Answer(401, "Unauthorized", "token expired"))))
    assert "does not accept these credentials: token expired" in told
    assert asyncio.get_running_loop().time() == 0


async def test_who_may_not_ask_for_the_version_may_still_run() -> None:
    await preflight(Api(only("/version", ForbiddenError(Answer(403)))), ALL)


async def test_missing_definitions_are_named_with_the_command_that_installs_them() -> None:
    told = await refusal(
        lambda path: NotFoundError(Answer(404)) if "aimservices" in path or "aimmodels" in path else None
    )
    assert "aimmodels.aim.silogen.ai, aimservices.aim.silogen.ai" in told
    assert "aimctrl crds | kubectl apply" in told


async def test_missing_rights_are_told_in_the_servers_words() -> None:
    words = 'aimservices.aim.silogen.ai is forbidden: User "x" cannot list resource "aimservices"'
    told = await refusal(only("/aimservices", ForbiddenError(Answer(403, "Forbidden", words))))
    assert "RBAC" in told
    assert words in told


async def test_missing_definitions_come_before_missing_rights() -> None:
    def answer(path: str) -> ApiError | None:
        if path.endswith("aimservices"):
            return NotFoundError(Answer(404))
        return None if path == "/version" else ForbiddenError(Answer(403, message="no"))

    assert "does not know aimservices" in await refusal(answer)


async def test_an_api_server_in_trouble_is_told_as_it_is() -> None:
    assert "in trouble" in await refusal(only("/aimservices", ServerError(Answer(500, message="etcd"))))


@pytest.mark.parametrize(
    ("pages", "told"),
    [
        pytest.param([[("aimservices.aim.silogen.ai", str(REVISION))]], [], id="today's"),
        pytest.param([[("aimservices.aim.silogen.ai", str(REVISION + 1))]], [], id="newer"),
        pytest.param([[("b.aim.silogen.ai", ""), ("a.aim.silogen.ai", "0")]], ["a", "b"], id="older"),
        pytest.param([[("b.aim.silogen.ai", "")], [("a.aim.silogen.ai", "one")]], ["a", "b"], id="on two pages"),
        pytest.param([[("widgets.example.org", "")]], [], id="another's"),
    ],
)
async def test_definitions_that_are_older_than_the_operator_are_told_of(pages: Any, told: list[str]) -> None:
    api = Api(lambda _: None)
    api.definitions = pages
    with structlog.testing.capture_logs() as logs:
        await preflight(api, ALL)
    said = [line["definitions"] for line in logs if line["event"] == "definitions are older than this operator"]
    assert said == ([[f"{name}.aim.silogen.ai" for name in told]] if told else [])


async def test_who_may_not_see_the_definitions_may_still_run() -> None:
    await preflight(Api(only("CRDs", ForbiddenError(Answer(403)))), ALL)
