"""The checks that built-in kinds share, with the API server's words.

Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/validation.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.metadata import key_faults
from aimctrl.sandbox.apiserver.names import LABEL, SUBDOMAIN

_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_CONFIG_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_PORT_NAME = re.compile(r"[-a-z0-9]+")

LARGEST_PORT = 65535


def required(path: str, detail: str = "") -> FieldError:
    """A field that is missing."""
    return FieldError(Cause.REQUIRED, path, detail)


def invalid(path: str, value: Any, detail: str) -> FieldError:
    """A field that has a wrong value."""
    return FieldError(Cause.INVALID, path, detail, value)


def unsupported(path: str, value: Any, supported: Iterable[str]) -> FieldError:
    """A field that has none of its possible values."""
    words = ", ".join(f'"{word}"' for word in supported)
    return FieldError(Cause.NOT_SUPPORTED, path, f"supported values: {words}", value)


def forbidden(path: str, detail: str) -> FieldError:
    """A field that may not be set beside others."""
    return FieldError(Cause.FORBIDDEN, path, detail)


def immutable(path: str, value: Any) -> FieldError:
    """A field that was changed and may not be."""
    return FieldError(Cause.INVALID, path, "field is immutable", value)


def dns_label(path: str, name: str) -> Iterator[FieldError]:
    """What is wrong with a name that has to be a DNS label."""
    if not name:
        yield required(path)
    else:
        for fault in LABEL.faults(name):
            yield invalid(path, name, fault)


def dns_subdomain(path: str, name: str) -> Iterator[FieldError]:
    """What is wrong with a name that has to be a DNS subdomain."""
    for fault in SUBDOMAIN.faults(name):
        yield invalid(path, name, fault)


def label_key(path: str, key: str) -> Iterator[FieldError]:
    """What is wrong with the key of a label."""
    for fault in key_faults(key):
        yield invalid(path, key, fault)


def config_key(path: str, key: str) -> Iterator[FieldError]:
    """What is wrong with a key of a ConfigMap or Secret."""
    if len(key) > 253:
        yield invalid(path, key, "must be no more than 253 bytes")
    if key in {".", ".."}:
        yield invalid(path, key, f"must not be '{key}'")
    elif _CONFIG_KEY.fullmatch(key) is None:
        yield invalid(path, key, _CONFIG_WORDS)
    elif key.startswith(".."):
        yield invalid(path, key, "must not start with '..'")


def port_name(path: str, name: str) -> Iterator[FieldError]:
    """What is wrong with the name of a port."""
    if len(name) > 15:
        yield invalid(path, name, "must be no more than 15 characters")
    if _PORT_NAME.fullmatch(name) is None:
        yield invalid(path, name, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= char <= "z" for char in name):
        yield invalid(path, name, "must contain at least one letter (a-z)")
    if "--" in name:
        yield invalid(path, name, "must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        yield invalid(path, name, "must not begin or end with a hyphen")


def port_errors(path: str, port: int | str) -> Iterator[FieldError]:
    """What is wrong with the number or name of a port."""
    if isinstance(port, str):
        yield from port_name(path, port)
    elif not 1 <= port <= LARGEST_PORT:
        yield invalid(path, port, f"must be between 1 and {LARGEST_PORT}, inclusive")


def not_negative(path: str, value: int | None) -> Iterator[FieldError]:
    """What is wrong with a number that may be absent or at least 0."""
    if value is not None and value < 0:
        yield invalid(path, value, "must be greater than or equal to 0")
