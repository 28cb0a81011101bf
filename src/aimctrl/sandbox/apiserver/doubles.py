"""Keys that an object of a body has twice: of their values the last one counts, which is complained of.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from aimctrl.sandbox.apiserver.schema.node import Json, is_array

_KEY = re.compile(rb'"\s*:')
_PLAIN_KEY = b'":'
_NEXT = "\n  "


class _Pairs(list[tuple[str, Any]]):
    """An object as its keys and values, in their order."""


@dataclass(frozen=True, slots=True)
class Doubles:
    """What is complained of in a document. `order` has the paths of all keys, in the order of the document.

    `lines` is what YAML has to say instead, line by line.
    """

    paths: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def complaints(self, unknown: list[str], *, in_order: bool) -> tuple[str, ...]:
        """Those of keys and of unknown fields, as warnings; `in_order` of the document, else one after the other."""
        said = [f'duplicate field "{path}"' for path in self.paths]
        others = [f'unknown field "{path}"' for path in unknown]
        if not (in_order and self.paths):
            return (*self.lines, *said, *others)
        at = {path: index for index, path in enumerate(self.order)}  # of two the last: there it is a second one
        first = {path: index for index, path in reversed(tuple(enumerate(self.order)))}
        ranked = [(at[path], text) for path, text in zip(self.paths, said, strict=True)]
        ranked += [(first.get(path, len(self.order)), text) for path, text in zip(unknown, others, strict=True)]
        return tuple(text for _, text in sorted(ranked))


NONE = Doubles()


def doubles_of_json(body: bytes, value: Json) -> Doubles:
    """Those of a JSON document, which was read as that value."""
    if len(_KEY.findall(body)) == msgspec.json.encode(value).count(_PLAIN_KEY):
        return NONE  # as many keys as are left
    paths, order = dict[str, None](), list[str]()
    for path, again in _keys(json.loads(body, object_pairs_hook=_Pairs), ""):
        order.append(path)
        if again:
            paths[path] = None
    return Doubles(tuple(paths), tuple(order))


def doubles_of_yaml(body: bytes, value: Json) -> Doubles:
    """Those of a YAML document, which was read as that value; JSON is YAML."""
    if body.startswith(b"{") and len(_KEY.findall(body)) == msgspec.json.encode(value).count(_PLAIN_KEY):
        return NONE
    import yaml  # not needed by those who send JSON

    node = yaml.compose(body, Loader=yaml.CSafeLoader)
    lines = (f'line {line}: key "{key}" already set in map' for line, key in _yaml_keys(node))
    return Doubles(lines=tuple(dict.fromkeys(lines)))


def yaml_errors(lines: Sequence[str]) -> tuple[str, ...]:
    """What YAML has to say as one error; none where it has nothing to say."""
    return (f"yaml: unmarshal errors:\n  {_NEXT.join(lines)}",) if lines else ()


def _keys(value: Any, path: str) -> Iterator[tuple[str, bool]]:
    """The paths of all keys, each with whether its object had it before."""
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, part in value:
            at = f"{path}.{key}" if path else key
            yield at, key in seen
            seen.add(key)
            yield from _keys(part, at)
    elif is_array(value):
        for index, part in enumerate(value):
            yield from _keys(part, f"{path}[{index}]")


def _yaml_keys(node: Any) -> Iterator[tuple[int, str]]:
    """The line and the key of each one that a mapping has a second time."""
    if node is not None and node.id == "mapping":
        seen: set[str] = set()
        for key, part in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, key.value
            seen.add(key.value)
            yield from _yaml_keys(part)
    elif node is not None and node.id == "sequence":
        for part in node.value:
            yield from _yaml_keys(part)
