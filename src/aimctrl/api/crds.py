"""The CustomResourceDefinitions of the AIM kinds (SPEC §1)."""

from dataclasses import dataclass
from typing import Any, Final

from aimctrl.api import kinds
from aimctrl.api.revision import ANNOTATION, REVISION
from aimctrl.api.schema import Schema, structural
from aimctrl.kube.kinds import Kind

CATEGORY: Final = "aim"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; a `wide` one shows only with `-o wide`."""

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False

    def wire(self) -> dict[str, Any]:
        """The entry of `additionalPrinterColumns`."""
        entry = {"name": self.name, "type": self.type, "jsonPath": self.path, "description": self.description}
        return entry | {"priority": 1} if self.wide else entry


@dataclass(frozen=True, slots=True)
class Definition:
    """What the API server is told of a kind beyond its schema."""

    kind: Kind[Any]
    short_name: str
    columns: tuple[Column, ...]

    def manifest(self) -> dict[str, Any]:
        """The CustomResourceDefinition."""
        kind = self.kind
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": kind.resource, "annotations": {ANNOTATION: str(REVISION)}},
            "spec": {
                "group": kind.group,
                "names": {
                    "kind": kind.name,
                    "listKind": f"{kind.name}List",
                    "plural": kind.plural,
                    "singular": kind.name.lower(),
                    "shortNames": [self.short_name],
                    "categories": [CATEGORY],
                },
                "scope": "Namespaced" if kind.namespaced else "Cluster",
                "versions": [self._version()],
            },
        }

    def _version(self) -> dict[str, Any]:
        return {
            "name": self.kind.version,
            "served": True,
            "storage": True,
            "subresources": {"status": {}},
            "additionalPrinterColumns": [column.wire() for column in self.columns],
            "schema": {"openAPIV3Schema": object_schema(self.kind)},
        }


def object_schema(kind: Kind[Any]) -> Schema:
    """The structural schema of a whole object: spec with its defaults, status without any."""
    models = tuple(one.model for one in kinds.ALL)
    schema = structural(kind.model, defaults=True, among=models)
    status = structural(kind.model, defaults=False, among=models)["properties"]["status"]
    properties = {
        "apiVersion": {"type": "string", "description": "The version of the API that this object is written in."},
        "kind": {"type": "string", "description": "The kind of this object."},
        "metadata": {"type": "object"},
        "spec": schema["properties"]["spec"],
        "status": status,
    }
    return schema | {"properties": properties}


STATUS = Column("Status", ".status.status", "The state of the object in one word.")
REASON = Column("Reason", '.status.conditions[?(@.type=="Ready")].reason', "Why the object is ready or is not.")
CONFIG = Column("Config", ".status.resolvedRuntimeConfig.name", "The runtime config that is in use.", wide=True)
AGE = Column("Age", ".metadata.creationTimestamp", "The time since the object was created.", type="date")

MODEL_COLUMNS = (
    STATUS,
    Column("Image", ".spec.image", "The container image that serves the model."),
    REASON,
    CONFIG,
    AGE,
)
TEMPLATE_COLUMNS = (
    STATUS,
    Column("Model", ".spec['modelName','aimImageName']", "The model that is run."),
    Column("Metric", ".spec.metric", "What the runtime is optimised for."),
    Column("Precision", ".spec.precision", "The numeric precision of inference."),
    Column("GPUs", ".spec.gpuSelector.count", "How many GPUs each replica needs.", type="integer"),
    Column("GPU", ".spec.gpuSelector.model", "The GPU model each replica needs."),
    REASON,
    CONFIG,
    AGE,
)
SERVICE_COLUMNS = (
    STATUS,
    Column("Model", ".status.resolvedImage.name", "The model that is served."),
    Column("Template", ".status.resolvedTemplate.name", "The template that is run."),
    REASON,
    Column("Path", ".status.routing.path", "The path prefix of the HTTPRoute.", wide=True),
    CONFIG,
    AGE,
)
CONFIG_COLUMNS = (
    STATUS,
    Column("Storage class", ".spec.defaultStorageClassName", "The storage class of caches that name none."),
    Column("Gateway", ".spec.routing.gatewayRef.name", "The Gateway that routes attach to."),
    AGE,
)
TEMPLATE_CACHE_COLUMNS = (
    STATUS,
    Column("Template", ".spec.templateRef", "The template whose artifacts are cached."),
    REASON,
    CONFIG,
    AGE,
)
MODEL_CACHE_COLUMNS = (
    STATUS,
    Column("Source", ".spec.sourceURI", "Where the artifact is downloaded from."),
    Column("Size", ".spec.size", "The size of the artifact."),
    REASON,
    Column("Volume", ".status.persistentVolumeClaim", "The PersistentVolumeClaim of the artifact.", wide=True),
    AGE,
)

DEFINITIONS: Final = (
    Definition(kinds.AIM_MODEL, "aimm", MODEL_COLUMNS),
    Definition(kinds.AIM_CLUSTER_MODEL, "aimcm", MODEL_COLUMNS),
    Definition(kinds.AIM_IMAGE, "aimimg", MODEL_COLUMNS),
    Definition(kinds.AIM_CLUSTER_IMAGE, "aimcimg", MODEL_COLUMNS),
    Definition(kinds.AIM_SERVICE_TEMPLATE, "aimst", TEMPLATE_COLUMNS),
    Definition(kinds.AIM_CLUSTER_SERVICE_TEMPLATE, "aimcst", TEMPLATE_COLUMNS),
    Definition(kinds.AIM_SERVICE, "aimsvc", SERVICE_COLUMNS),
    Definition(kinds.AIM_RUNTIME_CONFIG, "aimrc", CONFIG_COLUMNS),
    Definition(kinds.AIM_CLUSTER_RUNTIME_CONFIG, "aimcrc", CONFIG_COLUMNS),
    Definition(kinds.AIM_TEMPLATE_CACHE, "aimtc", TEMPLATE_CACHE_COLUMNS),
    Definition(kinds.AIM_MODEL_CACHE, "aimmc", MODEL_CACHE_COLUMNS),
)
"""One per AIM kind."""
