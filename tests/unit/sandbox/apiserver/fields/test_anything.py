"""Whatever a client sends, who manages what is worked out or the request is refused."""

import contextlib

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.fields.apply import applied
from aimctrl.sandbox.apiserver.fields.managers import tracked
from aimctrl.sandbox.apiserver.values import copied
from support.fields import THINGS, applier, stored, thing, updater
from support.json_values import SCALARS, values

KEYS = st.sampled_from(["metadata", "spec", "status", "data", "containers", "groups", "free", "name", "args", "ports"])
ENTRY_KEYS = st.sampled_from(["manager", "operation", "apiVersion", "fieldsType", "fieldsV1", "time", "f:data", "k:x"])
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"operation": st.just("Apply"), "apiVersion": st.just("t.io/v1"), "fieldsType": st.just("FieldsV1")},
        optional={
            "fieldsV1": values(st.sampled_from(["f:data", "f:a", ".", "k:{}", "v:1", "i:0"])),
            "manager": SCALARS,
        },
    )
    | values(ENTRY_KEYS),
    max_size=3,
)


@given(values(KEYS), values(KEYS), st.booleans())
def test_any_intent_is_applied_or_refused(spec: object, data: object, force: bool) -> None:
    live = stored(data={"a": "1"}, spec={"containers": [{"name": "c"}], "groups": ["a"], "free": {"a": {}}})
    before = copied(live)
    with contextlib.suppress(StatusError):
        msgspec.json.encode(applied(THINGS, live, thing(spec=spec, data=data), applier("m"), force=force))
    assert live == before


@given(values(KEYS))
def test_any_object_is_applied_or_refused(intent: object) -> None:
    wanted = {"apiVersion": "t.io/v1", "kind": "Thing", "metadata": intent}
    with contextlib.suppress(StatusError):
        applied(THINGS, None, wanted, applier("m"), force=True)


@given(ENTRIES)
def test_any_managed_fields_are_taken_or_ignored(entries: list[object]) -> None:
    old = thing(data={"a": "1"})
    tracked(THINGS, None, old, updater("user"))
    new = {**copied(old), "data": {"a": "2"}, "metadata": {"name": "x", "managedFields": entries}}
    tracked(THINGS, old, new, updater("user"))
    msgspec.json.encode(new)
    again = {**copied(new), "data": {"a": "3"}}
    tracked(THINGS, new, again, updater("other"))
    msgspec.json.encode(again)
