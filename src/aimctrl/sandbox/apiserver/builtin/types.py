"""The built-in resources and their schemas, read from `types.json` (written by `hack/builtin_types.py`)."""

from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

from aimctrl.sandbox.apiserver.builtin.decode import Decoder
from aimctrl.sandbox.apiserver.builtin.documents import Document, document
from aimctrl.sandbox.apiserver.resources import NameStyle, ResourceType, Strategy
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Bounds, ListType, Node


class Properties(Mapping[str, Node]):
    """The properties of a schema, each read when it is first looked at: schemas refer to each other, and themselves."""

    def __init__(self, schemas: "Schemas", parts: Mapping[str, Document]) -> None:
        self._schemas, self._parts = schemas, parts
        self._nodes: dict[str, Node] = {}

    def __getitem__(self, key: str) -> Node:
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = self._schemas.node(self._parts[key])
        return node

    def get(self, key: str, default: Any = None) -> Any:
        """The schema of that property; other than the Mapping's own, without an error where there is none."""
        found = self._nodes.get(key)
        if found is None and key in self._parts:
            found = self[key]
        return default if found is None else found

    def __contains__(self, key: object) -> bool:
        return key in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


class Schemas:
    """All schemas of the document, as Nodes."""

    def __init__(self, schemas: Mapping[str, Document]) -> None:
        self._schemas = schemas
        self._nodes: dict[str, Node] = {}

    def named(self, name: str) -> Node:
        """The schema of that name."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = self.node(self._schemas[name])
        return node

    def node(self, part: Document) -> Node:
        """The schema that a part of the document holds, or refers to with additions of its own."""
        if "$ref" not in part:
            return self._read(part)
        own = {key: value for key, value in part.items() if key != "$ref"}
        if not own:
            return self.named(part["$ref"])
        return self._read({**self._schemas[part["$ref"]], **own})

    def _read(self, part: Document) -> Node:
        items, additional = part.get("items"), part.get("additionalProperties")
        kind = part.get("type", "")
        schemaless = kind in {"", "object"} and not (part.get("properties") or additional or items)
        return Node(
            type=kind,
            properties=Properties(self, part.get("properties", {})),
            additional=self.node(additional) if additional else None,
            items=self.node(items) if items else None,
            nullable=part.get("nullable", False),
            default=part.get("default", NOTHING),
            preserve_unknown=part.get("x-kubernetes-preserve-unknown-fields", False)
            or (schemaless and not part.get("x-kubernetes-int-or-string", False)),
            int_or_string=part.get("x-kubernetes-int-or-string", False),
            embedded=part.get("x-kubernetes-embedded-resource", False),
            list_type=ListType(part.get("x-kubernetes-list-type", "atomic")),
            list_keys=tuple(part.get("x-kubernetes-list-map-keys", ())),
            atomic_map=part.get("x-kubernetes-map-type") == "atomic" or (schemaless and kind == "object"),
            merge_key=part.get("x-kubernetes-patch-merge-key", ""),
            merge_strategy=part.get("x-kubernetes-patch-strategy", ""),
            bounds=Bounds(required=tuple(part.get("required", ()))),
        )


@cache
def schemas() -> Schemas:
    """The schemas of all built-in resources, and of what they are made of."""
    return Schemas(document()["schemas"])


def builtin_types(
    strategies: Mapping[tuple[str, str], Strategy], selectable: Mapping[tuple[str, str], Mapping[str, str]]
) -> Iterator[ResourceType]:
    """All built-in resources; strategies and selectable fields are by group and plural."""
    for entry in document()["resources"]:
        key = entry["group"], entry["plural"]
        below = tuple(part["name"] for part in entry["subresources"])
        yield ResourceType(
            group=entry["group"],
            version=entry["version"],
            kind=entry["kind"],
            plural=entry["plural"],
            singular=entry["singular"],
            namespaced=entry["namespaced"],
            schema=partial(schemas().named, entry["schema"]),
            stored_group="" if entry["plural"] == "events" else None,
            returned=key in _RETURNED,
            decode=Decoder(entry["schema"], entry["kind"], entry["version"]),
            short_names=tuple(entry["shortNames"]),
            categories=tuple(entry["categories"]),
            verbs=tuple(entry["verbs"]),
            status="status" in below,
            subresources=tuple(name for name in below if name != "status"),
            selectable=selectable.get(key, {}),
            strategy=strategies.get(key) or Strategy(),
            generations=key in _GENERATIONS,
            names=_NAMES.get(key[0] if key[0] == RBAC else key[1], NameStyle.SUBDOMAIN),
        )


RBAC = "rbac.authorization.k8s.io"

_NAMES = {
    RBAC: NameStyle.SEGMENT,
    "namespaces": NameStyle.LABEL,
    "services": NameStyle.LABEL,
}
"""Whose names are no subdomains: those of a whole group, or of a plural."""

_RETURNED = frozenset(
    {
        ("", "persistentvolumeclaims"),
        ("", "persistentvolumes"),
        ("", "pods"),
        ("", "podtemplates"),
        ("", "resourcequotas"),
        ("", "serviceaccounts"),
        ("", "services"),
        ("storage.k8s.io", "storageclasses"),
    }
)
"""The kinds of which a deletion answers with the object itself."""

_GENERATIONS = frozenset(
    {
        ("", "replicationcontrollers"),
        ("apps", "daemonsets"),
        ("apps", "deployments"),
        ("apps", "replicasets"),
        ("apps", "statefulsets"),
        ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
        ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
        ("batch", "cronjobs"),
        ("batch", "jobs"),
        ("discovery.k8s.io", "endpointslices"),
        ("networking.k8s.io", "ingresses"),
        ("networking.k8s.io", "networkpolicies"),
        ("policy", "poddisruptionbudgets"),
        ("", "pods"),
        ("", "podtemplates"),
        ("scheduling.k8s.io", "priorityclasses"),
    }
)
"""The kinds that count the changes of what is asked of them."""
