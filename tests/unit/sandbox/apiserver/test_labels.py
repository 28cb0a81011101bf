"""Label selectors, and what kube-apiserver 1.36 says of those that cannot be read."""

import pytest

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.labels import label_requirements

LABELS = {"tier": "web", "n": "4", "empty": "", "example.com/a": "b"}
HELD = {
    "": True,
    "tier": True,
    "!tier": False,
    "!other": True,
    "tier=web": True,
    "tier==web": True,
    "tier!=web": False,
    "other!=web": True,
    "tier in (db,web)": True,
    "tier notin (db,web)": False,
    "empty=": True,
    "empty in (,x)": True,
    "empty in ()": True,
    "n>3": True,
    "n<4": False,
    "tier>3": False,
    "other<3": False,
    "example.com/a=b,tier = web": True,
    "tier,tier=db": False,
}
UNREADABLE = {
    "=b": "found '=', expected: !, identifier, or 'end of string'",
    "a=b c": "found 'c', expected: ',' or 'end of string'",
    "a=b,": "found '', expected: identifier after ','",
    "a in (b": "unable to parse requirement: found '', expected: ',' or ')'",
    "a in b": "unable to parse requirement: found 'b' expected: '('",
    "a in (=)": "unable to parse requirement: found '=', expected: ',', ')' or identifier",
    "a===b": "unable to parse requirement: found '=', expected: identifier",
    "!": "unable to parse requirement: found '', expected: identifier",
    "a of (b)": "unable to parse requirement: found 'of', expected: in, notin, =, ==, !=, gt, lt",
    "a>b": "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer",
}


@pytest.mark.parametrize(("text", "held"), HELD.items(), ids=list(HELD))
def test_labels_meet_a_selector_or_not(text: str, held: bool):
    assert all(requirement.holds(LABELS) for requirement in label_requirements(text)) is held


@pytest.mark.parametrize(("text", "says"), UNREADABLE.items(), ids=list(UNREADABLE))
def test_an_unreadable_selector_is_refused(text: str, says: str):
    with pytest.raises(StatusError) as refused:
        label_requirements(text)
    assert (refused.value.code, refused.value.message) == (400, says)
