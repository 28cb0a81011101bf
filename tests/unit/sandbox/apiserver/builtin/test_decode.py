from typing import Any

import pytest

from support.requests import Server

PODS = "/api/v1/namespaces/here/pods"
SECRETS = "/api/v1/namespaces/here/secrets"
POD = 'Pod in version "v1" cannot be handled as a Pod: '
STRUCT = "json: cannot unmarshal {} into Go struct field {} of type {}"


@pytest.fixture(scope="module")
def server() -> Server:
    return Server()


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "a", **fields}]}


@pytest.mark.parametrize(
    ("spec", "found", "field", "wanted"),
    [
        pytest.param({"containers": "x"}, "string", "PodSpec.spec.containers", "[]v1.Container", id="list"),
        pytest.param({"containers": ["x"]}, "string", "PodSpec.spec.containers", "v1.Container", id="item"),
        pytest.param([], "array", "Pod.spec", "v1.PodSpec", id="struct"),
        pytest.param({"hostNetwork": "true"}, "string", "PodSpec.spec.hostNetwork", "bool", id="bool"),
        pytest.param({"priority": 1.5}, "number 1.5", "PodSpec.spec.priority", "int32", id="fraction"),
        pytest.param({"nodeSelector": {"a": 1}}, "number", "PodSpec.spec.nodeSelector", "string", id="map"),
        pytest.param(
            {"activeDeadlineSeconds": "x"}, "string", "PodSpec.spec.activeDeadlineSeconds", "int64", id="pointer"
        ),
        pytest.param(
            container(ports=[{"containerPort": 3000000000}]),
            "number 3000000000",
            "ContainerPort.spec.containers.ports.containerPort",
            "int32",
            id="too-large",
        ),
        pytest.param(
            container(readinessProbe={"httpGet": {"port": []}}),
            "array",
            "HTTPGetAction.spec.containers.readinessProbe.ProbeHandler.httpGet.port",
            "int32",
            id="embedded",
        ),
        pytest.param(
            container(resources={"limits": 5}),
            "number",
            "ResourceRequirements.spec.containers.resources.limits",
            "v1.ResourceList",
            id="named-map",
        ),
    ],
)
def test_a_wrong_type_is_refused_in_the_words_of_go(
    server: Server, spec: Any, found: str, field: str, wanted: str
) -> None:
    reply = server.post(PODS, {"metadata": {"name": "p"}, "spec": spec})
    assert (reply.code, reply.message) == (400, POD + STRUCT.format(found, field, wanted))


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        pytest.param("x", STRUCT.format("string", "Pod.metadata", "v1.ObjectMeta"), id="whole"),
        pytest.param({"name": 5}, STRUCT.format("number", "ObjectMeta.metadata.name", "string"), id="name"),
        pytest.param(
            {"name": "a", "labels": {"a": 5}},
            STRUCT.format("number", "ObjectMeta.metadata.labels", "string"),
            id="label",
        ),
        pytest.param(
            {"creationTimestamp": "x"},
            'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"',
            id="time",
        ),
    ],
)
def test_metadata_is_read_as_strictly(server: Server, metadata: Any, fault: str) -> None:
    reply = server.post(PODS, {"metadata": metadata})
    assert (reply.code, reply.message) == (400, POD + fault)


def test_unknown_fields_are_dropped_with_warnings_in_their_order(server: Server) -> None:
    body = {"metadata": {"name": "c", "foo": 1, "bar": 2}, "data": {"a": "b"}, "zoo": {"x": [1]}}
    reply = server.post("/api/v1/namespaces/here/configmaps?dryRun=All", body)
    assert reply.warnings == (
        'unknown field "metadata.foo"',
        'unknown field "metadata.bar"',
        'unknown field "zoo"',
    )
    assert {"foo", "bar"}.isdisjoint(reply.body["metadata"])
    assert "zoo" not in reply.body


def test_strict_validation_names_unknown_fields_of_items(server: Server) -> None:
    body = {"metadata": {"name": "p"}, "spec": {**container(foo=1), "bar": 2}}
    reply = server.post(f"{PODS}?fieldValidation=Strict", body)
    unknown = 'unknown field "spec.containers[0].foo", unknown field "spec.bar"'
    assert (reply.code, reply.message) == (400, f"{POD}strict decoding error: {unknown}")


