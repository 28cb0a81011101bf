"""Objects in Protobuf, as kubectl v1.36.3 sends them."""

import pytest

from aimctrl.sandbox.apiserver.protobuf import ProtobufError, object_from


def field(number: int, *parts: bytes) -> bytes:
    """A field of bytes, which are joined."""
    value = b"".join(parts)
    return bytes([number << 3 | 2, len(value)]) + value


def varint(number: int, value: int) -> bytes:
    """A field of a number, which is less than 128."""
    return bytes([number << 3, value])


def body(version: str, kind: str, *fields: bytes) -> bytes:
    """A request's body."""
    head = field(1, field(1, version.encode()), field(2, kind.encode()))
    return b"k8s\0" + head + field(2, *fields) + field(3) + field(4)


NAMESPACE = bytes.fromhex(
    "6b 38 73 00 0a 0f 0a 02 76 31 12 09 4e 61 6d 65 73 70 61 63 65 12 1b 0a 13 0a 03 66 6f 6f 12 00 1a 00 22 00"
    "2a 00 32 00 38 00 42 00 12 00 1a 02 0a 00 1a 00 22 00"
)
"""What `kubectl create namespace foo` sends."""


def test_a_namespace_of_kubectl_is_read():
    thing = object_from(NAMESPACE)
    assert (thing["apiVersion"], thing["kind"], thing["metadata"]["name"]) == ("v1", "Namespace", "foo")
    assert thing["metadata"]["creationTimestamp"] is None


META = field(1, field(1, b"x"))

CASES = {
    "maps": (
        body("v1", "ConfigMap", META, field(2, field(1, b"k"), field(2, b"v"))),
        {"metadata": {"name": "x"}, "data": {"k": "v"}},
    ),
    "a map's entry without a value": (
        body("v1", "ConfigMap", field(2, field(1, b"k"))),
        {"data": {"k": ""}},
    ),
    "bytes": (
        body("v1", "Secret", field(2, field(1, b"k"), field(2, b"\xff\x00"))),
        {"data": {"k": "/wA="}},
    ),
    "a truth value": (body("v1", "ConfigMap", varint(4, 1)), {"immutable": True}),
    "lists, quantities and what stands beside its owner": (
        body(
            "v1",
            "Pod",
            field(
                2,
                field(1, field(1, b"a"), field(2, field(1, field(1, b"/x")))),
                field(2, field(1, b"c"), field(8, field(1, field(1, b"cpu"), field(2, field(1, b"1"))))),
            ),
        ),
        {
            "spec": {
                "volumes": [{"name": "a", "hostPath": {"path": "/x"}}],
                "containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}}],
            }
        },
    ),
    "a port by number": (
        body("v1", "Service", field(2, field(1, varint(3, 80), field(4, varint(1, 0), varint(2, 81))))),
        {"spec": {"ports": [{"port": 80, "targetPort": 81}]}},
    ),
    "a port by name": (
        body("v1", "Service", field(2, field(1, field(4, varint(1, 1), field(3, b"http"))))),
        {"spec": {"ports": [{"targetPort": "http"}]}},
    ),
    "a time": (
        body("coordination.k8s.io/v1", "Lease", field(2, field(3, varint(1, 60), varint(2, 0)))),
        {"spec": {"acquireTime": "1970-01-01T00:01:00.000000Z"}},
    ),
    "a field that nobody knows": (body("v1", "ConfigMap", META, field(15, b"new")), {"metadata": {"name": "x"}}),
    "what is no resource": (body("policy/v1", "Eviction", META), {"metadata": {"name": "x"}}),
    "options of any version": (body("apps/v1", "DeleteOptions", field(4, b"Orphan")), {"propagationPolicy": "Orphan"}),
}


@pytest.mark.parametrize(("sent", "expected"), CASES.values(), ids=CASES)
def test_messages_become_what_json_would_have_been(sent: bytes, expected: dict[str, object]):
    thing = object_from(sent)
    assert {key: value for key, value in thing.items() if key not in {"apiVersion", "kind"}} == expected


def test_negative_numbers_are_read():
    number = bytes([1 << 3]) + b"\xff" * 9 + b"\x01"
    assert object_from(body("apps/v1", "Deployment", field(2, number)))["spec"] == {"replicas": -1}


BROKEN = {
    "no protobuf": b"{}",
    "a kind that is not read": body("s4.example.org/v1", "Widget"),
    "cut off": NAMESPACE[:-20],
    "cut off in a number": b"k8s\0\x0a",
    "a number for a text": body("v1", "ConfigMap", field(1, varint(1, 1))),
    "bytes for a number": body("v1", "ConfigMap", field(4, b"x")),
    "no UTF-8": body("v1", "ConfigMap", field(1, field(1, b"\xff"))),
    "a kind of value that is not used": body("v1", "ConfigMap", b"\x0b"),
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_what_is_no_object_is_refused(sent: bytes):
    with pytest.raises(ProtobufError):
        object_from(sent)
