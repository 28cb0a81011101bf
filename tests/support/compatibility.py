"""What could break for those who have objects of a definition when another takes its place.

Whatever was valid has to stay valid, and nothing that was stored may be dropped. Source:
https://kubernetes.io/docs/reference/using-api/deprecation-policy/ and, for what ratcheting forgives,
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

LOWER_BOUNDS = ("minimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "maxLength", "maxItems", "maxProperties")
FIXED = (
    "type",
    "format",
    "pattern",
    "default",
    "multipleOf",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
)
"""What may be neither added, taken away nor changed: lists would merge in another way, values would be refused."""


def breaks(before: Json, after: Json) -> list[str]:
    """What breaks with the step from one CustomResourceDefinition to another of its name, a sentence each."""
    return list(_definition(before["spec"], after["spec"]))


def _definition(before: Json, after: Json) -> Iterator[str]:
    for name in ("group", "scope"):
        if before[name] != after[name]:
            yield f"{name} is {after[name]!r}, was {before[name]!r}"
    for name in ("kind", "plural", "singular", "listKind"):
        if before["names"].get(name) != after["names"].get(name):
            yield f"names.{name} changed"
    for name in ("shortNames", "categories"):
        for lost in sorted({*before["names"].get(name, ())} - {*after["names"].get(name, ())}):
            yield f"names.{name} lost {lost}"
    there = {version["name"]: version for version in after["versions"]}
    for version in before["versions"]:
        yield from _version(version, there.get(version["name"]))


def _version(before: Json, after: Json | None) -> Iterator[str]:
    name = before["name"]
    if after is None or (before["served"] and not after["served"]):
        yield f"{name} is no longer served"
        return
    for subresource in sorted(before.get("subresources", {}).keys() - after.get("subresources", {}).keys()):
        yield f"{name} lost the subresource {subresource}"
    yield from _schema(before["schema"]["openAPIV3Schema"], after["schema"]["openAPIV3Schema"], "")


def _schema(before: Json, after: Json, path: str) -> Iterator[str]:
    here = path or "the object"
    for word in FIXED:
        if before.get(word) != after.get(word):
            yield f"{here}: {word} is {after.get(word)!r}, was {before.get(word)!r}"
    if before.get("nullable") and not after.get("nullable"):
        yield f"{here}: null is no longer allowed"
    for name in sorted({*after.get("required", ())} - {*before.get("required", ())}):
        yield f"{path}.{name}: is required now"
    yield from _bounds(before, after, here)
    yield from _rules(before, after, here)
    yield from _below(before, after, path)


def _bounds(before: Json, after: Json, here: str) -> Iterator[str]:
    for words, worse in ((LOWER_BOUNDS, 1), (UPPER_BOUNDS, -1)):
        for word in words:
            old, new = before.get(word), after.get(word)
            if new is not None and (old is None or (new - old) * worse > 0):
                yield f"{here}: {word} is {new}, was {old}"
    if "enum" in after:
        lost = sorted(map(str, {*before["enum"]} - {*after["enum"]})) if "enum" in before else ["anything"]
        if lost:
            yield f"{here}: no longer takes {', '.join(lost)}"


def _rules(before: Json, after: Json, here: str) -> Iterator[str]:
    known = {rule["rule"] for rule in before.get("x-kubernetes-validations", ())}
    for rule in after.get("x-kubernetes-validations", ()):
        if rule["rule"] not in known:
            yield f"{here}: has a new rule, {rule['rule']}"
    for word in ("allOf", "anyOf", "oneOf", "not"):
        if word in after and before.get(word) != after[word]:
            yield f"{here}: {word} changed"


def _below(before: Json, after: Json, path: str) -> Iterator[str]:
    kept = after.get("properties", {})
    for name, schema in sorted(before.get("properties", {}).items()):
        if name in kept:
            yield from _schema(schema, kept[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: is gone"
    for word, mark in (("items", "[]"), ("additionalProperties", "{}")):
        old, new = before.get(word), after.get(word)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _schema(old, new, f"{path}{mark}")
        elif old != new:
            yield f"{path}{mark}: {word} changed"
