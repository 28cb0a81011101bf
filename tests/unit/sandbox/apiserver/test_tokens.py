"""Bearer tokens on the server's own clock."""

from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from aimctrl.sandbox.apiserver.clock import Clock
from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.request import User
from aimctrl.sandbox.apiserver.server import api_server
from aimctrl.sandbox.apiserver.tokens import Bond, Credential, TokenError, Tokens
from support.requests import Server
from support.scene import EPOCH

ALICE = User("alice")
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_token_is_good_until_it_expires():
    clock = Clock(lambda: EPOCH)
    tokens = Tokens(Cluster(clock=clock))
    token = tokens.new(Credential(ALICE, EPOCH + timedelta(seconds=600)))
    clock.jump(599)
    assert tokens.user(token) == ALICE
    clock.jump(1)
    with pytest.raises(TokenError, match="service account token has expired"):
        tokens.user(token)
    clock.jump(-1)
    assert tokens.user(token) == ALICE


def test_a_token_without_an_end_is_good_for_ever():
    clock = Clock(lambda: EPOCH)
    tokens = Tokens(Cluster(clock=clock))
    token = tokens.new(Credential(ALICE))
    clock.jump(10**9)
    assert tokens.user(token) == ALICE


def test_a_token_goes_with_what_it_is_bound_to(server: Server):
    tokens = Tokens(server.cluster)
    path = "/api/v1/namespaces/here/secrets"
    uid = server.post(path, {"metadata": {"name": "x"}}).body["metadata"]["uid"]
    token = tokens.new(Credential(ALICE, bonds=(Bond("", "secrets", "here/x", uid),)))
    assert tokens.user(token) == ALICE
    server.delete(f"{path}/x")
    server.post(path, {"metadata": {"name": "x"}})
    with pytest.raises(TokenError, match="invalidated"):
        tokens.user(token)


@pytest.mark.parametrize("credential", [None, Credential(ALICE, audiences=("others",))], ids=["nobody", "others"])
def test_a_token_of_nobody_or_for_others_is_invalid(credential: Credential | None):
    tokens = Tokens(Cluster())
    token = tokens.new(credential) if credential else "nothing"
    with pytest.raises(TokenError, match="invalid bearer token"):
        tokens.user(token)


async def test_an_account_may_ask_until_its_token_expires_or_it_is_gone():
    async with (
        api_server() as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=server.connection().ssl)) as session,
    ):

        async def ask(method: str, path: str, token: str = server.admin_token, body: Any = None) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {token}"}
            async with session.request(method, server.url + path, json=body, headers=headers) as answer:
                return answer.status, await answer.json()

        async def new(seconds: int) -> str:
            wish = {"spec": {"expirationSeconds": seconds}}
            status, body = await ask("POST", f"{ACCOUNTS}/robot/token", body=wish)
            assert status == 201, body
            token: str = body["status"]["token"]
            return token

        await ask("POST", ACCOUNTS, body={"metadata": {"name": "robot"}})
        short, long = await new(600), await new(7200)
        assert [(await ask("GET", "/version", token))[0] for token in (short, long)] == [200, 200]
        server.faults.jump(601)
        assert [(await ask("GET", "/version", token))[0] for token in (short, long)] == [401, 200]
        review = {"spec": {"token": short}}
        _, body = await ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body=review)
        assert body["status"] == {"user": {}, "error": "[invalid bearer token, service account token has expired]"}
        await ask("DELETE", f"{ACCOUNTS}/robot")
        assert (await ask("GET", "/version", long))[0] == 401
