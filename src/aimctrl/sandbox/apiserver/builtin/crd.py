"""CustomResourceDefinitions: the defaults, and what is the server's own to say.

Source: https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/.
"""

from aimctrl.sandbox.apiserver.builtin.crd_validation import definition_errors
from aimctrl.sandbox.apiserver.errors import FieldError
from aimctrl.sandbox.apiserver.resources import Strategy
from aimctrl.sandbox.apiserver.schema.node import Object

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class CrdStrategy(Strategy):
    """The status is the server's own; a CRD stays until its objects are gone."""

    def default(self, thing: Object) -> None:
        """Names that follow from the kind, and no conversion."""
        spec: Object = thing["spec"]
        names: Object = spec["names"]
        if names.get("kind"):
            names.setdefault("singular", names["kind"].lower())
            names.setdefault("listKind", f"{names['kind']}List")
        spec.setdefault("conversion", {"strategy": "None"})

    def prepare_create(self, thing: Object) -> None:
        """A new one is stored in one version and has no names yet."""
        thing["status"] = {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": _stored(thing) or None,
        }

    def prepare_update(self, thing: Object, old: Object) -> None:
        """A version that is stored from now on is added to those that were."""
        status: Object = old["status"]
        before: list[str] = status.get("storedVersions") or []
        thing["status"] = {**status, "storedVersions": list(dict.fromkeys([*before, *_stored(thing)]))}

    def begin_deletion(self, thing: Object) -> None:
        """Its objects go first, which it says."""
        meta = thing["metadata"]
        meta["finalizers"] = list(dict.fromkeys([*meta.get("finalizers", []), CLEANUP]))
        terminating = {
            "type": "Terminating",
            "status": "True",
            "lastTransitionTime": meta["deletionTimestamp"],
            "reason": "InstanceDeletionPending",
            "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        }
        thing["status"]["conditions"] = [*(thing["status"].get("conditions") or ()), terminating]

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """What it declares; the schemas are looked at again once they are others."""
        if subresource:
            return []
        return definition_errors(thing, old)


def _stored(thing: Object) -> list[str]:
    """The first version that is to be stored."""
    versions: list[Object] = thing["spec"].get("versions") or []
    return [version["name"] for version in versions if version.get("storage")][:1]
