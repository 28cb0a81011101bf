"""Whom we trust and what we show in a TLS handshake: certificates in files or in a kubeconfig, and their context."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pem:
    """Certificates or a key in PEM, as they are now; `path` is the file they are from, None where they were inline."""

    text: bytes = field(repr=False)
    path: Path | None = None

    @classmethod
    def of(cls, path: Path) -> "Pem":
        """What is in a file.

        Raises OSError, and ValueError where it is empty.
        """
        text = path.read_bytes()
        if not text.strip():
            raise ValueError(f"{path} is empty")
        return cls(text, path)


@dataclass(frozen=True, slots=True)
class Trust:
    """One side of a handshake: whom to trust (the system's authorities where unset), and a client certificate."""

    authority: Pem | None = None
    certificate: Pem | None = None
    key: Pem | None = None
    insecure: bool = False
    """Whether the server is taken for what it says it is."""

    def context(self) -> ssl.SSLContext:
        """A TLS client's context.

        Raises OSError (ssl.SSLError is one) and ValueError where the certificates cannot be used.
        """
        text = self.authority.text.decode("ascii", "ignore") if self.authority else None
        context = ssl.create_default_context(cadata=text)
        if self.certificate is not None:
            _load(context, self.certificate, self.key or self.certificate)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _load(context: ssl.SSLContext, certificate: Pem, key: Pem) -> None:
    """OpenSSL takes them from files only; those of what was inline last as long as that takes."""
    if certificate.path and key.path:
        context.load_cert_chain(certificate.path, key.path)
        return
    import tempfile

    with tempfile.NamedTemporaryFile(prefix="aimctrl-") as file:  # it is its owner's alone
        file.write(key.text + b"\n" + certificate.text)
        file.flush()
        context.load_cert_chain(file.name)
