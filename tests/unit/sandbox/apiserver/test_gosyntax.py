"""What kube-apiserver 1.36 says of bodies that are no JSON."""

import pytest

from aimctrl.sandbox.apiserver.gosyntax import syntax_fault

FAULTS = {
    "": "unexpected end of JSON input",
    "{": "unexpected end of JSON input",
    "garbage": "invalid character 'g' looking for beginning of value",
    "{}{}": "invalid character '{' after top-level value",
    '{"a":1,}': "invalid character '}' looking for beginning of object key string",
    "{a:1}": "invalid character 'a' looking for beginning of object key string",
    "{'a':1}": "invalid character '\\'' looking for beginning of object key string",
    '{"a" 1}': "invalid character '1' after object key",
    '{"a":1 "b":2}': "invalid character '\"' after object key:value pair",
    '{"a":[1 2]}': "invalid character '2' after array element",
    '{"a":[1,]}': "invalid character ']' looking for beginning of value",
    '{"a":trve}': "invalid character 'v' in literal true (expecting 'u')",
    '{"a":01}': "invalid character '1' after object key:value pair",
    '{"a":-x}': "invalid character 'x' in numeric literal",
    '{"a":1.x}': "invalid character 'x' after decimal point in numeric literal",
    '{"a":1ex}': "invalid character 'x' in exponent of numeric literal",
    '{"a":"\\q"}': "invalid character 'q' in string escape code",
    '{"a":"\\u00g0"}': "invalid character 'g' in \\u hexadecimal character escape",
    '{"a":"b\nc"}': "invalid character '\\n' in string literal",
}


@pytest.mark.parametrize(("text", "fault"), FAULTS.items(), ids=list(FAULTS))
def test_a_fault_is_told_in_go_s_words(text: str, fault: str):
    assert syntax_fault(text.encode()) == fault


@pytest.mark.parametrize("text", ['{"a":[1,-2.5e+3,true,null,"\\u00e4\\n"],"b":{}}', " 7 ", "[]", "0", '""'])
def test_json_has_no_fault(text: str):
    assert syntax_fault(text.encode()) == ""


def test_what_is_no_text_is_shown_by_its_bytes():
    assert syntax_fault(b"\xff\xfe") == "invalid character '\u00ff' looking for beginning of value"
