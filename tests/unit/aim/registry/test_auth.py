"""Tokens and passwords: who gets them, and who does not."""

import pytest
from aiohttp import web

from aimctrl.aim.registry.client import RegistryClient
from aimctrl.aim.registry.docker_config import Credential
from aimctrl.aim.registry.outcomes import AuthFailure, Inspected, RegistryUnreachable
from aimctrl.aim.registry.reference import parse_reference
from support.registry import LABELS, REPOSITORY, FakeRegistry, auth, config_blob, digest_of, error

ME = Credential("me", "secret")
BASIC = f"Basic {auth('me', 'secret')}"


@pytest.fixture
async def registry():
    async with FakeRegistry().serving() as registry:
        registry.push()
        yield registry


@pytest.fixture
async def elsewhere():
    async with FakeRegistry().serving(max_line_size=2**15) as elsewhere:
        elsewhere.before = lambda _: web.Response(body=config_blob())
        yield elsewhere


@pytest.fixture
async def client():
    async with RegistryClient() as client:
        yield client


async def ask(client, registry, *credentials):
    return await client.labels(parse_reference(registry.image), credentials)


async def test_basic_credentials_are_sent_once_they_are_asked_for(client, registry):
    registry.password = "secret"
    assert await ask(client, registry, ME) == Inspected(LABELS)
    assert registry.credentials() == ["", BASIC, BASIC]


async def test_a_public_image_may_take_a_token_that_anybody_gets(client, registry):
    registry.token = "public"
    assert await ask(client, registry) == Inspected(LABELS)
    assert registry.credentials() == ["", "Bearer public", "Bearer public"]
    (token,) = (request for request in registry.asked if request.path == "/token")
    assert dict(token.query) == {"service": "reg", "scope": "repository:x:pull"}
    assert "Authorization" not in token.headers


async def test_a_token_is_bought_with_the_password_which_the_registry_does_not_see(client, registry):
    registry.token, registry.password = "t", "secret"
    assert await ask(client, registry, ME) == Inspected(LABELS)
    assert registry.credentials("/token") == [BASIC]
    assert registry.credentials() == ["", "Bearer t", "Bearer t"]


async def test_a_token_is_bought_with_an_identity_token(client, registry):
    registry.token, registry.password = "t", "secret"
    assert await ask(client, registry, Credential("<token>", identity_token="refresh")) == Inspected(LABELS)
    (token,) = (request for request in registry.asked if request.path == "/token")
    assert token.method == "POST"
    assert (await token.post())["scope"] == "repository:x:pull"
    refused = await ask(client, registry, Credential("<token>", identity_token="old"))
    assert isinstance(refused, AuthFailure)


async def test_a_challenge_without_a_scope_is_answered_with_that_of_a_pull(client, registry):
    registry.token = "t"
    registry.challenge = f'Bearer realm="{registry.origin}/token?account=a%2Fb"'
    assert await ask(client, registry) == Inspected(LABELS)
    (token,) = (request for request in registry.asked if request.path == "/token")
    assert token.raw_path == f"/token?account=a%2Fb&scope=repository:{REPOSITORY}:pull"


async def test_a_token_that_expires_on_the_way_is_renewed(client, registry):
    registry.token = "t"
    expired = error(401, "UNAUTHORIZED", "expired", {"WWW-Authenticate": f'Bearer realm="{registry.origin}/token"'})
    registry.before = lambda request: expired if "/blobs/" in request.path and len(registry.asked) == 4 else None
    assert await ask(client, registry) == Inspected(LABELS)


@pytest.mark.parametrize(
    ("credentials", "told"),
    [
        ((), "{host} wants credentials for team/llama, and no pull secret has any for it"),
        ((Credential("me", "wrong"),), "{host} refuses the credentials for team/llama: UNAUTHORIZED: authentication required"),
    ],
    ids=["none", "wrong ones"],
)  # fmt: skip
async def test_what_is_refused_is_told(client, registry, credentials, told):
    registry.password = "secret"
    assert await ask(client, registry, *credentials) == AuthFailure(told.format(host=registry.host))


async def test_credentials_that_are_known_but_not_let_in_are_refused(client, registry):
    registry.before = lambda _: error(403, "DENIED", "requested access to the resource is denied")
    found = await ask(client, registry, ME)
    assert found == AuthFailure(
        f"{registry.host} refuses the credentials for team/llama: DENIED: requested access to the resource is denied"
    )


