"""A self-signed certificate for a server on this machine, kept nowhere once it is loaded."""

import ipaddress
import ssl
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=365)
SKEW = timedelta(minutes=5)


def server_context(address: str, now: datetime) -> ssl.SSLContext:
    """A TLS server's context for that IP address: a new key, and a certificate valid for a year from `now`."""
    return server_identity(address, now)[0]


def server_identity(address: str, now: datetime) -> tuple[ssl.SSLContext, str]:
    """Such a context, and its certificate in PEM, which its clients are to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, address, now)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="aimctrl-sandbox-") as folder:
        file = Path(folder) / "server.pem"
        file.touch(mode=0o600)
        file.write_bytes(_pem(key) + pem)
        context.load_cert_chain(file)
    return context, pem.decode()


def _certificate(key: ec.EllipticCurvePrivateKey, address: str, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "aimctrl-sandbox-kubelet")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(names, critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
