from dataclasses import replace

import pytest

from aimctrl.sandbox.apiserver.fields.writers import writer
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from support.fields import TYPE, texts

TIME = "2026-01-01T00:00:00Z"

BUILT_IN = replace(TYPE, custom=False)
PODS = replace(BUILT_IN, group="", plural="pods")


@pytest.mark.parametrize(
    ("type_", "subresource", "expected"),
    [
        pytest.param(TYPE, "", [".status"], id="custom"),
        pytest.param(TYPE, "status", [".metadata", ".spec"], id="status-of-custom"),
        pytest.param(replace(TYPE, status=False), "", [], id="without-status"),
        pytest.param(BUILT_IN, "", [".status"], id="built-in"),
        pytest.param(BUILT_IN, "status", [".spec"], id="status-of-built-in"),
        pytest.param(BUILT_IN, "finalize", [".status"], id="finalize"),
        pytest.param(BUILT_IN, "scale", [], id="scale"),
        pytest.param(
            PODS,
            "status",
            [".spec", ".metadata.deletionTimestamp", ".metadata.ownerReferences"],
            id="status-of-pods",
        ),
    ],
)
def test_a_request_has_its_own_fields_that_it_does_not_change(
    type_: ResourceType, subresource: str, expected: list[str]
) -> None:
    assert texts(writer(type_, subresource, "m", "Update", TIME).reset) == expected


def test_the_scale_keeps_no_time() -> None:
    assert writer(TYPE, "scale", "m", "Update", TIME).time == ""
    assert writer(TYPE, "", "m", "Update", TIME).time == TIME


def test_a_built_in_kind_has_from_the_start_what_its_decoder_adds() -> None:
    def decode(thing: Object) -> list[str]:
        thing["spec"] = {"list": None}
        return []

    assert writer(replace(BUILT_IN, decode=decode), "", "m", "Update", TIME).blank == {"spec": {"list": None}}
    assert writer(TYPE, "", "m", "Update", TIME).blank == {}
