"""Writes down which built-in resources a real API server has and what their fields look like, for the embedded one.

Run it with `make builtin`, against the control plane of `hack/`. Only facts are kept: names, types, and how
fields are merged. Descriptions and formats are not, and neither are defaults that are merely empty.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controlplane import ControlPlane

TARGET = Path(__file__).parents[1] / "src/aimctrl/sandbox/apiserver/builtin/types.json"

GROUPS = (
    ("", "v1"),
    ("admissionregistration.k8s.io", "v1"),
    ("apiextensions.k8s.io", "v1"),
    ("apps", "v1"),
    ("authentication.k8s.io", "v1"),
    ("authorization.k8s.io", "v1"),
    ("autoscaling", "v1"),
    ("batch", "v1"),
    ("coordination.k8s.io", "v1"),
    ("discovery.k8s.io", "v1"),
    ("events.k8s.io", "v1"),
    ("networking.k8s.io", "v1"),
    ("policy", "v1"),
    ("rbac.authorization.k8s.io", "v1"),
    ("scheduling.k8s.io", "v1"),
    ("storage.k8s.io", "v1"),
)

LEFT_OUT = ("componentstatuses", "mutatingwebhookconfigurations", "validatingwebhookconfigurations")
LEFT_OUT += ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings")
"""Deprecated, or what the embedded server would take and not act upon."""

KEPT = ("type", "required", "nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string")
KEPT += ("x-kubernetes-embedded-resource", "x-kubernetes-list-type", "x-kubernetes-list-map-keys")
KEPT += ("x-kubernetes-map-type", "x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy")


def main() -> None:
    """Starts a control plane, asks it, and writes the file."""
    with ControlPlane(controllers=False) as plane:
        version = _get(plane, "/version")["gitVersion"]
        resources = [found for group in GROUPS for found in _resources(plane, *group)]
        schemas: dict[str, Any] = {}
        for group, of in GROUPS:
            where = f"apis/{group}/{of}" if group else f"api/{of}"
            document = _get(plane, f"/openapi/v3/{where}")
            schemas |= {name: _compact(part) for name, part in document["components"]["schemas"].items()}
            _claim(document, resources)
    used = _reachable(schemas, [resource["schema"] for resource in resources])
    written = {
        "source": f"kube-apiserver {version}, /openapi/v3 and aggregated discovery",
        "resources": resources,
        "schemas": {name: schemas[name] for name in sorted(used)},
    }
    TARGET.write_text(json.dumps(written, separators=(",", ":"), sort_keys=True) + "\n")


def _get(plane: ControlPlane, path: str) -> Any:
    _, answer = plane.api.request("GET", path)
    return answer if isinstance(answer, dict) else json.loads(answer)


def _resources(plane: ControlPlane, group: str, version: str) -> Iterator[dict[str, Any]]:
    listed = _get(plane, f"/apis/{group}/{version}" if group else f"/api/{version}")["resources"]
    for entry in listed:
        if "/" in entry["name"] or entry["name"] in LEFT_OUT:
            continue
        below = [e for e in listed if e["name"].startswith(f"{entry['name']}/")]
        yield {
            "group": group,
            "version": version,
            "kind": entry["kind"],
            "plural": entry["name"],
            "singular": entry["singularName"],
            "namespaced": entry["namespaced"],
            "shortNames": entry.get("shortNames", []),
            "categories": entry.get("categories", []),
            "verbs": entry["verbs"],
            "subresources": [
                {"name": e["name"].partition("/")[2], "verbs": e["verbs"], "kind": e["kind"]}
                | ({"group": e["group"], "version": e["version"]} if "version" in e else {})
                for e in below
            ],
            "schema": "",
        }


def _claim(document: Any, resources: list[dict[str, Any]]) -> None:
    """Says of each resource which schema is its kind's."""
    for name, part in document["components"]["schemas"].items():
        for of in part.get("x-kubernetes-group-version-kind", []):
            for resource in resources:
                if (of["group"], of["version"], of["kind"]) == tuple(resource[k] for k in ("group", "version", "kind")):
                    resource["schema"] = name


def _compact(schema: dict[str, Any]) -> dict[str, Any]:
    if "allOf" in schema and len(schema["allOf"]) == 1:
        schema = {**schema, **schema["allOf"][0]}
    kept = {key: schema[key] for key in KEPT if key in schema}
    if schema.get("default") not in (None, "", 0, False, {}, []):
        kept["default"] = schema["default"]
    if "$ref" in schema:
        kept["$ref"] = schema["$ref"].rpartition("/")[2]
    if "oneOf" in schema and "type" not in schema:
        kept["x-kubernetes-int-or-string"] = True
    if "properties" in schema:
        kept["properties"] = {name: _compact(part) for name, part in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            kept[key] = _compact(schema[key])
    return kept


def _reachable(schemas: dict[str, Any], roots: list[str]) -> set[str]:
    seen: set[str] = set()
    todo = [root for root in roots if root]
    while todo:
        name = todo.pop()
        if name in seen or name not in schemas:
            continue
        seen.add(name)
        todo += _references(schemas[name])
    return seen


def _references(schema: dict[str, Any]) -> list[str]:
    found = [schema["$ref"]] if "$ref" in schema else []
    for part in [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]:
        if isinstance(part, dict):
            found += _references(part)
    return found


if __name__ == "__main__":
    main()
