"""Reading configuration: kubeconfigs as people write them, tokens that change, plugins, and a pod's own account."""

import base64
import os
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web

import aimctrl
from aimctrl.runtime import connection, proof
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from aimctrl.runtime.errors import ConfigurationError, ConnectionFailedError
from support.certificates import server_certificate

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
    monkeypatch.setattr(proof, "monotonic", lambda: now[0])
    return now


async def test_a_kubeconfig_gives_server_namespace_and_token(path):
    found = await connect(kubeconfig(path, user={"token": "t0"}))
    assert (found.server, found.namespace, found.ssl) == ("http://127.0.0.1:8080", "default", None)
    assert await found.authorization() == "Bearer t0"


async def test_another_context_can_be_chosen(path):
    assert (await connect(kubeconfig(path), "two")).namespace == "team"


async def test_without_a_path_the_usual_places_are_looked_at(path, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", f"{path}.none:{kubeconfig(path)}")
    assert (await connect()).server == "http://127.0.0.1:8080"
    home = tmp_path / ".kube"
    home.mkdir()
    kubeconfig(home / "config", cluster={"server": "http://home"})
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (await connect()).server == "http://home"


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
        ({"users": []}, None, "cannot be used: .*name u"),
        ({"users": {"u": {}}}, None, "cannot be read: users is to be a list"),
        ({"users": ["u"]}, None, "cannot be read: an entry of users is to be a mapping, and is str"),
        ({"user": {"token": {"a": 1}}}, None, "cannot be used: token is to be a text"),
        ({"user": {"tokenFile": "/no/token"}}, None, "cannot be used: .*/no/token"),
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
        "no user",
        "users no list",
        "user no mapping",
        "token no text",
        "no token file",
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
    monkeypatch.setattr(connection, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
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


async def test_a_token_is_followed_though_the_authorities_cannot_be_read_just_then(pod, clock):
    found = await connect()
    before = found.ssl
    (pod / "ca.crt").write_text("half of it")
    (pod / "token").write_text("t1")
    clock[0] += 61
    assert await found.authorization() == "Bearer t1"
    assert found.ssl is before


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
@pytest.mark.parametrize("state", ["gone", "empty"])
async def test_a_service_account_that_lacks_a_file_is_told(pod, missing, state):
    if state == "gone":
        (pod / missing).unlink()
    else:
        (pod / missing).write_text("\n")
    with pytest.raises(ConfigurationError, match=f"this is no pod with a service account: .*{missing}"):
        await connect()


async def test_outside_of_a_cluster_it_is_said_what_was_looked_for(pod, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with pytest.raises(ConfigurationError, match=r"no kubeconfig at .*nothing, and this is no pod"):
        await connect()
    with pytest.raises(ConfigurationError, match="there is no kubeconfig at"):
        await connect(context="one")


async def test_several_files_are_merged_and_the_first_to_say_something_wins(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    both = ":".join((kubeconfig(first, user={"token": "t1"}), kubeconfig(second, user={"token": "t2"})))
    assert await (await connect(both)).authorization() == "Bearer t1"
    more = {"name": "three", "context": {"cluster": "c", "user": "u", "namespace": "far"}}
    kubeconfig(second, contexts=[more], **{"current-context": "three"})
    assert (await connect(both)).namespace == "default"
    assert (await connect(both, "three")).namespace == "far"
    first.write_text("")
    assert (await connect(both)).namespace == "far"


async def test_paths_are_relative_to_the_file_they_stand_in(tmp_path, monkeypatch):
    for folder, token in {"a": "t1", "b": "t2"}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "token").write_text(f"{token}\n")
    kubeconfig(tmp_path / "a" / "config", users=[], **{"current-context": "two"})
    kubeconfig(tmp_path / "b" / "config", user={"tokenFile": "token"})
    monkeypatch.chdir(tmp_path)
    found = await connect("a/config:b/config")
    assert (found.namespace, await found.authorization()) == ("team", "Bearer t2")


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({}, None),
        ({"username": "u", "password": "p:q"}, "Basic " + base64.b64encode(b"u:p:q").decode()),
        ({"username": "u", "token": "t0"}, "Bearer t0"),
        ({"token": "t0", "tokenFile": "there"}, "Bearer t9"),
        ({"token": "t0", "tokenFile": "missing"}, "Bearer t0"),
    ],
    ids=["nobody", "a password", "a token before it", "a file before a token", "a token where there is no file"],
)
async def test_who_we_are_is_told_as_kubectl_tells_it(path, tmp_path, user, header):
    (tmp_path / "there").write_text("t9")
    assert await (await connect(kubeconfig(path, user=user))).authorization() == header


@asynccontextmanager
async def tls_server(certificate, port=0, clients=None):
    """Answers everything over TLS; with `clients`, only to those who have that certificate. Yields its port."""
    if clients is not None:
        certificate.context.load_verify_locations(clients)
        certificate.context.verify_mode = ssl.CERT_REQUIRED

    async def answer(request):
        return web.Response(text=str(request.transport.get_extra_info("peercert") is not None))

    app = web.Application()
    app.router.add_get("/version", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=certificate.context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def identity(folder, name):
    (folder / name).mkdir()
    return server_certificate(folder / name, "here")


@pytest.mark.parametrize("seconds", [10, 61], ids=["seconds later, by the failure", "a minute later, by looking"])
async def test_authorities_that_are_rotated_are_trusted_and_the_old_ones_no_more(path, tmp_path, clock, seconds):
    old, new = identity(tmp_path, "old"), identity(tmp_path, "new")
    trusted = tmp_path / "ca.crt"
    trusted.write_bytes(old.file.read_bytes())
    async with tls_server(old) as port:
        cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": "ca.crt"}
        client = Client(await connect(kubeconfig(path, cluster=cluster)))
        async with client:
            await client.request("GET", "/version")
    async with client:
        trusted.write_bytes(new.file.read_bytes())
        clock[0] += seconds
        async with tls_server(new, port):
            await client.request("GET", "/version")
        async with tls_server(old, port):
            with pytest.raises(ConnectionFailedError, match="certificate"):
                await client.request("GET", "/version")


@pytest.mark.parametrize("form", ["files", "inline"])
async def test_a_client_certificate_is_shown_and_followed(path, tmp_path, clock, form):
    server, mine = identity(tmp_path, "server"), identity(tmp_path, "mine")
    pem = mine.file.with_name("server.pem")
    if form == "files":
        user = {"client-certificate": str(mine.file), "client-key": str(pem)}
    else:
        data = base64.b64encode(pem.read_bytes()).decode()
        user = {"client-certificate-data": data, "client-key-data": data}
    async with tls_server(server, clients=mine.file) as port:
        authority = base64.b64encode(server.file.read_bytes()).decode()
        cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": authority}
        found = await connect(kubeconfig(path, cluster=cluster, user=user))
        async with Client(found) as client:
            assert await client.request("GET", "/version") == b"True"
        before = found.ssl
        pem.write_bytes(b"half of it")
        clock[0] += 61
        await found.authorization()
        assert found.ssl is before


async def test_what_a_program_gives_as_a_client_certificate_is_shown(path, tmp_path, clock):
    server, mine = identity(tmp_path, "server"), identity(tmp_path, "mine")
    pem = mine.file.with_name("server.pem")
    user = plugin(tmp_path)
    (tmp_path / "plugin.py").write_text(
        f"import json\npem = open({str(pem)!r}).read()\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential', "
        "'status': {'clientCertificateData': pem, 'clientKeyData': pem}}))\n"
    )
    async with tls_server(server, clients=mine.file) as port:
        cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(server.file)}
        async with Client(await connect(kubeconfig(path, cluster=cluster, user=user))) as client:
            assert await client.request("GET", "/version") == b"True"


def test_kubernetes_asyncio_is_imported_for_plugins_only(path):
    code = (
        "import asyncio, sys; from aimctrl.runtime.connection import connect; "
        f"asyncio.run(connect({kubeconfig(path, user={'token': 't0'})!r})); "
        "print('kubernetes_asyncio' in sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": str(Path(aimctrl.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "False\n"
