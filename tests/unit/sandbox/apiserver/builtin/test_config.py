from typing import Any

import pytest

from support.requests import Server

HERE = "/api/v1/namespaces/here"
KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
LOCKED = "Forbidden: field is immutable when `immutable` is set"

Json = dict[str, Any]


@pytest.fixture
def server() -> Server:
    return Server()


def test_texts_become_data(server: Server) -> None:
    body = {"metadata": {"name": "s"}, "stringData": {"a": "b"}, "data": {"a": "eA==", "c": ""}}
    made = server.post(f"{HERE}/secrets", body).body
    assert (made["data"], made["type"], "stringData" in made) == ({"a": "Yg==", "c": ""}, "Opaque", False)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"stringData": {"a b": "b"}}, f'data[a b]: Invalid value: "a b": {KEY}', id="key"),
        pytest.param(
            {"type": "kubernetes.io/tls"}, "[data[tls.crt]: Required value, data[tls.key]: Required value]", id="tls"
        ),
        pytest.param(
            {"type": "kubernetes.io/basic-auth"},
            "[data[username]: Required value, data[password]: Required value]",
            id="basic-auth",
        ),
        pytest.param({"type": "kubernetes.io/ssh-auth"}, "data[ssh-privatekey]: Required value", id="ssh"),
        pytest.param(
            {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "eeee"}},
            "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": invalid character 'y' looking for "
            "beginning of value",
            id="docker-config",
        ),
        pytest.param(
            {"type": "kubernetes.io/service-account-token"},
            "metadata.annotations[kubernetes.io/service-account.name]: Required value",
            id="token",
        ),
    ],
)
def test_a_secret_holds_what_its_type_demands(server: Server, body: Json, words: str) -> None:
    reply = server.post(f"{HERE}/secrets", {"metadata": {"name": "s"}, **body})
    assert (reply.code, reply.message) == (422, f'Secret "s" is invalid: {words}')


@pytest.mark.parametrize(
    ("path", "made", "change", "words"),
    [
        pytest.param(
            "secrets", {"data": {"a": "eA=="}, "immutable": True}, {"data": {"a": "eQ=="}}, f"data: {LOCKED}", id="data"
        ),
        pytest.param(
            "secrets",
            {"data": {"a": "eA=="}, "immutable": True},
            {"immutable": False},
            f"immutable: {LOCKED}",
            id="unlocking",
        ),
        pytest.param("secrets", {}, {"type": "x"}, 'type: Invalid value: "x": field is immutable', id="type"),
        pytest.param(
            "configmaps", {"data": {"a": "x"}, "immutable": True}, {"data": {"a": "y"}}, f"data: {LOCKED}", id="config"
        ),
        pytest.param(
            "configmaps", {"data": {"a": "x"}, "immutable": True}, {"metadata": {"labels": {"a": "b"}}}, "", id="labels"
        ),
        pytest.param("configmaps", {"data": {"a": "x"}}, {"data": {"a": None}}, "", id="open"),
    ],
)
def test_what_is_immutable_stays(server: Server, path: str, made: Json, change: Json, words: str) -> None:
    kind = {"secrets": "Secret", "configmaps": "ConfigMap"}[path]
    server.post(f"{HERE}/{path}", {"metadata": {"name": "s"}, **made})
    reply = server.patch(f"{HERE}/{path}/s", change)
    assert reply.message == (f'{kind} "s" is invalid: {words}' if words else "")


def test_keys_of_texts_and_bytes_do_not_overlap(server: Server) -> None:
    body = {"metadata": {"name": "c"}, "data": {"a": "b"}, "binaryData": {"a": "eA=="}}
    reply = server.post(f"{HERE}/configmaps", body)
    words = 'data[a]: Invalid value: "a": duplicate of key present in binaryData'
    assert reply.message == f'ConfigMap "c" is invalid: {words}'


@pytest.mark.parametrize("path", ["configmaps", "secrets"])
def test_a_mebibyte_is_the_most(server: Server, path: str) -> None:
    part = "data" if path == "configmaps" else "stringData"
    assert server.post(f"{HERE}/{path}", {"metadata": {"name": "c"}, part: {"a": "x" * 1048576}}).code == 201
    reply = server.post(f"{HERE}/{path}", {"metadata": {"name": "d"}, part: {"a": "x" * 1048577}})
    assert reply.code == 422
    assert "Too long: may not be more than 1048576 bytes" in reply.message
