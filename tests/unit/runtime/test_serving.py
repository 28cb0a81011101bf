from collections.abc import Callable

import aiohttp
import pytest

from aimctrl.runtime.serving import Address, AddressError, Serving, parse_address

LOCAL = Address("127.0.0.1", 0)


async def fetch(address: Address | None, path: str) -> tuple[int, str]:
    assert address is not None
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}{path}") as response:
        return response.status, await response.text()


def serving(
    health: Address | None = LOCAL, metrics: Address | None = LOCAL, expose: Callable[[], bytes] = lambda: b"up 1\n"
) -> Serving:
    return Serving(expose, health=health, metrics=metrics)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param(":8080", Address("", 8080), id="every interface"),
        pytest.param("127.0.0.1:8080", Address("127.0.0.1", 8080), id="one"),
        pytest.param("localhost:0", Address("localhost", 0), id="a port of the system's choice"),
        pytest.param("[::1]:8080", Address("::1", 8080), id="IPv6"),
        pytest.param("[::]:65535", Address("::", 65535), id="every interface of IPv6"),
        pytest.param("0", None, id="off"),
        pytest.param("", None, id="off, empty"),
    ],
)
def test_addresses_are_read_as_controller_runtime_reads_them(text: str, address: Address | None) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["8080", "localhost", ":http", ":65536", "::1:8080", "[::1:8080", ":-1", "host:"])
def test_an_address_that_makes_no_sense_is_refused_by_name(text: str) -> None:
    with pytest.raises(AddressError, match=r"cannot listen on .*host:port, :port, or 0"):
        parse_address(text)


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    assert str(Address("::1", 80)) == "[::1]:80"


async def test_a_live_program_answers_healthz() -> None:
    one = serving()
    async with one.serve():
        assert await fetch(one.health_address, "/healthz") == (200, "ok")


async def test_without_checks_a_program_is_ready() -> None:
    one = serving()
    async with one.serve():
        assert await fetch(one.health_address, "/readyz") == (200, "ok")


async def test_a_failing_check_is_named_and_the_others_are_shown() -> None:
    one = serving()
    one.ready.add("watches", lambda: "nothing heard for 120 s: pods")
    one.ready.add("disk", lambda: "")
    async with one.serve():
        assert await fetch(one.health_address, "/readyz") == (
            500,
            "[+]disk ok\n[-]watches failed: nothing heard for 120 s: pods\nreadyz check failed\n",
        )


async def test_verbose_lists_checks_that_pass_too() -> None:
    one = serving()
    one.ready.add("disk", lambda: "")
    async with one.serve():
        assert await fetch(one.health_address, "/readyz?verbose") == (200, "[+]disk ok\nreadyz check passed\n")


async def test_a_check_that_raises_has_failed() -> None:
    def broken() -> str:
        raise KeyError("oops")

    one = serving()
    one.ready.add("broken", broken)
    async with one.serve():
        status, text = await fetch(one.health_address, "/readyz")
    assert status == 500
    assert "[-]broken failed: KeyError: 'oops'" in text


async def test_metrics_have_the_content_type_scrapers_expect() -> None:
    one = serving()
    async with (
        one.serve(),
        aiohttp.ClientSession() as session,
        session.get(f"http://{one.metrics_address}/metrics") as response,
    ):
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert await response.text() == "up 1\n"


async def test_separate_addresses_keep_metrics_from_probes() -> None:
    one = serving(LOCAL, Address("localhost", 0))
    async with one.serve():
        assert (await fetch(one.health_address, "/metrics"))[0] == 404
        assert (await fetch(one.metrics_address, "/healthz"))[0] == 404


async def test_one_address_may_serve_both() -> None:
    one = serving()
    async with one.serve():
        assert one.health_address == one.metrics_address
        assert (await fetch(one.health_address, "/metrics"))[0] == 200


async def test_both_may_be_off() -> None:
    one = serving(None, None)
    async with one.serve():
        assert (one.health_address, one.metrics_address) == (None, None)


async def test_a_port_that_is_taken_is_named() -> None:
    one = serving()
    async with one.serve():
        taken = one.health_address
        with pytest.raises(AddressError, match=rf"cannot listen on {taken}: .*in use"):
            async with serving(taken, None).serve():
                pass


async def test_nothing_listens_afterwards() -> None:
    one = serving()
    async with one.serve():
        address = one.health_address
    with pytest.raises(aiohttp.ClientConnectionError):
        await fetch(address, "/healthz")
