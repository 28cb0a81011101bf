"""What makes the program start sooner, and a library may not do to those who embed it."""

import ssl
from importlib import import_module
from typing import Any


def import_aiohttp() -> None:
    """Import aiohttp, without a TLS context that nothing here uses: OpenSSL would read all the system's authorities.

    That takes 0.1 s and 2 MB. Whoever connects here has a context of its own (trust.py, registry/transport.py); the one
    of aiohttp's trusts nobody then.
    """
    context: Any = ssl.SSLContext
    load = context.load_default_certs
    context.load_default_certs = _load_nothing
    try:
        import_module("aiohttp.connector")
    finally:
        context.load_default_certs = load


def _load_nothing(*_: object) -> None:
    """In place of SSLContext.load_default_certs."""
