"""The definitions of other projects' kinds where those are not installed: any field goes, nothing has a default.

They are enough for the stand-ins, and for a client that writes what the real ones would take.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Kind

_READY: Final = '.status.conditions[?(@.type=="Ready")].status'
_APPROVAL: Final = "api-approved.kubernetes.io"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of another project: its short name, and its columns in `kubectl get`, by name."""

    kind: Kind[Any]
    short_name: str = ""
    columns: tuple[tuple[str, str], ...] = ()


_FOREIGN: Final = (
    Foreign(INFERENCE_SERVICES, "isvc", (("URL", ".status.url"), ("Ready", _READY))),
    Foreign(SERVING_RUNTIMES),
    Foreign(CLUSTER_SERVING_RUNTIMES),
    Foreign(HTTPROUTES, "", (("Hostnames", ".spec.hostnames"),)),
)


def foreign_crds() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions of KServe's and the Gateway API's kinds, sorted by name."""
    return sorted((_definition(foreign) for foreign in _FOREIGN), key=lambda crd: crd["metadata"]["name"])


def _definition(foreign: Foreign) -> dict[str, Any]:
    kind = foreign.kind
    names = {"kind": kind.name, "listKind": f"{kind.name}List", "plural": kind.plural, "singular": kind.name.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.resource, "annotations": _annotations(kind)},
        "spec": {
            "group": kind.group,
            "names": names | ({"shortNames": [foreign.short_name]} if foreign.short_name else {}),
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [_version(foreign)],
        },
    }


def _annotations(kind: Kind[Any]) -> Mapping[str, str]:
    """Groups under k8s.io are the project's own, and have to say who approved of a definition there (KEP-2337)."""
    return {_APPROVAL: "unapproved, a stand-in"} if kind.group.endswith(".k8s.io") else {}


def _version(foreign: Foreign) -> dict[str, Any]:
    age = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    return {
        "name": foreign.kind.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            *({"name": name, "type": "string", "jsonPath": path} for name, path in foreign.columns),
            age,
        ],
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
