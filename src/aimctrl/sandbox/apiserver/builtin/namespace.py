"""Namespaces: active until they are deleted, then emptied before they go."""

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.resources import Strategy
from aimctrl.sandbox.apiserver.schema.node import Object

NAME_LABEL = "kubernetes.io/metadata.name"


class NamespaceStrategy(Strategy):
    """`spec.finalizers` is changed by the subresource `finalize` alone."""

    def default(self, thing: Object) -> None:
        """Labels a namespace with its name."""
        meta = thing["metadata"]
        if meta.get("name"):
            meta["labels"] = {**meta.get("labels", {}), NAME_LABEL: meta["name"]}

    def prepare_create(self, thing: Object) -> None:
        """A new namespace is active, and kept until it is empty."""
        spec = dict(thing.get("spec") or {})
        spec["finalizers"] = sorted({*(spec.get("finalizers") or ()), "kubernetes"})
        thing["spec"], thing["status"] = spec, {"phase": "Active"}

    def prepare_update(self, thing: Object, old: Object) -> None:
        """The finalizers of the spec stay as they are."""
        thing["spec"] = {**(thing.get("spec") or {}), "finalizers": old["spec"].get("finalizers", [])}

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """That its finalizers have the name of somebody, but for that of Kubernetes itself."""
        del old, subresource
        words = "name is neither a standard finalizer name nor is it fully qualified"
        return [
            FieldError(Cause.INVALID, f"spec.finalizers[{place}]", words, name)
            for place, name in enumerate(thing["spec"].get("finalizers") or ())
            if name != "kubernetes" and "/" not in name
        ]
