"""The reference of the AIM kinds, from the CustomResourceDefinitions."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from aimctrl.api.crds import DEFINITIONS, Definition
from reference.markdown import code, page, table

Schema = Mapping[str, Any]

INTRODUCTION = """\
# Kinds

API group `aim.silogen.ai`, version `v1alpha1`, category `aim`: `kubectl get aim -A` lists all objects of all kinds.
`kubectl explain aimservice.spec` says the same as this page, which is made from the CustomResourceDefinitions."""

LIMITS = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("maxLength", "at most {} characters"),
    ("maxItems", "at most {} entries"),
    ("maxProperties", "at most {} entries"),
    ("pattern", "matches `{}`"),
)


def kinds() -> str:
    """The page. Kinds of one schema, but for what forbids a field, share a section."""
    families = [list(members) for _, members in groupby(DEFINITIONS, _fields)]
    return page(INTRODUCTION, *(part for family in families for part in _family(family)))


def _schema(definition: Definition) -> Schema:
    version = definition.manifest()["spec"]["versions"][0]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def _fields(definition: Definition) -> list[list[tuple[str, ...]]]:
    properties = _schema(definition)["properties"]
    return [list(_rows(properties[part], "")) for part in ("spec", "status")]


def _family(family: list[Definition]) -> Iterator[str]:
    first = family[0]
    yield "## " + ", ".join(definition.kind.name for definition in family)
    yield "\n".join(_about(definition) for definition in family)
    yield "Columns of `kubectl get`" + "; those in brackets with `-o wide`: " + ", ".join(_columns(first)) + "."
    properties = _schema(first)["properties"]
    for part, heading in (("spec", "Spec"), ("status", "Status")):
        yield f"### {heading} of {first.kind.name}"
        yield table(("Field", "Type", "Meaning"), _rows(properties[part], ""))
    rules = [rule for definition in family for rule in _rules(_schema(definition), "", definition.kind.name)]
    yield f"### Rules of {first.kind.name}"
    yield "Checked by the API server, besides types and limits:"
    yield "\n".join(f"- {rule}" for rule in dict.fromkeys(_common(rules, len(family))))


def _about(definition: Definition) -> str:
    kind = definition.kind
    scope = "in a namespace" if kind.namespaced else "cluster-scoped"
    return f"- `{kind.name}` (`{definition.short_name}`, {scope}). {_schema(definition)['description']}"


def _columns(definition: Definition) -> Iterator[str]:
    for column in definition.columns:
        yield f"[{column.name}]" if column.wide else column.name


def _rows(schema: Schema, path: str) -> Iterator[tuple[str, str, str]]:
    """A row for each field below, in the order of their names, parents first."""
    required = schema.get("required", ())
    for name, field in sorted(schema.get("properties", {}).items()):
        at = f"{path}.{name}" if path else name
        yield code(at), _type(field), _meaning(field, required=name in required)
        yield from _below(field, at)


def _below(field: Schema, path: str) -> Iterator[tuple[str, str, str]]:
    yield from _rows(field, path)
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(inner := field.get(key), dict):
            yield from _below(inner, path + mark)


def _type(field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    told = str(field.get("type", "any"))
    if told == "array":
        return f"list of {_type(field['items'])}"
    if isinstance(inner := field.get("additionalProperties"), dict):
        return f"map to {_type(inner)}"
    return "time" if field.get("format") == "date-time" else told


def _meaning(field: Schema, *, required: bool) -> str:
    sentences = [str(field.get("description", "")).strip()]
    if required:
        sentences.append("Required.")
    if "default" in field:
        default = field["default"]
        sentences.append(f"Default {code(str(default).lower() if isinstance(default, bool) else default)}.")
    if "enum" in field:
        sentences.append(f"One of {', '.join(code(value) for value in field['enum'])}.")
    limits = ", ".join(words.format(field[key]) for key, words in LIMITS if key in field)
    if limits:
        sentences.append(f"{limits[0].upper()}{limits[1:]}.")
    return " ".join(sentence for sentence in sentences if sentence)


def _rules(schema: Schema, path: str, kind: str) -> Iterator[tuple[str, str, str]]:
    """Kind, path and message of each rule, those of the whole object first."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield kind, path, rule["message"]
    for name, field in sorted(schema.get("properties", {}).items()):
        yield from _rules(field, f"{path}.{name}" if path else name, kind)
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(inner := schema.get(key), dict):
            yield from _rules(inner, path + mark, kind)


def _common(rules: Iterable[tuple[str, str, str]], kinds: int) -> Iterator[str]:
    """The rules in words; one that not all kinds have names its own."""
    rules = list(rules)
    having: dict[tuple[str, str], list[str]] = {}
    for kind, path, message in rules:
        having.setdefault((path, message), []).append(kind)
    for (path, message), names in having.items():
        where = f"{code(path)}: " if path else ""
        yield where + message + ("" if len(set(names)) == kinds else f" ({', '.join(dict.fromkeys(names))})")
