"""Secrets and ConfigMaps: what their keys and their content must be, and that immutable ones stay as they are.

Source: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types and
https://kubernetes.io/docs/concepts/configuration/configmap/#configmap-immutable.
"""

import base64
import json
from collections.abc import Iterator

from aimctrl.sandbox.apiserver.builtin.checks import config_key, immutable, invalid, required
from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.resources import Strategy
from aimctrl.sandbox.apiserver.schema.node import Object

LARGEST = 1024 * 1024
_ACCOUNT = "kubernetes.io/service-account.name"
_WHEN_IMMUTABLE = "field is immutable when `immutable` is set"

_DEMANDED = {
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


class SecretStrategy(Strategy):
    """Data in base64; `stringData` becomes part of it."""

    def default(self, thing: Object) -> None:
        """The type, and the data that was given as text."""
        thing.setdefault("type", "Opaque")
        for key, text in thing.pop("stringData", {}).items():
            thing.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The keys, the size, what the type demands, and what may not change."""
        del subresource
        data: dict[str, str] = thing.get("data", {})
        errors = [error for key in data for error in config_key(f"data[{key}]", key)]
        if sum(len(base64.b64decode(value)) for value in data.values()) > LARGEST:
            errors.append(FieldError(Cause.TOO_LONG, "data", f"may not be more than {LARGEST} bytes"))
        errors += _type_errors(thing, data)
        if old is not None:
            errors += [] if thing["type"] == old["type"] else [immutable("type", thing["type"])]
            errors += _locked_errors(thing, old, ("data",))
        return errors


class ConfigMapStrategy(Strategy):
    """Texts, and bytes in base64, under keys that do not overlap."""

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The keys, the size, and what may not change."""
        del subresource
        texts: dict[str, str] = thing.get("data", {})
        blobs: dict[str, str] = thing.get("binaryData", {})
        errors = [] if old is None else _locked_errors(thing, old, ("data", "binaryData"))
        for key in sorted(texts):
            errors += config_key(f"data[{key}]", key)
            if key in blobs:
                errors.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        errors += [error for key in sorted(blobs) for error in config_key(f"binaryData[{key}]", key)]
        size = sum(len(text.encode()) for text in texts.values()) + sum(
            len(base64.b64decode(blob)) for blob in blobs.values()
        )
        if size > LARGEST:
            errors.append(FieldError(Cause.TOO_LONG, "[]", f"may not be more than {LARGEST} bytes"))
        return errors


def _type_errors(thing: Object, data: dict[str, str]) -> Iterator[FieldError]:
    kind = thing["type"]
    if kind == "kubernetes.io/service-account-token" and not thing["metadata"].get("annotations", {}).get(_ACCOUNT):
        yield required(f"metadata.annotations[{_ACCOUNT}]")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        yield required("data[username]")
        yield required("data[password]")
    for key in _DEMANDED.get(kind, ()):
        if key not in data:
            yield required(f"data[{key}]")
        elif key.startswith(".docker"):
            yield from _json_errors(key, base64.b64decode(data[key]))


def _json_errors(key: str, raw: bytes) -> Iterator[FieldError]:
    try:
        json.loads(raw)
    except ValueError:
        text = raw.decode(errors="replace").lstrip()
        fault = (
            f"invalid character '{text[0]}' looking for beginning of value" if text else "unexpected end of JSON input"
        )
        yield invalid(f"data[{key}]", "<secret contents redacted>", fault)


def _locked_errors(thing: Object, old: Object, parts: tuple[str, ...]) -> list[FieldError]:
    if not old.get("immutable"):
        return []
    errors = [] if thing.get("immutable") else [FieldError(Cause.FORBIDDEN, "immutable", _WHEN_IMMUTABLE)]
    changed = [part for part in parts if thing.get(part) != old.get(part)]
    return [*errors, *(FieldError(Cause.FORBIDDEN, part, _WHEN_IMMUTABLE) for part in changed)]
