"""Reading configuration: kubeconfigs as people write them, tokens that change, plugins, and a pod's own account."""

import ssl
import sys

import pytest
import yaml
from kubernetes_asyncio.config import incluster_config, kube_config

from aimctrl.runtime import connection
from aimctrl.runtime.connection import connect
from aimctrl.runtime.errors import ConfigurationError

CA = """\
-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUQ63P48/5Xq2KnLwoE4/AYgsOP2YwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjIwMjI1MDJaGA8yMTI2MTAyOTAyMjUw
MlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJEc
YerZktReMuF2eaTrQ1tciuzjaIrUDHPn5UeJgof8JRrtm+DMDxXiinmU9EtQ23y1
WZpqAw7645ic0UAfMbmjUzBRMB0GA1UdDgQWBBS6pUwg1kEhVuBtXFO5M9UOYU54
ljAfBgNVHSMEGDAWgBS6pUwg1kEhVuBtXFO5M9UOYU54ljAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQCpJA0xsvnP7za2tOAhYf2i/7QoKg4PvBiy
oZN9+9kXPAIhAPHRqhsPiRTCORZWtr17TsIvQES3IEDUbWHRICDZJ3xL
-----END CERTIFICATE-----
"""


def kubeconfig(path, *, user=None, cluster=None, context=None, **more):
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:8080/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u", **(context or {})}},
            {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
        ],
        "current-context": "one",
        **more,
    }
    path.write_text(yaml.safe_dump(text))
    return str(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config"


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests move."""
    now = [1000.0]
    monkeypatch.setattr(connection, "monotonic", lambda: now[0])
    return now


async def test_a_kubeconfig_gives_server_namespace_and_token(path):
    found = await connect(kubeconfig(path, user={"token": "t0"}))
    assert (found.server, found.namespace, found.ssl) == ("http://127.0.0.1:8080", "default", None)
    assert await found.authorization() == "Bearer t0"


async def test_another_context_can_be_chosen(path):
    assert (await connect(kubeconfig(path), "two")).namespace == "team"


async def test_without_a_path_the_usual_places_are_looked_at(path, monkeypatch):
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", f"{path}.none:{kubeconfig(path)}")
    assert (await connect()).server == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("text", "context", "told"),
    [
        (None, None, "there is no kubeconfig at"),
        ("", None, "cannot be read"),
        ("- a\n- b\n", None, "cannot be read"),
        ("a: [", None, "cannot be read"),
        ({}, "three", "context 'three' is not in .* it has one, two"),
        ({"current-context": ""}, None, "no current-context is in .* it has one, two"),
        ({"contexts": [], "current-context": None}, None, "it has none"),
        ({"clusters": []}, None, "cannot be used: .*name c"),
        ({"user": {"exec": {"command": "/no/such/plugin", "apiVersion": "v1"}}}, None, "cannot be used: .*plugin"),
        ({"cluster": {"server": "https://x", "certificate-authority": "/no/ca.crt"}}, None, "cannot be used: .*ca.crt"),
        ({"cluster": {"server": "https://x", "certificate-authority-data": "bm8="}}, None, "certificates .* cannot be"),
    ],
    ids=[
        "no file",
        "empty",
        "a list",
        "no YAML",
        "no such context",
        "no current one",
        "no contexts",
        "no cluster",
        "no plugin",
        "no CA",
        "bad CA",
    ],
)
async def test_what_is_wrong_with_a_configuration_is_said(path, text, context, told):
    if isinstance(text, dict):
        kubeconfig(path, **text)
    elif text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=told):
        await connect(str(path), context)


async def test_a_server_may_be_trusted_blindly_and_be_named_otherwise(path):
    cluster = {
        "server": "https://10.0.0.1",
        "insecure-skip-tls-verify": True,
        "tls-server-name": "kubernetes",
        "proxy-url": "http://proxy",
    }
    found = await connect(kubeconfig(path, cluster=cluster))
    assert (found.ssl.verify_mode, found.ssl.check_hostname) == (ssl.CERT_NONE, False)
    assert (found.server_name, found.proxy) == ("kubernetes", "http://proxy")
    strict = await connect(kubeconfig(path, cluster={"server": "https://10.0.0.1"}))
    assert strict.ssl.verify_mode is ssl.CERT_REQUIRED


async def test_a_token_file_is_read_again_every_minute_and_after_a_refusal(path, tmp_path, clock):
    token = tmp_path / "token"
    token.write_text("t0")
    found = await connect(kubeconfig(path, user={"tokenFile": str(token)}))
    token.write_text("t1")
    assert await found.authorization() == "Bearer t0"
    clock[0] += 61
    assert await found.authorization() == "Bearer t1"
    token.write_text("t2")
    clock[0] += 10
    await found.renew()
    assert await found.authorization() == "Bearer t2"


async def test_a_token_that_cannot_be_renewed_is_used_further(path, tmp_path, clock):
    token = tmp_path / "token"
    token.write_text("t0")
    found = await connect(kubeconfig(path, user={"tokenFile": str(token)}))
    token.unlink()
    clock[0] += 61
    assert await found.authorization() == "Bearer t0"


def plugin(folder, expiry=""):
    """A plugin whose token says how often it ran."""
    script = folder / "plugin.py"
    script.write_text(
        "import json, pathlib\n"
        f"runs = pathlib.Path({str(folder / 'runs')!r})\n"
        "count = int(runs.read_text()) + 1 if runs.exists() else 1\n"
        "runs.write_text(str(count))\n"
        f"status = {{'token': f't{{count}}'}} | ({{'expirationTimestamp': {expiry!r}}} if {expiry!r} else {{}})\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential', 'status': status}))\n"
    )
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": ["-S", str(script)],
        }
    }


@pytest.mark.parametrize(
    ("expiry", "tokens"),
    [
        ("", ["t1", "t1", "t2"]),
        ("2020-01-01T00:00:00Z", ["t1", "t2", "t3"]),
        ("2990-01-01T00:00:00Z", ["t1", "t1", "t1"]),
    ],
    ids=["no expiry: on a refusal", "expired: every minute", "not expired"],
)
async def test_a_plugin_is_run_again_when_its_token_has_expired_or_was_refused(path, tmp_path, clock, expiry, tokens):
    found = await connect(kubeconfig(path, user=plugin(tmp_path, expiry)))
    seen = [await found.authorization()]
    clock[0] += 61
    seen.append(await found.authorization())
    clock[0] += 61
    await found.renew()
    seen.append(await found.authorization())
    assert seen == [f"Bearer {token}" for token in tokens]


async def test_a_burst_of_refusals_renews_once(path, tmp_path, clock):
    found = await connect(kubeconfig(path, user=plugin(tmp_path)))
    clock[0] += 10
    await found.renew()
    await found.renew()
    assert await found.authorization() == "Bearer t2"


@pytest.mark.parametrize(
    "server",
    [
        pytest.param("https://127.0.0.1:70000", id="port-too-large"),
        pytest.param("https://127.0.0.1:-1", id="port-too-small"),
        pytest.param("https://127.0.0.1:0", id="port-0"),
        pytest.param("https://127.0.0.1:http", id="port-no-number"),
        pytest.param("https://[::1:6443", id="bracket"),
        pytest.param("https://", id="no-host"),
        pytest.param("127.0.0.1:6443", id="no-scheme"),
        pytest.param("ftp://127.0.0.1", id="another-scheme"),
    ],
)
async def test_a_server_that_no_request_can_reach_is_named(path, server):
    with pytest.raises(ConfigurationError) as caught:
        await connect(kubeconfig(path, cluster={"server": server}))
    assert repr(server.rstrip("/")) in str(caught.value)


@pytest.fixture
def pod(tmp_path, monkeypatch):
    """A pod's service account, as far as files and environment go."""
    for name, text in {"token": "t0", "namespace": "ops\n", "ca.crt": CA}.items():
        (tmp_path / name).write_text(text)
    load = incluster_config.load_incluster_config
    files = {"token_filename": str(tmp_path / "token"), "cert_filename": str(tmp_path / "ca.crt")}
    monkeypatch.setattr(incluster_config, "load_incluster_config", lambda **kwargs: load(**kwargs, **files))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", files["token_filename"])
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "nothing"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return tmp_path


async def test_in_a_pod_the_service_account_is_used_and_its_token_followed(pod, clock):
    found = await connect()
    assert (found.server, found.namespace) == ("https://[fd00::1]:443", "ops")
    assert found.ssl.verify_mode is ssl.CERT_REQUIRED
    assert await found.authorization() == "Bearer t0"
    (pod / "token").write_text("t1")
    clock[0] += 61
    assert await found.authorization() == "Bearer t1"


async def test_outside_of_a_cluster_it_is_said_what_was_looked_for(pod, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with pytest.raises(ConfigurationError, match=r"no kubeconfig at .*nothing, and this is no pod"):
        await connect()
    with pytest.raises(ConfigurationError, match="there is no kubeconfig at"):
        await connect(context="one")
