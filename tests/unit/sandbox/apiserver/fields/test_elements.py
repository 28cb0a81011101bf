from typing import Any

import pytest

from aimctrl.sandbox.apiserver.fields.elements import ElementError, item_element, normal, ordered, shown
from aimctrl.sandbox.apiserver.schema.node import ListType, Node
from support.fields import ENV, PORTS

SET = Node(type="array", list_type=ListType.SET)


@pytest.mark.parametrize(
    ("node", "item", "element", "text"),
    [
        pytest.param(ENV, {"name": "A", "value": "1"}, 'k:{"name":"A"}', '[name="A"]', id="one-key"),
        pytest.param(
            PORTS,
            {"protocol": "UDP", "containerPort": 80},
            'k:{"containerPort":80,"protocol":"UDP"}',
            '[containerPort=80,protocol="UDP"]',
            id="keys-by-name",
        ),
        pytest.param(
            PORTS,
            {"containerPort": 80},
            'k:{"containerPort":80,"protocol":"TCP"}',
            '[containerPort=80,protocol="TCP"]',
            id="default-of-a-key",
        ),
        pytest.param(PORTS, {"name": "x"}, 'k:{"protocol":"TCP"}', '[protocol="TCP"]', id="missing-key"),
        pytest.param(ENV, {"name": None}, 'k:{"name":null}', "[name=null]", id="null-key"),
        pytest.param(ENV, {"name": 'a"<'}, 'k:{"name":"a\\"\\u003c"}', '[name="a\\"<"]', id="escaped"),
        pytest.param(SET, "a.b/c", 'v:"a.b/c"', '[="a.b/c"]', id="text"),
        pytest.param(SET, 1, "v:1", "[=1]", id="number"),
        pytest.param(SET, True, "v:true", "[=true]", id="boolean"),
    ],
)
def test_an_item_is_named_by_its_keys_or_itself(node: Node, item: Any, element: str, text: str) -> None:
    assert item_element(node, item) == element
    assert normal(element) == element
    assert shown(element) == text


@pytest.mark.parametrize(
    ("node", "item", "message"),
    [
        pytest.param(
            ENV,
            {"value": "x"},
            'associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default '
            "values for any key fields)",
            id="no-key",
        ),
        pytest.param(ENV, None, "associative list with keys may not have a null element", id="null"),
        pytest.param(ENV, "x", "associative list with keys may not have non-map elements", id="text"),
        pytest.param(SET, {}, "associative list without keys has an element that's a map type", id="object-in-set"),
        pytest.param(SET, [], "not supported: associative list with lists as elements", id="list-in-set"),
        pytest.param(
            SET, None, "associative list without keys has an element that's an explicit null", id="null-in-set"
        ),
    ],
)
def test_an_item_without_identity_is_an_error(node: Node, item: Any, message: str) -> None:
    with pytest.raises(ElementError) as error:
        item_element(node, item)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ('k:{"b": 1, "a": 2}', 'k:{"a":2,"b":1}'),
        ("f:anything at all", "f:anything at all"),
        ('v: "x"', 'v:"x"'),
        ("i:3", "i:3"),
        ("q:later", ""),
    ],
)
def test_elements_that_were_sent_are_written_the_servers_way(element: str, expected: str) -> None:
    assert normal(element) == expected


@pytest.mark.parametrize("element", ["", "f", "name", "k:name", "k:[]", "i:x", "v:"])
def test_what_is_no_element_is_an_error(element: str) -> None:
    with pytest.raises(ElementError):
        normal(element)


def test_elements_stand_in_the_servers_order() -> None:
    line = [
        ".",
        "f:a",
        "f:b",
        'k:{"containerPort":80,"protocol":"TCP"}',
        'k:{"containerPort":80,"protocol":"UDP"}',
        'k:{"containerPort":443,"protocol":"TCP"}',
        'k:{"name":"a"}',
        "v:2",
        "v:10",
        'v:"a"',
        "v:false",
        "v:true",
        "i:2",
        "i:10",
    ]
    assert ordered(reversed(line)) == line
