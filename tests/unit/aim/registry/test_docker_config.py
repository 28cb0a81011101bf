"""Pull secrets: what they hold, and for which images."""

import base64
import json

import pytest

from aimctrl.aim.registry.docker_config import Credential, Grant, PullSecretError, credentials_for, read_grants
from aimctrl.aim.registry.reference import parse_reference
from aimctrl.kube.core import Secret
from support.registry import auth

ME = Credential("me", "secret")


def secret(auths, *, legacy=False):
    sort, key, body = (
        ("kubernetes.io/dockercfg", ".dockercfg", auths)
        if legacy
        else ("kubernetes.io/dockerconfigjson", ".dockerconfigjson", {"auths": auths})
    )
    return Secret(type=sort, data={key: json.dumps(body).encode()})


@pytest.mark.parametrize("legacy", [False, True], ids=["dockerconfigjson", "dockercfg"])
@pytest.mark.parametrize(
    ("entry", "credential"),
    [
        ({"username": "me", "password": "secret", "email": "x@y"}, ME),
        ({"auth": auth("me", "secret")}, ME),
        ({"auth": auth("me", "secret"), "username": "other", "password": "x"}, ME),
        ({"auth": f" {auth('me', 'secret')}\n"}, ME),
        ({"auth": auth("me", "secret").rstrip("=")}, ME),
        ({"auth": auth("me", "se:cret")}, Credential("me", "se:cret")),
        ({"auth": auth("mé", "sécret")}, Credential("mé", "sécret")),
        ({"auth": auth("<token>", ""), "identitytoken": "t"}, Credential("<token>", "", "t")),
        ({"identitytoken": "t"}, Credential(identity_token="t")),
    ],
    ids=["fields", "auth", "auth first", "spaces", "no padding", "colons", "unicode", "identity token", "token alone"],
)
def test_credentials_come_in_several_forms(entry, credential, legacy):
    assert read_grants(secret({"ghcr.io": entry}, legacy=legacy)) == (Grant("ghcr.io", credential),)


def test_entries_without_credentials_are_left_out():
    assert read_grants(secret({"ghcr.io": {}, "quay.io": {"email": "x"}})) == ()
    assert read_grants(secret({})) == ()


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (Secret(type="Opaque", data={".dockerconfigjson": b"{}"}), "its type is Opaque"),
        (Secret(), "its type is not set"),
        (Secret(type="kubernetes.io/dockerconfigjson", data={"x": b"{}"}), "no key .dockerconfigjson"),
        (Secret(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": b"{"}), "not a Docker configuration"),
        (Secret(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": b"\xff"}), "not a Docker conf"),
        (Secret(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": b"[" * 100_000}), "not a Docker"),
        (Secret(type="kubernetes.io/dockercfg", data={".dockercfg": b'{"x": 1}'}), "not a Docker configuration"),
        (secret({"ghcr.io": {"auth": "%%%"}}), "'ghcr.io' is not base64"),
        (secret({"ghcr.io": {"auth": "c2VjcmV0"}}), "'ghcr.io' is not base64"),
        (secret({"ghcr.io": {"auth": base64.b64encode(b"\xff:\xff").decode()}}), "'ghcr.io' is not base64"),
    ],
    ids=[
        "opaque",
        "untyped",
        "another key",
        "no JSON",
        "no text",
        "nested",
        "no object",
        "no base64",
        "no colon",
        "binary",
    ],
)
def test_a_secret_that_is_no_pull_secret_is_told_without_its_contents(broken, told):
    with pytest.raises(PullSecretError, match=told) as caught:
        read_grants(broken)
    assert "secret" not in str(caught.value).replace("pull secret", "")


@pytest.mark.parametrize(
    ("place", "image", "fits"),
    [
        ("ghcr.io", "ghcr.io/x/y", True),
        ("ghcr.io", "ghcr.io.evil.com/x", False),
        ("ghcr.io", "evil-ghcr.io/x", False),
        ("https://ghcr.io", "ghcr.io/x", True),
        ("https://ghcr.io/v2/", "ghcr.io/x", True),
        ("ghcr.io/v1", "ghcr.io/x", True),
        ("ghcr.io/v2/team", "ghcr.io/team/x", True),
        ("ghcr.io/team", "ghcr.io/team/x", True),
        ("ghcr.io/team/", "ghcr.io/team/x", True),
        ("ghcr.io/team", "ghcr.io/other/x", False),
        ("*.azurecr.io", "mine.azurecr.io/x", True),
        ("*.azurecr.io", "a.mine.azurecr.io/x", False),
        ("*.*.azurecr.io", "a.mine.azurecr.io/x", True),
        ("reg*.example.com", "registry.example.com/x", True),
        ("*", "example.com/x", False),
        ("registry:5000", "registry:5000/x", True),
        ("registry", "registry:5000/x", False),
        ("registry:5000", "registry:5001/x", False),
        ("*.example.com:5000", "a.example.com:5000/x", True),
        ("[::1]:5000", "[::1]:5000/x", True),
        ("https://index.docker.io/v1/", "ubuntu", True),
        ("index.docker.io", "docker.io/amd/llama", True),
        ("docker.io", "amd/llama", True),
        ("docker.io/amd", "amd/llama", True),
        ("index.docker.io", "ghcr.io/x", False),
    ],
)
def test_an_image_gets_the_credentials_the_kubelet_would_use(place, image, fits):
    grants = read_grants(secret({place: {"username": "me", "password": "secret"}}))
    assert credentials_for(parse_reference(image), grants) == ((ME,) if fits else ())


def test_the_most_specific_place_comes_first_then_the_secrets_in_their_order():
    grants = [
        Grant("ghcr.io", Credential("host")),
        Grant("ghcr.io/team", Credential("first")),
        Grant("ghcr.io/team", Credential("second")),
        Grant("ghcr.io/team", Credential("first")),
        Grant("ghcr.io/team/x", Credential("exact")),
    ]
    found = credentials_for(parse_reference("ghcr.io/team/x"), grants)
    assert [one.username for one in found] == ["exact", "first", "second", "host"]


def test_docker_hub_s_own_key_counts_only_where_nothing_else_fits():
    grants = [Grant("index.docker.io", Credential("hub")), Grant("docker.io/amd", Credential("amd"))]
    assert credentials_for(parse_reference("amd/llama"), grants) == (Credential("amd"),)
    assert credentials_for(parse_reference("ubuntu"), grants) == (Credential("hub"),)


def test_what_is_secret_does_not_show():
    assert "secret" not in repr(Grant("x", Credential("me", "secret", "secret-token")))
