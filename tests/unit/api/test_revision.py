"""The revision of the definitions counts the changes of their schemas."""

from typing import Any

import pytest

from aimctrl import manifests
from aimctrl.api.revision import ANNOTATION, REVISION, revision
from aimctrl.kube.names import canonical_json, short_hash

SCHEMAS = {1: "2b03eb657534078a"}
"""A digest of all schemas at each revision; descriptions do not count. Once released, a revision is never changed."""


def test_a_change_of_a_schema_is_another_revision():
    assert digest() == SCHEMAS.get(REVISION), "count REVISION up and list it here, or change an unreleased one's digest"
    assert list(SCHEMAS) == list(range(1, REVISION + 1))


def digest() -> str:
    return short_hash(canonical_json([_silent(crd["spec"]) for crd in manifests.crds()]), 16)


def _silent(schema: Any) -> Any:
    """The schema without the sentences in it; what is called `description` is a field where it is not text."""
    if isinstance(schema, list):
        return [_silent(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _silent(part) for name, part in schema.items() if not (name == "description" and isinstance(part, str))
    }


def test_every_definition_says_its_revision():
    assert {crd["metadata"]["annotations"][ANNOTATION] for crd in manifests.crds()} == {str(REVISION)}


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, 0), ({ANNOTATION: "3"}, 3), ({ANNOTATION: "new"}, 0), ({ANNOTATION: "-1"}, 0), ({ANNOTATION: "²"}, 0)],
    ids=["none", "a-number", "a-word", "negative", "no-digit"],
)
def test_a_definition_without_a_revision_is_older_than_all(said: dict[str, str], expected: int):
    assert revision(said) == expected
