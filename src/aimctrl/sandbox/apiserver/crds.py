"""Custom resources: from a CustomResourceDefinition to what is served.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from aimctrl.sandbox.apiserver.resources import ALL_VERBS, Column, ResourceType, Scale, Strategy, version_priority
from aimctrl.sandbox.apiserver.schema.node import ANY, Node, Object
from aimctrl.sandbox.apiserver.schema.parse import parse
from aimctrl.sandbox.apiserver.values import section


class CustomStrategy(Strategy):
    """Of kinds without a status subresource, for whom the status is like any other field."""

    def __init__(self, *, status: bool) -> None:
        self._apart = frozenset({"metadata", "apiVersion", "kind", *(("status",) if status else ())})

    def generation_changed(self, thing: Object, old: Object) -> bool:
        """Whether anything but metadata, and a status that is apart, was changed."""
        return any(thing.get(key) != old.get(key) for key in {*thing, *old} - self._apart)


def served_types(crd: Object) -> Iterator[ResourceType]:
    """The resources that a CRD which is accepted declares: one for each version that is served."""
    spec: dict[str, Any] = crd["spec"]
    stored = next(version["name"] for version in spec["versions"] if version.get("storage"))
    for version in spec["versions"]:
        if version.get("served"):
            yield _type(spec, version, stored)


def _type(spec: dict[str, Any], version: dict[str, Any], stored: str) -> ResourceType:
    names, below = spec["names"], section(version, "subresources")
    scale = section(below, "scale")
    return ResourceType(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        namespaced=spec["scope"] == "Namespaced",
        schema=_schema(version),
        list_kind=names.get("listKind", ""),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        verbs=ALL_VERBS,
        status="status" in below,
        scale=_scale(scale) if scale else None,
        subresources=("scale",) if scale else (),
        columns=tuple(_column(column) for column in version.get("additionalPrinterColumns") or ()),
        selectable={
            field["jsonPath"].lstrip("."): field["jsonPath"].lstrip(".")
            for field in version.get("selectableFields") or ()
        },
        strategy=CustomStrategy(status="status" in below),
        custom=True,
        generations=True,
        stored_version=stored,
        deprecation=_deprecation(spec, version),
        declared=section(version, "schema", "openAPIV3Schema"),
    )


def _deprecation(spec: dict[str, Any], version: dict[str, Any]) -> str:
    if not version.get("deprecated"):
        return ""
    if version.get("deprecationWarning"):
        return str(version["deprecationWarning"])
    kind, here = spec["names"]["kind"], version_priority(version["name"])
    others = [each["name"] for each in spec["versions"] if each.get("served") and not each.get("deprecated")]
    better = sorted((name for name in others if version_priority(name) < here), key=version_priority)[:1]
    usual = f"{spec['group']}/{version['name']} {kind} is deprecated"
    return "; use ".join([usual, *(f"{spec['group']}/{name} {kind}" for name in better)])


def _schema(version: dict[str, Any]) -> Callable[[], Node]:
    document = section(version, "schema", "openAPIV3Schema")

    @cache
    def node() -> Node:
        return parse(document) if document else ANY

    return node


def _scale(scale: dict[str, Any]) -> Scale:
    return Scale(scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath", ""))


def _column(column: dict[str, Any]) -> Column:
    return Column(
        column["name"],
        column["type"],
        column["jsonPath"],
        column.get("format", ""),
        column.get("priority", 0),
        column.get("description", ""),
    )
