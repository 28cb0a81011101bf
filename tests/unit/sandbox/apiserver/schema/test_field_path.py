import pytest

from aimctrl.sandbox.apiserver.schema.field_path import FieldPathError, normalized, resolved
from aimctrl.sandbox.apiserver.schema.parse import parse_part

TEXT = {"type": "string"}
NODE = parse_part(
    {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {"it's": TEXT, "labels": {"type": "object", "additionalProperties": TEXT}},
            },
            "list": {"type": "array", "items": TEXT},
        },
    }
)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (".spec", "spec"),
        (".spec.labels", "spec.labels"),
        (".spec.labels.app", "spec.labels[app]"),
        (".spec.labels['a.b/c']", "spec.labels[a.b/c]"),
        ("['spec']['it\\'s']", "spec.it's"),
        (".list", "list"),
    ],
)
def test_a_path_is_written_as_errors_write_it(path: str, written: str):
    assert resolved(path, NODE) == written
    assert normalized(path, NODE) == written


@pytest.mark.parametrize(
    "path", ["spec", ".nope", ".spec.nope", ".list[0]", ".list.x", ".spec['labels'", ".spec['\\q']"]
)
def test_a_path_to_nowhere_is_refused(path: str):
    with pytest.raises(FieldPathError):
        resolved(path, NODE)
    assert normalized(path, NODE) == ""