@pytest.mark.parametrize(
    ("path", "body", "field", "value"),
    [
        pytest.param("configmaps", {"data": {}, "immutable": None}, "data", None, id="empty-map-goes"),
        pytest.param("secrets", {"immutable": False}, "immutable", False, id="false-behind-a-pointer-stays"),
        pytest.param("events", {"involvedObject": {"namespace": "here"}}, "firstTimestamp", None, id="time-is-null"),
        pytest.param("events", {"involvedObject": {"namespace": "here"}}, "source", {}, id="struct-is-shown"),
        pytest.param("events", {"involvedObject": {"namespace": "here"}}, "reportingComponent", "", id="text-is-shown"),
    ],
)
def test_what_is_empty_is_shown_as_its_go_type_says(
    server: Server, path: str, body: dict[str, Any], field: str, value: Any
) -> None:
    reply = server.post(f"/api/v1/namespaces/here/{path}?dryRun=All", {"metadata": {"name": "x"}, **body})
    assert reply.body.get(field) == value
    assert (field in reply.body) is (field != "data")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("!!", 0, id="no-letter"),
        pytest.param("eA", 0, id="unpadded"),
        pytest.param("eA=", 3, id="half-padded"),
        pytest.param("eA==x", 4, id="behind-the-padding"),
        pytest.param("e A=", 1, id="blank"),
    ],
)
def test_data_of_secrets_is_base64(server: Server, text: str, at: int) -> None:
    reply = server.post(SECRETS, {"metadata": {"name": "s"}, "data": {"a": text}})
    start = 'Secret in version "v1" cannot be handled as a Secret: '
    assert (reply.code, reply.message) == (400, f"{start}illegal base64 data at input byte {at}")


def test_a_patch_that_leaves_a_wrong_type_is_refused_as_a_field(server: Server) -> None:
    server.post("/api/v1/namespaces/here/configmaps", {"metadata": {"name": "c"}, "data": {"a": "b"}})
    reply = server.patch("/api/v1/namespaces/here/configmaps/c", {"data": {"a": 5}})
    assert reply.code == 422
    assert reply.message.startswith(' "" is invalid: patch: Invalid value: "{')
    assert reply.message.endswith(STRUCT.format("number", "ConfigMap.data", "string"))


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRD = 'CustomResourceDefinition in version "v1" cannot be handled as a CustomResourceDefinition: '
PROPS = "JSONSchemaProps.spec.versions.schema.openAPIV3Schema"


def definition(schema: Any) -> dict[str, Any]:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Thing", "plural": "things"}
    spec = {"group": "a.b", "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": "things.a.b"}, "spec": spec}


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        pytest.param({"type": 5}, STRUCT.format("number", f"{PROPS}.type", "string"), id="type"),
        pytest.param(
            {"properties": {"a": 5}},
            STRUCT.format("number", f"{PROPS}.properties", "v1.JSONSchemaProps"),
            id="property",
        ),
        pytest.param(
            {"properties": {"a": {"type": "array", "items": {"type": 5}}}},
            STRUCT.format("number", f"{PROPS}.properties.items.type", "string"),
            id="items",
        ),
        pytest.param({"additionalProperties": 5}, "boolean or JSON schema expected", id="additional"),
    ],
)
def test_the_schemas_of_a_crd_are_read_as_strictly(server: Server, schema: Any, fault: str) -> None:
    reply = server.post(CRDS, definition({"type": "object", **schema}))
    assert (reply.code, reply.message) == (400, CRD + fault)


def test_unknown_fields_of_schemas_are_dropped_with_warnings_but_for_those_in_items(server: Server) -> None:
    parts = {
        "a": {"type": "string", "bar": 2, "nullable": False},
        "b": {"type": "array", "items": {"type": "string", "zoo": 1}},
    }
    reply = server.post(f"{CRDS}?dryRun=All", definition({"type": "object", "properties": parts}))
    path = "spec.versions[0].schema.openAPIV3Schema.properties.a.bar"
    assert reply.warnings == (f'unknown field "{path}"',)


def test_a_list_of_schemas_is_none_for_items(server: Server) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": [{"type": "string"}]}}}
    reply = server.post(CRDS, definition(schema))
    where = "spec.validation.openAPIV3Schema.properties[a].items"
    words = f"{where}: Forbidden: items must be a schema object and not an array"
    assert reply.message == f'CustomResourceDefinition.apiextensions.k8s.io "things.a.b" is invalid: {words}'
