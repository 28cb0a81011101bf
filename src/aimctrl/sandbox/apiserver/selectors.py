"""What the selectors of a request let through.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/.
"""

import re
from collections.abc import Callable, Mapping

from aimctrl.sandbox.apiserver.errors import StatusError, bad_request
from aimctrl.sandbox.apiserver.labels import label_requirements
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import section

Matches = Callable[[Object], bool]

_TERM = re.compile(r"(?:[^,\\]|\\.?)+", re.DOTALL)
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)


def selection(type_: ResourceType, query: Mapping[str, str]) -> Matches | None:
    """What a request's labelSelector and fieldSelector let through; None where they let everything through.

    Raises:
        StatusError: 400, where one cannot be read or names a field that is not selectable.
    """
    labels = label_requirements(query.get("labelSelector", ""))
    fields = _field_terms(type_, query.get("fieldSelector", ""))
    if not labels and not fields:
        return None

    def matches(stored: Object) -> bool:
        other = stored["apiVersion"] != type_.api_version
        thing = type_.strategy.convert(stored, type_.api_version) if other else stored
        owned = section(thing, "metadata", "labels")
        return all(r.holds(owned) for r in labels) and all(
            (field_value(thing, path) == value) is wanted for path, value, wanted in fields
        )

    return matches


def field_value(thing: Object, path: str) -> str:
    """The field at a dotted path as a field selector compares it: text, empty where it is not set.

    What follows a `=` in the path is taken where it is not set.
    """
    path, _, absent = path.partition("=")
    value: object = thing
    for part in path.lstrip(".").split("."):
        value = value.get(part) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if isinstance(value, bool):
        return "true" if value else "false"
    return absent if value is None else str(value)  # pyright: ignore[reportUnknownArgumentType]


def _field_terms(type_: ResourceType, text: str) -> list[tuple[str, str, bool]]:
    terms: list[tuple[str, str, bool]] = []
    for part in _TERM.findall(text):
        match = re.fullmatch(r"([^=!]+)(==|!=|=)(.*)", part, re.DOTALL)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        name, operator, value = match.groups()
        known = {"metadata.name": "metadata.name", "metadata.namespace": "metadata.namespace", **type_.selectable}
        if name not in known:
            raise _not_selectable(type_, name)
        terms.append((known[name], _unescaped(value), operator != "!="))
    return terms


def _unescaped(value: str) -> str:
    """The value of a term. Raises StatusError, 400, for an escape that is none."""
    for match in _ESCAPE.finditer(value):
        if match[1] not in {"\\", ",", "="}:
            raise bad_request(f"invalid field selector: invalid escape sequence: {match[0]}")
    return _ESCAPE.sub(r"\1", value)


def _not_selectable(type_: ResourceType, name: str) -> StatusError:
    if type_.plural == "jobs" and type_.group == "batch":
        return bad_request(f'field label "{name}" not supported for Job')
    if type_.custom or type_.selectable:
        return bad_request(f"field label not supported: {name}")
    return bad_request(f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"')


def selected(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector, as objects have it, chooses what has these labels; None chooses nothing."""
    if selector is None:
        return False
    text = selector_text(selector)
    return all(requirement.holds(labels) for requirement in label_requirements(text)) if text else True


def selector_text(selector: Object | None) -> str:
    """A LabelSelector as the text of a query; a plain map of labels is one as well."""
    given: Object = selector or {}
    if not {"matchLabels", "matchExpressions"} & set(given):
        given = {"matchLabels": given}
    terms: dict[str, str] = {key: f"{key}={value}" for key, value in section(given, "matchLabels").items()}
    for expression in given.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(sorted(expression.get("values") or ()))
        forms = {"Exists": key, "DoesNotExist": f"!{key}", "In": f"{key} in ({values})"}
        term = forms.get(expression["operator"], f"{key} notin ({values})")
        terms[key] = f"{terms[key]},{term}" if key in terms else term
    return ",".join(terms[key] for key in sorted(terms))
