"""What `types.json` says of the built-in resources; `hack/builtin_types.py` writes it from a real API server."""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

Document = dict[str, Any]


@cache
def document() -> Document:
    """What the file holds: `resources`, and the `schemas` they refer to."""
    raw = files("aimctrl.sandbox.apiserver.builtin").joinpath("types.json").read_bytes()
    return msgspec.json.decode(raw, type=Document)
