import pytest

from aimctrl.sandbox.apiserver.builtin.decode import go_types, zero
from aimctrl.sandbox.apiserver.builtin.documents import document

EVERYWHERE = {"apiVersion", "kind"}


@pytest.mark.parametrize("schema", sorted(go_types()))
def test_the_go_type_has_the_fields_of_the_schema(schema: str) -> None:
    described = set(document()["schemas"][schema].get("properties", {}))
    assert described - EVERYWHERE == set(go_types()[schema]) - EVERYWHERE


@pytest.mark.parametrize("schema", [entry["schema"] for entry in document()["resources"] if entry["schema"]])
def test_every_kind_has_a_go_type_of_its_own(schema: str) -> None:
    assert schema in go_types()
    assert zero(schema)["metadata"] == {}
