import pytest

from aimctrl.sandbox.apiserver.gotext import compact, plain, quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", '"plain"'),
        ('a "b" \\', '"a \\"b\\" \\\\"'),
        ("line\nand\ttab", '"line\\nand\\ttab"'),
        ("bell\a and \x01 and \x7f", '"bell\\a and \\x01 and \\x7f"'),
        ("grün 漢", '"grün 漢"'),
        ("\u200b and \U000e0001", '"\\u200b and \\U000e0001"'),
    ],
)
def test_a_text_is_quoted_as_go_quotes_it(text: str, shown: str):
    assert quoted(text) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (-3, "-3"),
        (1.0, "1"),
        (0.0, "0"),
        (1.25, "1.25"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
    ],
)
def test_a_number_is_printed_as_go_prints_it(value: float, shown: str):
    assert plain(value) == shown


def test_json_has_its_keys_in_order_and_is_safe_in_html():
    assert compact({"b": "<&>", "a": [1, None]}) == '{"a":[1,null],"b":"\\u003c\\u0026\\u003e"}'