@pytest.mark.parametrize(
    ("challenge", "told"),
    [
        ("", "it asks for nothing"),
        ("Negotiate", "it asks for negotiate"),
        ("Bearer", "it asks for bearer"),
        ('Bearer realm="http://evil.example/token"', "plain HTTP"),
        ('Bearer realm="ftp://evil.example/token"', "no valid address"),
        ('Bearer realm="/token"', "no valid address"),
        ('Bearer realm="https://[zz"', "no valid address"),
        ('Bearer realm="https://user:pass@evil.example/token"', "no valid address"),
    ],
)
async def test_credentials_go_nowhere_a_challenge_should_not_lead(client, registry, challenge, told):
    registry.before = lambda _: error(401, "", "", {"WWW-Authenticate": challenge})
    found = await ask(client, registry, ME)
    assert isinstance(found, AuthFailure)
    assert told in found.message
    assert registry.credentials() == [""]


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({"token": "a\r\nX-Injected: 1"}),
        web.json_response({"token": ""}),
        web.json_response({"token": 1}),
        web.json_response([]),
        web.Response(text="<html>"),
        web.Response(status=400),
        web.Response(status=404),
    ],
    ids=["a header in it", "empty", "a number", "a list", "html", "400", "404"],
)
async def test_a_token_service_that_gives_no_token_refuses(client, registry, answer):
    registry.token = "t"
    registry.before = lambda request: again(answer) if request.path == "/token" else None
    assert isinstance(await ask(client, registry, ME), AuthFailure)


async def test_a_token_service_that_is_down_passes(client, registry):
    registry.token = "t"
    registry.before = lambda request: web.Response(status=503) if request.path == "/token" else None
    assert await ask(client, registry) == RegistryUnreachable(f"{registry.host} answers 503")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_host_takes_no_credentials_along(client, registry, elsewhere, status):
    registry.password = "secret"
    signature = "a%2Fb%3D" * 1000
    target = f"{elsewhere.origin}/blob?X-Signature={signature}&x=%20y"

    def redirect(request):
        known = "Authorization" in request.headers and "/blobs/" in request.path
        return web.Response(status=status, headers={"Location": target}) if known else None

    registry.before = redirect
    assert await ask(client, registry, ME) == Inspected(LABELS)
    (asked,) = elsewhere.asked
    assert "Authorization" not in asked.headers
    assert asked.raw_path == f"/blob?X-Signature={signature}&x=%20y"


async def test_a_redirect_within_the_registry_takes_them_along(client, registry):
    registry.password = "secret"
    moved = f"/v2/moved/blobs/{digest_of(config_blob())}"

    def redirect(request):
        if request.path == moved:
            return web.Response(body=config_blob())
        return web.Response(status=307, headers={"Location": moved}) if "/blobs/" in request.path else None

    registry.before = redirect
    assert await ask(client, registry, ME) == Inspected(LABELS)
    assert registry.credentials() == ["", BASIC, BASIC, BASIC]


async def test_a_redirect_there_and_back_has_lost_them(client, registry, elsewhere):
    registry.password = "secret"
    back = f"/v2/back/blobs/{digest_of(config_blob())}"

    def redirect(request):
        if request.path == back:
            return web.Response(body=config_blob())
        away = "/blobs/" in request.path
        return web.Response(status=307, headers={"Location": f"{elsewhere.origin}/x"}) if away else None

    registry.before = redirect
    elsewhere.before = lambda _: web.Response(status=307, headers={"Location": f"{registry.origin}{back}"})
    assert await ask(client, registry, ME) == Inspected(LABELS)
    assert registry.credentials()[-1] == ""


async def test_a_host_it_redirects_to_cannot_ask_for_the_credentials(client, registry, elsewhere):
    registry.before = lambda _: web.Response(status=307, headers={"Location": f"{elsewhere.origin}/x"})
    elsewhere.before = lambda _: error(401, "", "", {"WWW-Authenticate": "Basic"})
    found = await ask(client, registry, ME)
    assert isinstance(found, AuthFailure)
    assert "wants credentials of its own" in found.message
    assert elsewhere.credentials("/") == [""]


def again(answer):
    """A response can be sent once only."""
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
