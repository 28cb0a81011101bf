"""CRDs: what is accepted, served, changed, and goes."""

from typing import Any

from conformance.script import Send, case, delete, get, gone, patch, post

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "$(ns).example.com"
SCHEMA = {
    "openAPIV3Schema": {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}},
    }
}
VERSION = {"name": "v1", "served": True, "storage": True, "schema": SCHEMA}


def crd(spec: dict[str, Any] | None = None, **names: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "kind": "Gadget", **names},
            "versions": [VERSION],
            **(spec or {}),
        },
    }


def schema(part: Any) -> dict[str, Any]:
    return crd(
        {"versions": [VERSION | {"schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": part}}}}]}
    )


def other(name: str) -> dict[str, Any]:
    return VERSION | {"name": name, "storage": False}


def version(**parts: Any) -> dict[str, Any]:
    return crd({"versions": [VERSION | parts]})


ONE = f"{CRDS}/gadgets.{GROUP}"
SERVED = Send("GET", f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets", until=200)
GADGET = {"apiVersion": f"{GROUP}/v1", "kind": "Gadget", "metadata": {"name": "a"}, "spec": {"a": "b"}}
SECOND = GADGET | {"metadata": {"name": "b"}}
BAD: dict[str, Any] = {
    "no versions": crd({"versions": []}),
    "two storage versions": crd({"versions": [VERSION, VERSION | {"name": "v2"}]}),
    "no storage version": crd({"versions": [VERSION | {"storage": False}]}),
    "the same version twice": crd({"versions": [VERSION, VERSION | {"storage": False}]}),
    "a bad version": crd({"versions": [VERSION | {"name": "V 1"}]}),
    "no schema": crd({"versions": [{"name": "v1", "served": True, "storage": True}]}),
    "an unknown scope": crd({"scope": "World"}),
    "no scope": crd({"scope": ""}),
    "no group": crd({"group": ""}),
    "another name": crd() | {"metadata": {"name": "a.example.com"}},
    "no kind": crd(kind=""),
    "a bad plural": crd(plural="Gadgets"),
    "a bad short name": crd(shortNames=["A B"]),
    "a schema of a text": crd({"versions": [VERSION | {"schema": {"openAPIV3Schema": {"type": "string"}}}]}),
    "a part without a type": schema({"properties": {"a": {}}}),
    "an unknown type": schema({"type": "thing"}),
    "an array without items": schema({"type": "array"}),
    "a set of objects": schema({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "set"}),
    "a map without keys": schema(
        {
            "type": "array",
            "items": {"type": "object", "properties": {"a": {"type": "string"}}},
            "x-kubernetes-list-type": "map",
        }
    ),
    "an unknown list type": schema({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "heap"}),
    "a bad pattern": schema({"type": "string", "pattern": "("}),
    "a default of another type": schema({"type": "object", "properties": {"a": {"type": "string", "default": 1}}}),
    "properties and additional ones": schema(
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}
    ),
    "a rule that does not compile": schema(
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "x-kubernetes-validations": [{"rule": "self.b == 1"}],
        }
    ),
    "a rule without a text": schema({"type": "object", "x-kubernetes-validations": [{"rule": ""}]}),
    "unique items": schema({"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
    "unknown fields": crd({"nothing": 1}),
    "bad version names": crd({"versions": [VERSION, *(other(name) for name in ("V2", "2", "v2.1", "a" * 64))]}),
    "a version without a name": crd({"versions": [VERSION | {"name": ""}]}),
    "a bad group": crd({"group": "A_b"}) | {"metadata": {"name": "gadgets.A_b"}},
    "a group without a dot": crd({"group": "dotless"}) | {"metadata": {"name": "gadgets.dotless"}},
    "a group of Kubernetes": crd({"group": "x.k8s.io"}) | {"metadata": {"name": "gadgets.x.k8s.io"}},
    "a long plural": crd(plural="a" * 64),
    "a bad kind": crd(kind="gad get"),
    "a kind in small letters": crd(kind="gadget"),
    "a bad list kind": crd(listKind="-x"),
    "a list kind like the kind": crd(listKind="Gadget"),
    "a bad singular": crd(singular="Gadget"),
    "a bad category": crd(categories=["A B", "fine"]),
    "no names": crd() | {"spec": {key: part for key, part in crd()["spec"].items() if key != "names"}},
    "an unknown conversion": crd({"conversion": {"strategy": "Magic"}}),
    "a conversion without a webhook": crd({"conversion": {"strategy": "Webhook"}}),
    "a webhook without a conversion": crd(
        {"conversion": {"strategy": "None", "webhook": {"conversionReviewVersions": ["v1"]}}}
    ),
    "bad columns": version(
        additionalPrinterColumns=[
            {"name": "", "type": "x", "jsonPath": "a"},
            {"name": "a", "type": "string", "jsonPath": ".spec.a", "format": "x"},
            {"name": "b", "type": "", "jsonPath": ""},
        ]
    ),
    "columns of one version": crd(
        {"versions": [VERSION, other("v2") | {"additionalPrinterColumns": [{"name": "a", "type": "string"}]}]}
    ),
    "a scale without paths": version(subresources={"scale": {}}),
    "a scale with wrong paths": version(
        subresources={
            "scale": {"specReplicasPath": ".status.a", "statusReplicasPath": ".spec.a", "labelSelectorPath": "a"}
        }
    ),
    "bad selectable fields": version(
        selectableFields=[
            {"jsonPath": path} for path in (".spec.no", ".spec.a", ".spec.a", "x", ".spec", ".metadata.name")
        ]
    ),
    "a warning and no deprecation": version(deprecationWarning="old"),
    "an empty warning": version(deprecated=True, deprecationWarning=""),
    "preserved unknown fields": crd({"preserveUnknownFields": True}),
}

CASES = (
    case(
        "a CRD's life",
        post(CRDS, crd()),
        SERVED,
        post(f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets", GADGET),
        get(f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets/a"),
        delete(ONE),
        gone(ONE),
        gone(f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets"),
    ),
    case(
        "a CRD that goes",
        post(CRDS, crd()),
        SERVED,
        post(
            f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets", GADGET | {"metadata": {"name": "a", "finalizers": ["x.y/z"]}}
        ),
        delete(ONE),
        Send("POST", f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets?dryRun=All", SECOND, until=403),
    ),
    case(
        "a deprecated version",
        post(CRDS, crd({"versions": [VERSION | {"deprecated": True}, other("v2")]})),
        SERVED,
        get(f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets"),
        get(f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets/none"),
        post(f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets", GADGET | {"nothing": 1}),
    ),
    case(
        "a deprecated version that says more",
        post(CRDS, crd({"versions": [VERSION | {"deprecated": True, "deprecationWarning": 'use "v3"'}]})),
        SERVED,
        get(f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets"),
    ),
    case(
        "a CRD keeps what it stored",
        post(CRDS, crd()),
        SERVED,
        patch(ONE, {"spec": {"versions": [VERSION | {"name": "v2"}]}}),
        patch(ONE, {"spec": {"names": {"kind": "Other"}}}),
        patch(ONE, {"spec": {"names": {"plural": "others"}}}),
    ),
    case("a CRD as it is made", post(CRDS, crd())),
    case("a CRD as it is served", post(CRDS, crd()), SERVED, get(ONE)),
    case("a CRD twice", post(CRDS, crd()), post(CRDS, crd())),
    case(
        "a CRD's discovery",
        post(CRDS, crd(shortNames=["gd"], categories=["all"])),
        SERVED,
        Send("GET", f"/apis/{GROUP}/v1", until=200),
        Send("GET", f"/apis/{GROUP}", until=200),
    ),
    case(
        "a CRD of the cluster",
        post(CRDS, crd({"scope": "Cluster"})),
        Send("GET", f"/apis/{GROUP}/v1/gadgets", until=200),
        post(f"/apis/{GROUP}/v1/gadgets", GADGET),
        post(f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets", GADGET),
        delete(f"/apis/{GROUP}/v1/gadgets/a"),
    ),
    case(
        "a CRD without a status",
        post(CRDS, crd()),
        SERVED,
        post(f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets", GADGET | {"status": {"x": 1}}),
        patch(f"/apis/{GROUP}/v1/namespaces/$(ns)/gadgets/a/status", {"status": {}}),
    ),
    case(
        "a CRD's scope stays",
        post(CRDS, crd()),
        SERVED,
        patch(ONE, {"spec": {"scope": "Cluster"}}),
        patch(ONE, {"spec": {"group": "other.example.com"}}),
    ),
    case(
        "a CRD gets a version",
        post(CRDS, crd()),
        SERVED,
        patch(ONE, {"spec": {"versions": [VERSION, VERSION | {"name": "v2", "storage": False}]}}),
        Send("GET", f"/apis/{GROUP}/v2/namespaces/$(ns)/gadgets", until=200),
    ),
    *(case(f"a CRD with {words}", post(f"{CRDS}?dryRun=All", body)) for words, body in BAD.items()),
)
