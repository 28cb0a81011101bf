"""Models decoded without what they have no field for are the models that pydantic decodes, errors included."""

import json
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    field_validator,
    model_validator,
)

from aimctrl.kube.conditions import ConditionField
from aimctrl.kube.kinds import Model, Resource
from aimctrl.kube.pruning import decoder


class Colour(Enum):
    RED = "red"


class Part(Model):
    name: str
    size: int = 0
    colour: Colour = Colour.RED
    further: "Part | None" = None


class Status(Model):
    conditions: tuple[ConditionField, ...] = ()
    last_part: Part | None = None


class Thing(Resource):
    parts: tuple[Part, ...] = ()
    by_name: dict[str, Part] = Field(default_factory=dict[str, Part])
    anything: Any = None
    either: Part | str = ""
    status: Status = Status()


class Strange(BaseModel):
    """A model of somebody else's."""

    value: int = 0


class Moved(Strange):
    @model_validator(mode="before")
    @classmethod
    def _move(cls, data: Any) -> Any:
        return {"value": data["old"]} if "old" in data else data


class Kept(Strange):
    model_config = ConfigDict(extra="allow")


class Chosen(BaseModel):
    value: int = Field(0, validation_alias=AliasChoices("a", "b"))


class Rooted(RootModel[list[Strange]]):
    pass


def _first(value: Any) -> Any:
    return {"value": value["first"]} if "first" in value else value


class Outer(BaseModel):
    one: Moved = Moved()
    two: Kept = Kept()
    three: Annotated[Strange, BeforeValidator(_first)] = Strange()
    four: Strange = Strange()
    five: list[Annotated[Strange, BeforeValidator(_first)]] = Field(default_factory=list[Strange])
    six: Rooted = Rooted([])
    seven: Chosen = Chosen()

    @field_validator("four", mode="before")
    @classmethod
    def _four(cls, value: Any) -> Any:
        return _first(value)


META = {"name": "a", "namespace": "x", "uid": "u", "resourceVersion": "7", "labels": {"a": "b"}, "unread": [1]}
CONDITION = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "unread": {}}
PART = {"name": "p", "size": 3, "colour": "red", "unread": {"deep": [1, {"a": None}]}}


@pytest.mark.parametrize(
    ("model", "value"),
    [
        pytest.param(Thing, {}, id="nothing"),
        pytest.param(Thing, {"metadata": META, "unread": [PART]}, id="metadata"),
        pytest.param(Thing, {"parts": [PART, {**PART, "further": PART}]}, id="lists, and a model within itself"),
        pytest.param(Thing, {"byName": {"p": PART}, "anything": PART}, id="maps"),
        pytest.param(Thing, {"by_name": {"p": PART}, "either": PART}, id="by the name it has here"),
        pytest.param(Thing, {"either": "text", "status": {"conditions": [CONDITION], "lastPart": None}}, id="status"),
        pytest.param(Thing, {"status": {"lastPart": {**PART, "size": "3"}}}, id="a number as text"),
        pytest.param(Outer, {"one": {"old": 3}, "two": {"value": 1, "other": 2}}, id="what looks at all there is"),
        pytest.param(Outer, {"three": {"first": 3}, "four": {"first": 4}, "five": [{"first": 5}]}, id="validators"),
        pytest.param(Outer, {"six": [{"value": 6}], "seven": {"b": 7}}, id="roots and choices"),
    ],
)
def test_a_model_is_what_pydantic_makes_of_it(model: type[BaseModel], value: Any) -> None:
    raw = json.dumps(value).encode()
    assert decoder(model)(raw) == model.model_validate_json(raw)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"parts": [{"size": 1}]}', id="a field is missing"),
        pytest.param(b'{"parts": {"name": "p"}}', id="another form"),
        pytest.param(b'{"status": null}', id="null"),
        pytest.param(b'{"parts": [{"name": 1}]}', id="another type"),
        pytest.param(b'{"metadata": {"name": 7}}', id="in the metadata"),
        pytest.param(b'{"status": {"conditions": [{}]}}', id="in a condition"),
        pytest.param(b'{"parts": [', id="no JSON"),
        pytest.param(b"[]", id="no object"),
    ],
)
def test_an_error_is_the_one_that_pydantic_raises(raw: bytes) -> None:
    with pytest.raises(ValidationError) as expected:
        Thing.model_validate_json(raw)
    with pytest.raises(ValidationError) as raised:
        decoder(Thing)(raw)
    assert str(raised.value) == str(expected.value)


def test_models_are_equal_where_their_fields_are() -> None:
    one, same, other = Part(name="p", size=1), Part(name="p", size=1), Part(name="p", size=2)
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != "p"
    assert Status(last_part=one) == Status(last_part=same)
