"""Which hosts may be plain HTTP, and which are reached through a proxy."""

import pytest
from yarl import URL

from aimctrl.aim.registry.hosts import PlainHosts, proxy_for


@pytest.mark.parametrize(
    ("authority", "allowed"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("registry.localhost", True),
        ("127.0.0.1:5000", True),
        ("127.1.2.3", True),
        ("[::1]:5000", True),
        ("localhost.example.com", False),
        ("ghcr.io", False),
        ("10.0.0.1:5000", False),
        ("plain.example.com", True),
        ("plain.example.com:5000", True),
        ("Plain.Example.com", True),
        ("port.example.com:5000", True),
        ("port.example.com", False),
        ("port.example.com:5001", False),
        ("not.plain.example.com", False),
    ],
)
def test_localhost_and_what_is_listed_may_be_plain(authority, allowed):
    assert PlainHosts(["plain.example.com", "port.example.com:5000"]).allows(authority) is allowed


@pytest.fixture
def environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:2")
    monkeypatch.setenv("NO_PROXY", ".cluster.local,ghcr.io,port.example.com:5000, 10.0.0.0/8,fd00::/8,192.0.2.7/24,/,")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://quay.io/v2/", "http://proxy:1"),
        ("http://quay.io/v2/", "http://proxy:2"),
        ("https://ghcr.io/v2/", None),
        ("https://registry.x.svc.cluster.local/v2/", None),
        ("https://port.example.com:5000/v2/", None),
        ("https://port.example.com/v2/", "http://proxy:1"),
        ("http://localhost:5000/v2/", None),
        ("http://127.0.0.1/v2/", None),
        ("http://[::1]:5000/v2/", None),
        ("https://10.1.2.3:5000/v2/", None),
        ("https://11.1.2.3:5000/v2/", "http://proxy:1"),
        ("https://192.0.2.200/v2/", None),
        ("https://[fd12::1]:5000/v2/", None),
        ("https://[fe80::1]/v2/", "http://proxy:1"),
        ("https://10.example.com/v2/", "http://proxy:1"),
    ],
)
def test_the_environment_says_what_goes_through_a_proxy(url, proxy):
    assert proxy_for(URL(url)) == proxy
