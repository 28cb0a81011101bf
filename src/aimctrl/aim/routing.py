"""Route templates: text with JSONPath fragments, rendered to the path prefix of a service (SPEC §5, Routing template).

The expressions are users' input, evaluated in the operator: their size and the operators they may use are bounded, so
that one costs at most a walk over the object.
"""

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import quote

PATH_LIMIT: Final = 199
"""Characters of the longest path, after encoding."""

_TEMPLATE_LIMIT = 4096
_EXPRESSION_LIMIT = 512
_DEPTH_LIMIT = 64

# Each of these goes down the object; see `_refused` for what keeps them from going down the same part again.
_OPERATORS = frozenset({"Root", "This", "Child", "Fields", "Index", "Slice", "Wildcard", "Descendants"})
_FRAGMENT = re.compile(r"""\{((?:[^{}'"]|'[^']*'|"[^"]*")*)\}""")


@dataclass(frozen=True, slots=True)
class Path:
    """The path prefix: begins with a slash, ends with none (unless it is `/`), percent-encoded."""

    value: str


@dataclass(frozen=True, slots=True)
class InvalidRoute:
    """The template gives no path; `message` says why, for a person."""

    message: str


class _InvalidError(ValueError):
    pass


class _Expression(NamedTuple):
    path: Any
    is_model: bool


def render(template: str, service: Mapping[str, Any], model_name: str | None) -> Path | InvalidRoute:
    """The path of a service, given as the API server shows it; `model_name` is its resolved model's.

    A value that is empty leaves an empty segment, which is dropped; but a template whose values are all empty gives
    no path, since `/` would claim the whole gateway. Only the template `/` itself does.
    """
    try:
        text = "".join(_pieces(template, service, model_name))
        return Path(_path(text, template))
    except _InvalidError as error:
        return InvalidRoute(str(error))


def default_path(namespace: str, uid: str) -> Path:
    """The path where no template is set: `/<namespace>/<service uid>`."""
    return Path(f"/{namespace}/{uid}")


def _pieces(template: str, service: Mapping[str, Any], model_name: str | None) -> Iterator[str]:
    if len(template) > _TEMPLATE_LIMIT:
        raise _InvalidError(f"the route template has more than {_TEMPLATE_LIMIT} characters")
    end = 0
    for fragment in _FRAGMENT.finditer(template):
        yield _literal(template[end : fragment.start()])
        yield _value(fragment[1], service, model_name)
        end = fragment.end()
    yield _literal(template[end:])


def _literal(text: str) -> str:
    if "{" in text or "}" in text:
        raise _InvalidError("the braces of the route template do not match")
    return text


def _path(text: str, template: str) -> str:
    segments = [segment for segment in text.lower().split("/") if segment]
    if not segments and text and text == template:
        return "/"
    if not segments:
        raise _InvalidError("the route template gives an empty path")
    if not {".", ".."}.isdisjoint(segments):
        raise _InvalidError("the path has the segment . or ..")
    try:
        path = "".join(f"/{quote(segment, safe='')}" for segment in segments)
    except UnicodeEncodeError as error:
        raise _InvalidError("the path holds text that is not Unicode") from error
    if len(path) > PATH_LIMIT:
        raise _InvalidError(f"the path has {len(path)} characters, {PATH_LIMIT} are allowed")
    return path


def _value(source: str, service: Mapping[str, Any], model_name: str | None) -> str:
    expression = _expression(source.strip())
    if isinstance(expression, _InvalidError):
        raise expression
    found = [model_name] if expression.is_model else _find(expression.path, source, service)
    if len(found) != 1:
        raise _InvalidError(f"{{{source}}} matches {len(found) or 'nothing'}{' values' if found else ''}")
    return _scalar(found[0], source)


def _scalar(value: object, source: str) -> str:
    match value:
        case str():
            text = value
        case bool() | int() | float():
            text = json.dumps(value)
        case None:
            raise _InvalidError(f"{{{source}}} has no value")
        case _:
            raise _InvalidError(f"{{{source}}} is not a single text, number or boolean")
    if "/" in text:
        raise _InvalidError(f"{{{source}}} gives {text[:PATH_LIMIT]!r}, which has a slash")
    return text


def _find(path: Any, source: str, service: Mapping[str, Any]) -> list[Any]:
    try:
        return [datum.value for datum in path.find(service)]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise _InvalidError(f"{{{source}}} cannot be evaluated: {error}") from error


@lru_cache(maxsize=1024)
def _expression(source: str) -> _Expression | _InvalidError:
    """The parsed expression; an error is kept, too, since a broken template is rendered at every reconcile."""
    if len(source) > _EXPRESSION_LIMIT:
        return _InvalidError(f"an expression has more than {_EXPRESSION_LIMIT} characters")
    try:
        path = _parse(source)
    except Exception as error:  # noqa: BLE001 - jsonpath-ng raises whatever its lexer and parser tables do
        return _InvalidError(f"{{{source}}} is not a JSONPath expression: {error}")
    refused = _refused(path)
    if refused:
        return _InvalidError(f"{{{source}}} {refused}")
    return _Expression(path, repr(path) == repr(_parse("$.spec.model")))


def _parse(source: str) -> Any:
    from jsonpath_ng.parser import parse  # its grammar takes a while to import

    rooted = source if source.startswith("$") else f"${source if source[:1] in {'.', '['} else f'.{source}'}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return parse(rooted)


def _refused(path: Any) -> str:
    """Why an expression that parses is not evaluated; empty where it is."""
    nodes = list(_nodes(path))
    kinds = Counter(type(node).__name__ for node in nodes)
    foreign = sorted(set(kinds) - _OPERATORS)
    if foreign:
        return f"uses an operator that has no place in a route: {', '.join(foreign)}"
    # What comes to one place twice grows with every step after it: another root or descent, `['a','a']`, `[0,0]`.
    several = any(len(getattr(node, names, ())) > 1 for node in nodes for names in ("fields", "indices"))
    if several or len(nodes) > _DEPTH_LIMIT or kinds["Root"] > 1 or kinds["Descendants"] > 1:
        return "is too complex"
    return ""


def _nodes(path: Any) -> Iterator[Any]:
    left = [path]
    while left:
        node = left.pop()
        yield node
        left += [child for child in (getattr(node, side, None) for side in ("left", "right")) if child]
