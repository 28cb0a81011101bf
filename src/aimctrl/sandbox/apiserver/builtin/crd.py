"""CustomResourceDefinitions: the defaults, and what one must be to be accepted.

Source: https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/.
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.resources import Strategy
from aimctrl.sandbox.apiserver.schema.check import check_schemas
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
        """Its objects go first."""
        meta = thing["metadata"]
        meta["finalizers"] = list(dict.fromkeys([*meta.get("finalizers", []), CLEANUP]))

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The names, the scope and the versions."""
        if subresource:
            return []
        spec: Object = thing["spec"]
        name: str = thing["metadata"].get("name", "") if old is None else ""
        errors = [*_name_errors(name, spec), *_version_errors(spec)]
        if old is None or spec.get("versions") != old["spec"].get("versions"):
            errors += check_schemas(spec)
        if old is not None:
            errors += _change_errors(spec, old["spec"])
        return errors


def _stored(thing: Object) -> list[str]:
    versions: list[Object] = thing["spec"].get("versions") or []
    return [version["name"] for version in versions if version.get("storage")]


def _name_errors(name: str, spec: Object) -> Iterator[FieldError]:
    names: Object = spec["names"]
    group = spec.get("group", "")
    if name and name != f"{names.get('plural', '')}.{group}":
        yield FieldError(Cause.INVALID, "metadata.name", 'must be spec.names.plural+"."+spec.group', name)
    if not group:
        yield FieldError(Cause.REQUIRED, "spec.group")
    if not spec.get("scope"):
        yield FieldError(Cause.REQUIRED, "spec.scope")
    elif spec["scope"] not in {"Cluster", "Namespaced"}:
        words = 'supported values: "Cluster", "Namespaced"'
        yield FieldError(Cause.NOT_SUPPORTED, "spec.scope", words, spec["scope"])
    for part in ("plural", "singular", "kind", "listKind"):
        if not names.get(part):
            yield FieldError(Cause.REQUIRED, f"spec.names.{part}")


def _version_errors(spec: Object) -> Iterator[FieldError]:
    versions: list[Object] = spec.get("versions") or []
    if sum(1 for version in versions if version.get("storage")) != 1:
        words = "must have exactly one version marked as storage version"
        yield FieldError(Cause.INVALID, "spec.versions", words, versions or None)
    for place, version in enumerate(versions):
        validation: Object = version.get("schema") or {}
        if not validation.get("openAPIV3Schema"):
            path = f"spec.versions[{place}].schema.openAPIV3Schema"
            yield FieldError(Cause.REQUIRED, path, "schemas are required")


def _change_errors(spec: Object, old: Object) -> Iterator[FieldError]:
    for path in ("group", "scope"):
        if spec.get(path) != old.get(path):
            yield FieldError(Cause.INVALID, f"spec.{path}", "field is immutable", spec.get(path))
