"""What a CustomResourceDefinition must be to be accepted: its names, its versions, and what those have in common.

Source: https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/.
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.builtin.checks import forbidden, immutable, invalid, required, unsupported
from aimctrl.sandbox.apiserver.builtin.crd_parts import part_errors
from aimctrl.sandbox.apiserver.errors import FieldError, Literal
from aimctrl.sandbox.apiserver.gotext import compact
from aimctrl.sandbox.apiserver.names import OLD_LABEL, SUBDOMAIN
from aimctrl.sandbox.apiserver.schema.check import check_schemas
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import entries, section

_APPROVAL = "api-approved.kubernetes.io"
_PROTECTED = ("k8s.io", "kubernetes.io")
_NAMES = ("plural", "singular", "kind", "listKind")
_ONCE_SERVED = (("scope",), ("names", "kind"))
_FIXED = (("group",), ("names", "plural"))
_STRATEGIES = ("None", "Webhook")
_HOISTED = ("Schema", "Subresources", "AdditionalPrinterColumns", "SelectableFields")
_PRESERVE_WORDS = (
    "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
)


def definition_errors(thing: Object, old: Object | None) -> list[FieldError]:
    """What is wrong with a CRD; `old` is what is stored, None on creation."""
    spec: Object = thing["spec"]
    errors = [] if old is not None else [*_meta_errors(thing["metadata"], spec)]
    errors += [*_group_errors(spec), *_scope_errors(spec), *_version_errors(spec), *_name_errors(spec["names"])]
    if old is None or spec.get("versions") != old["spec"].get("versions"):
        errors += check_schemas(spec)
    errors += [*part_errors(spec), *_conversion_errors(spec.get("conversion") or {})]
    if old is not None:
        errors += _change_errors(spec, old)
    return [*errors, *_stored_errors(thing), *([] if old else _approval_errors(thing))]


def _meta_errors(meta: Object, spec: Object) -> Iterator[FieldError]:
    wanted = f"{spec['names'].get('plural', '')}.{spec.get('group', '')}"
    for part in ("generateName", "name"):
        if meta.get(part) and meta[part] != wanted:
            yield invalid(f"metadata.{part}", meta[part], 'must be spec.names.plural+"."+spec.group')


def _group_errors(spec: Object) -> Iterator[FieldError]:
    group = spec.get("group", "")
    if not group:
        yield required("spec.group")
    elif not SUBDOMAIN.fits(group):
        yield invalid("spec.group", group, ",".join(SUBDOMAIN.faults(group)))
    elif "." not in group:
        yield invalid("spec.group", group, "should be a domain with at least one dot")


def _scope_errors(spec: Object) -> Iterator[FieldError]:
    if not spec.get("scope"):
        yield required("spec.scope")
    elif spec["scope"] not in {"Cluster", "Namespaced"}:
        yield unsupported("spec.scope", spec["scope"], ("Cluster", "Namespaced"))
    if spec.get("preserveUnknownFields"):
        yield invalid("spec.preserveUnknownFields", spec["preserveUnknownFields"], _PRESERVE_WORDS)


def _version_errors(spec: Object) -> Iterator[FieldError]:
    versions: list[Object] = spec.get("versions") or []
    for place, version in enumerate(versions):
        at = f"spec.versions[{place}]"
        yield from _label_errors(f"{at}.name", version["name"])
        yield from _deprecation_errors(f"{at}.deprecationWarning", version)
    for place, version in enumerate(versions):
        validation: Object = version.get("schema") or {}
        if not validation.get("openAPIV3Schema"):
            yield required(f"spec.versions[{place}].schema.openAPIV3Schema")
    shown = Literal(f"[{','.join(map(_shown, versions))}]")
    if len({version["name"] for version in versions}) < len(versions):
        yield invalid("spec.versions", shown, "must contain unique version names")
    if sum(1 for version in versions if version.get("storage")) != 1:
        yield invalid("spec.versions", shown, "must have exactly one version marked as storage version")
    if versions:
        yield from _label_errors("spec.version", versions[0]["name"]) if versions[0]["name"] else ()


def _shown(version: Object) -> str:
    """A version as messages show it: as the Go struct, of which what all versions share stands elsewhere."""
    parts = {
        "Name": version["name"],
        "Served": bool(version.get("served")),
        "Storage": bool(version.get("storage")),
        "Deprecated": bool(version.get("deprecated")),
        "DeprecationWarning": version.get("deprecationWarning"),
        **dict.fromkeys(_HOISTED),
    }
    return compact(parts, ordered=True)


def _deprecation_errors(path: str, version: Object) -> Iterator[FieldError]:
    warning = version.get("deprecationWarning")
    if warning is None:
        return
    if not version.get("deprecated"):
        yield invalid(path, warning, "can only be set for deprecated versions")
    elif not warning:
        yield invalid(path, warning, "must not be an empty string")


def _label_errors(path: str, name: str, before: str = "") -> Iterator[FieldError]:
    faults = ",".join(OLD_LABEL.faults(name.lower() if before else name, "characters"))
    if faults:
        yield invalid(path, name, before + faults)


def _name_errors(names: Object) -> Iterator[FieldError]:
    path = "spec.names"
    yield from (required(f"{path}.{part}") for part in _NAMES if not names.get(part))
    for part in filter(names.get, _NAMES):
        before = "may have mixed case, but should otherwise match: " if part in {"kind", "listKind"} else ""
        yield from _label_errors(f"{path}.{part}", names[part], before)
    if names.get("kind") and names["kind"] == names.get("listKind"):
        yield invalid(f"{path}.listKind", names["listKind"], "kind and listKind may not be the same")
    for part in ("shortNames", "categories"):
        for place, name in enumerate(names.get(part) or ()):
            yield from _label_errors(f"{path}.{part}[{place}]", name)


def _conversion_errors(conversion: Object) -> Iterator[FieldError]:
    path, strategy = "spec.conversion", conversion.get("strategy", "")
    webhook: Object = conversion.get("webhook") or {}
    if not strategy:
        yield required(f"{path}.strategy")
    elif strategy not in _STRATEGIES:
        yield unsupported(f"{path}.strategy", strategy, _STRATEGIES)
    if strategy == "Webhook":
        if not webhook.get("clientConfig"):
            yield required(f"{path}.webhookClientConfig", "required when strategy is set to Webhook")
        if not webhook.get("conversionReviewVersions"):
            yield required(f"{path}.conversionReviewVersions")
        return
    for part, field in (("webhookClientConfig", "clientConfig"), ("conversionReviewVersions",) * 2):
        if webhook.get(field):
            yield forbidden(f"{path}.{part}", "should not be set when strategy is not set to Webhook")


def _change_errors(spec: Object, old: Object) -> Iterator[FieldError]:
    conditions = entries(old, "status", "conditions")
    established = any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
    for path in (*(_ONCE_SERVED if established else ()), *_FIXED):
        value = section(spec, *path[:-1]).get(path[-1])
        if value != section(old["spec"], *path[:-1]).get(path[-1]):
            yield immutable(f"spec.{'.'.join(path)}", value)


def _stored_errors(thing: Object) -> Iterator[FieldError]:
    path, versions = "status.storedVersions", entries(thing, "spec", "versions")
    stored: list[str] = section(thing, "status").get("storedVersions") or []
    if not stored:
        yield invalid(path, None, "must have at least one stored version")
        return
    names = {version["name"] for version in versions}
    wanted = [version["name"] for version in versions if version.get("storage")][-1:]
    for place, name in enumerate(stored):
        if name not in names:
            why = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} and removes "
                f"{name} from {path}"
            )
            yield invalid(f"{path}[{place}]", name, why)
    yield from (invalid(path, stored, f"must have the storage version {name}") for name in wanted if name not in stored)


def _approval_errors(thing: Object) -> Iterator[FieldError]:
    group = thing["spec"].get("group", "")
    annotations: Object = thing["metadata"].get("annotations") or {}
    protected = any(group == domain or group.endswith(f".{domain}") for domain in _PROTECTED)
    if protected and not annotations.get(_APPROVAL):
        words = f'protected groups must have approval annotation "{_APPROVAL}", see '
        where = "https://github.com/kubernetes/enhancements/pull/1111"
        yield required(f"metadata.annotations[{_APPROVAL}]", words + where)
