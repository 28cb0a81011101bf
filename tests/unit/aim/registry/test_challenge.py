"""Reading WWW-Authenticate."""

import pytest

from aimctrl.aim.registry.challenge import parse_challenges


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], []),
        ([""], []),
        (["Basic"], [("basic", {})]),
        (['BASIC Realm="x"'], [("basic", {"realm": "x"})]),
        (
            ['Bearer realm="https://a/token",service="reg.io",scope="repository:x:pull,push"'],
            [("bearer", {"realm": "https://a/token", "service": "reg.io", "scope": "repository:x:pull,push"})],
        ),
        (['Bearer realm = "a" , service=b'], [("bearer", {"realm": "a", "service": "b"})]),
        (['Basic realm="a", Bearer realm="b"'], [("basic", {"realm": "a"}), ("bearer", {"realm": "b"})]),
        (["Negotiate", 'Bearer realm="b"'], [("negotiate", {}), ("bearer", {"realm": "b"})]),
        ([r'Bearer realm="a\"b\\c"'], [("bearer", {"realm": 'a"b\\c'})]),
        (["Negotiate YWJj==, Basic"], [("negotiate", {}), ("basic", {})]),
        (['realm="x"'], []),
        (['Bearer realm="unterminated'], [("bearer", {})]),
        (['Bearer realm=""'], [("bearer", {"realm": ""})]),
    ],
    ids=lambda value: " | ".join(value) if value and isinstance(value[0], str) else "",
)
def test_challenges_are_read_as_rfc_9110_says_and_the_rest_is_passed_over(headers, found):
    assert [(one.scheme, dict(one.params)) for one in parse_challenges(headers)] == found
