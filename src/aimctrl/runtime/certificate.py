"""The certificate an endpoint shows, read again when its files change.

The folder is laid out as Kubernetes mounts a Secret of type kubernetes.io/tls:
https://kubernetes.io/docs/concepts/configuration/secret/#tls-secrets
"""

import ssl
from pathlib import Path

import structlog

from aimctrl.runtime.serving import AddressError

log = structlog.get_logger(__name__)

NAMES = ("tls.crt", "tls.key")

Signature = tuple[tuple[int, int, int], ...]


class ServerCertificate:
    """The certificate and key in a folder; each new connection is shown those that are there then.

    Files that cannot be used leave the ones before in place, which is logged. Raises AddressError where the first ones
    cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._files = tuple(folder / name for name in NAMES)
        try:
            self._seen = self._signature()
            self._current = self._load()
        except (OSError, ValueError) as error:  # a TLS error is an OSError
            raise AddressError(f"cannot serve TLS with {' and '.join(NAMES)} of {folder}: {error}") from error
        self.context = self._load()
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called in each handshake, whether the client names a server or not."""
        connection.context = self._newest()

    def _newest(self) -> ssl.SSLContext:
        try:
            signature = self._signature()
            if signature == self._seen:
                return self._current
            self._seen = signature
            self._current = self._load()
            log.info("certificate read again", file=str(self._files[0]))
        except (OSError, ValueError) as error:
            log.warning("certificate not read again", file=str(self._files[0]), error=str(error))
        return self._current

    def _signature(self) -> Signature:
        """What differs once a file has; a mounted Secret is replaced as a whole, by another folder."""
        found = [file.stat() for file in self._files]
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        certificate, key = self._files
        context.load_cert_chain(certificate, key, password="")  # else OpenSSL asks on the terminal
        return context
