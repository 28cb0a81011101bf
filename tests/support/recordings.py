"""What a real API server answered, case by case; each file names its version.

`says` are the causes of a refusal, `unknown` the fields of a strict decoding error, `reads` what was stored.
"""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from aimctrl.sandbox.apiserver.errors import FieldError
from aimctrl.sandbox.apiserver.schema.default import default
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Node
from aimctrl.sandbox.apiserver.schema.prune import drop_nulls, prune
from aimctrl.sandbox.apiserver.schema.validate import validate


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / name).read_text(encoding="utf-8"))
    return found


def told(errors: list[FieldError]) -> list[str]:
    return sorted(f"{error.cause} {error}" for error in errors)


def answer(node: Node, sent: dict[str, Any], old: Any = NOTHING, *, path: str = "") -> dict[str, Any]:
    """What our server makes of an object, in the words of a recording."""
    thing = deepcopy(sent)
    if unknown := prune(node, thing):
        return {"unknown": unknown}
    drop_nulls(node, thing)
    default(node, thing)
    if errors := validate(node, thing, old, path=path):
        return {"says": told(errors)}
    return {"reads": thing.get(path or "spec")}


def expected(case: dict[str, Any]) -> dict[str, Any]:
    if "says" in case:
        return {"says": sorted(case["says"])}
    return {key: case[key] for key in ("unknown", "reads") if key in case}


def merged(target: Any, patch: Any) -> Any:
    """A JSON merge patch, as far as the cases have need of it."""
    if not isinstance(patch, dict):
        return patch
    whole = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        whole[key] = merged(whole.get(key), value)
    return {key: value for key, value in whole.items() if key not in patch or patch[key] is not None}
