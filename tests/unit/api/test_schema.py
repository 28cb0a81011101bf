from enum import StrEnum
from typing import Annotated, Any

import pytest

from aimctrl.api.hints import FreeForm, Hint, Quantity, Rule, mapped, validated
from aimctrl.api.schema import SchemaError, structural
from aimctrl.kube.kinds import Model


class Colour(StrEnum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class Inner(Model):
    """An inner value."""

    name: str
    """The name."""


def properties(fields: dict[str, Any], *, defaults: bool = True) -> dict[str, Any]:
    namespace = {"__annotations__": {name: kind for name, (kind, _) in fields.items()}, "__module__": __name__}
    namespace |= {name: value for name, (_, value) in fields.items() if value is not ...}
    return structural(type("Sample", (Model,), namespace), defaults=defaults)["properties"]


@pytest.mark.parametrize(
    ("kind", "default", "expected"),
    [
        pytest.param(str | None, None, {"type": "string"}, id="null is left out"),
        pytest.param(Colour | None, None, {"type": "string", "enum": ["red", "blue"], "description": "A colour."}, id="an enum is inlined"),
        pytest.param(Quantity | None, None, {"x-kubernetes-int-or-string": True}, id="a quantity stays int-or-string under null"),
        pytest.param(FreeForm | None, None, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}, id="free form"),
        pytest.param(dict[str, str], ..., {"additionalProperties": {"type": "string"}, "type": "object"}, id="a map"),
        pytest.param(Annotated[int | None, Hint(minimum=1)], None, {"minimum": 1, "type": "integer"}, id="a hint is kept under null"),
        pytest.param(bool, True, {"type": "boolean", "default": True}, id="a scalar default is kept"),
        pytest.param(Colour, Colour.BLUE, {"default": "blue", "type": "string"}, id="the default of an enum is its value"),
    ],
)  # fmt: skip
def test_a_field_becomes_structural(kind: Any, default: Any, expected: dict[str, Any]):
    found = properties({"field": (kind, default)})["field"]
    assert expected.items() <= found.items()
    assert "title" not in found
    if "anyOf" in found:
        assert found["anyOf"] == [{"type": "integer"}, {"type": "string"}]


def test_a_list_of_models_is_inlined_with_its_keys():
    found = properties({"items": (Annotated[tuple[Inner, ...], mapped(3)], ())})["items"]
    assert found == {
        "type": "array",
        "items": {
            "type": "object",
            "description": "An inner value.",
            "properties": {"name": {"type": "string", "description": "The name."}},
            "required": ["name"],
        },
        "maxItems": 3,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }


def test_a_field_says_more_than_its_type():
    class Outer(Model):
        """An outer value."""

        inner: Inner | None = None
        """What this one is for."""

    assert structural(Outer, defaults=True)["properties"]["inner"]["description"] == "What this one is for."


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        pytest.param(str | None, None, id="null"),
        pytest.param(tuple[str, ...], (), id="a list"),
        pytest.param(Inner, Inner(name="x"), id="an object"),
    ],
)
def test_a_default_that_is_no_scalar_is_left_out(kind: Any, default: Any):
    assert "default" not in properties({"field": (kind, default)})["field"]


def test_a_status_has_no_defaults():
    assert "default" not in properties({"field": (int, 0)}, defaults=False)["field"]


@pytest.mark.parametrize(
    "kind",
    [pytest.param(int | bool, id="a union"), pytest.param(tuple[int, str], id="a tuple of several types")],
)
def test_what_has_no_structural_form_is_refused_with_its_path(kind: Any):
    with pytest.raises(SchemaError, match=r"Sample\.field"):
        properties({"field": (kind, ...)})


def test_rules_stand_in_the_schema_of_their_model():
    class Ruled(Model):
        """A value with a rule."""

        model_config = validated(Rule("self.size() > 0", "must not be empty", ".name"))

        name: str

    rules = structural(Ruled, defaults=True)["x-kubernetes-validations"]
    assert rules == [{"rule": "self.size() > 0", "message": "must not be empty", "fieldPath": ".name"}]
