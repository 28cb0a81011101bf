"""Whatever a client sends as a patch, it is applied or refused."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.patch.json_patch import apply_json_patch
from aimctrl.sandbox.apiserver.patch.merge_patch import apply_merge_patch
from aimctrl.sandbox.apiserver.patch.strategic import apply_strategic
from aimctrl.sandbox.apiserver.schema.node import Node, Object
from support.json_values import values

LIST = Node(type="array", items=Node(type="object"), merge_key="name", merge_strategy="merge")
KIND = Node(type="object", properties={"list": LIST, "data": Node(type="array", merge_strategy="merge")})

KEYS = st.sampled_from(["list", "data", "name", "a", "$patch", "$retainKeys", "$setElementOrder/list"])
MORE_KEYS = KEYS | st.sampled_from(["$deleteFromPrimitiveList/data", "$setElementOrder/data", "$setElementOrder"])
PATHS = st.sampled_from(["", "/", "/list", "/list/0", "/list/-", "/list/-1", "/data/x", "/a/b", "/list/0/name", "list"])
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": PATHS},
    optional={"from": PATHS, "value": values()},
)


def document() -> Object:
    return {"list": [{"name": "a", "list": []}, {"name": "b"}], "data": ["a", "b"], "a": {"name": "x"}}


@given(values(MORE_KEYS))
def test_any_strategic_patch_is_applied_or_refused(patch: object) -> None:
    with contextlib.suppress(StatusError):
        apply_strategic(KIND, document(), patch)


@given(values())
def test_any_merge_patch_is_applied_or_refused(patch: object) -> None:
    with contextlib.suppress(StatusError):
        apply_merge_patch(document(), patch)


@given(st.lists(OPERATIONS, max_size=4) | values())
def test_any_json_patch_is_applied_or_refused(patch: object) -> None:
    with contextlib.suppress(StatusError):
        apply_json_patch(document(), patch)
