"""Metrics over TLS: the certificate of a folder, which may be replaced at any time."""

import asyncio
import shutil
import ssl
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aimctrl.runtime.certificate import ServerCertificate
from aimctrl.runtime.serving import Address, AddressError, Protection, Serving
from support.certificates import server_certificate


def certify(folder: Path) -> bytes:
    """Put a new certificate and its key into the folder; the certificate."""
    place = folder.parent / "making"
    place.mkdir(exist_ok=True)
    certificate = server_certificate(place, "aimctrl.test")
    for name in ("tls.crt", "tls.key"):
        unfinished = folder / f".{name}"
        shutil.copy(place / "server.pem", unfinished)
        unfinished.replace(folder / name)
    return ssl.PEM_cert_to_DER_cert(certificate.file.read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mounted"
    folder.mkdir()
    return folder


async def shown(address: Address | None, server_name: str | None = None) -> bytes:
    """The certificate that a new connection is shown."""
    assert address is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection(
        address.host, address.port, ssl=context, server_hostname=server_name or address.host
    )
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return bytes(found)


def serving(folder: Path) -> Serving:
    local = Address("127.0.0.1", 0)
    return Serving(lambda: b"", health=None, metrics=local, protection=Protection(str(folder)))


@pytest.mark.parametrize("server_name", [None, "aimctrl.test"], ids=["by address", "by name"])
async def test_a_certificate_that_is_replaced_is_shown_to_the_next_connection(
    folder: Path, server_name: str | None
) -> None:
    first = certify(folder)
    one = serving(folder)
    async with one.serve():
        assert await shown(one.metrics_address, server_name) == first
        second = certify(folder)
        assert second != first
        assert await shown(one.metrics_address, server_name) == second
        assert await shown(one.metrics_address, server_name) == second


@pytest.mark.parametrize("spoil", ["gone", "cut", "key of another"])
async def test_files_that_cannot_be_used_leave_the_ones_before_in_place(folder: Path, spoil: str) -> None:
    first = certify(folder)
    one = serving(folder)
    async with one.serve():
        if spoil == "gone":
            (folder / "tls.key").unlink()
        elif spoil == "cut":
            (folder / "tls.crt").write_text("-----BEGIN CERTIFICATE-----\nMIIB")
        else:
            before = (folder / "tls.key").read_bytes()
            certify(folder)
            (folder / "tls.key").write_bytes(before)
        with capture_logs() as logs:
            assert await shown(one.metrics_address) == first
        assert [line["event"] for line in logs] == ["certificate not read again"]
        second = certify(folder)
        assert await shown(one.metrics_address) == second


async def test_a_certificate_that_cannot_be_used_at_the_start_is_named(folder: Path) -> None:
    with pytest.raises(AddressError, match=rf"cannot serve TLS with tls.crt and tls.key of {folder}: .*No such file"):
        async with serving(folder).serve():
            pass


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    certify(folder)
    form = serialization.PrivateFormat.PKCS8
    closed = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"secret")
    )
    (folder / "tls.key").write_bytes(closed)
    with pytest.raises(AddressError, match="cannot serve TLS"):
        ServerCertificate(folder)
