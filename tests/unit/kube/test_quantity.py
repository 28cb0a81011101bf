from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.kube.quantity import InvalidQuantityError, Quantity, of_bytes, parse


@pytest.mark.parametrize(
    ("text", "amount", "canonical"),
    [
        ("0", "0", "0"),
        ("0Gi", "0", "0"),
        ("1", "1", "1"),
        (" 1 ", "1", "1"),
        ("+1", "1", "1"),
        ("-1500m", "-1.5", "-1500m"),
        ("1500m", "1.5", "1500m"),
        ("2000m", "2", "2"),
        ("0.5", "0.5", "500m"),
        (".5", "0.5", "500m"),
        ("5.", "5", "5"),
        ("100n", "1e-7", "100n"),
        ("3u", "3e-6", "3u"),
        ("1k", "1000", "1k"),
        ("1000k", "1e6", "1M"),
        ("1200k", "1.2e6", "1200k"),
        ("2G", "2e9", "2G"),
        ("4T", "4e12", "4T"),
        ("5P", "5e15", "5P"),
        ("6E", "6e18", "6E"),
        ("1Ki", "1024", "1Ki"),
        ("1024Mi", "1073741824", "1Gi"),
        ("1.5Gi", "1610612736", "1536Mi"),
        ("3Ti", "3298534883328", "3Ti"),
        ("1Pi", "1125899906842624", "1Pi"),
        ("1Ei", "1152921504606846976", "1Ei"),
        ("1000Ki", "1024000", "1000Ki"),
        ("0.5Ki", "512", "512"),
        ("0.1Ki", "102.4", "102400m"),
        ("1e3", "1000", "1e3"),
        ("12E6", "12e6", "12e6"),
        ("1E", "1e18", "1E"),
        ("1e-3", "0.001", "1e-3"),
        ("1e0", "1", "1"),
        ("0.1n", "1e-9", "1n"),
        ("9e99", str(2**63 - 1), str(2**63 - 1)),
        ("-9e999999999", str(-(2**63 - 1)), str(-(2**63 - 1))),
        ("1e-999999999999", "1e-9", "1e-9"),
        (16, "16", "16"),
        (0.5, "0.5", "500m"),
    ],
    ids=str,
)
def test_quantities_are_read_and_written_as_the_api_server_does(text, amount, canonical):
    quantity = parse(text)
    assert quantity.amount == Decimal(amount)
    assert str(quantity) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1Gib",
        "1gi",
        "1K",
        "abc",
        "--1",
        "1.2.3",
        ".",
        "Gi",
        "1e",
        "1e1.5",
        "1mi",
        "٣",
        "1" * 65,
        "NaN",
        "inf",
        True,
    ],
    ids=repr,
)
def test_what_is_no_quantity_is_refused_and_quoted(text):
    with pytest.raises(InvalidQuantityError, match=r"quantity|suffix"):
        parse(text)


def test_amounts_compare_across_families():
    assert parse("1Gi") == parse("1024Mi")
    assert hash(parse("1Gi")) == hash(parse("1024Mi"))
    assert parse("1G") < parse("1Gi")
    assert parse("1") != parse("1m")
    assert max(parse("1"), parse("1500m")) == parse("1.5")
    assert parse("1") != "1"


def test_a_sum_is_written_in_the_suffixes_of_what_it_starts_from():
    assert str(parse("1Gi") + parse("1Gi")) == "2Gi"
    assert str(parse("0") + parse("1Gi")) == "1Gi"
    assert str(parse("1") + parse("500m")) == "1500m"


def test_a_product_keeps_its_family():
    assert str(parse("32Gi") * 8) == "256Gi"
    assert str(parse("500m") * 3) == "1500m"
    assert str(parse("10Gi") * Decimal("1.1")) == "11Gi"


@pytest.mark.parametrize(
    ("size", "wanted"),
    [("1", "1Gi"), ("1Gi", "1Gi"), ("1073741825", "2Gi"), ("17G", "16Gi"), ("0", "0")],
)
def test_rounding_up_goes_to_whole_steps(size, wanted):
    assert str(parse(size).rounded_up(parse("1Gi"))) == wanted


def test_bytes_are_written_in_binary_suffixes():
    assert str(of_bytes(17179869184)) == "16Gi"
    assert str(of_bytes(1023)) == "1023"


@pytest.mark.parametrize(("text", "whole"), [("1500m", 2), ("2", 2), ("1n", 1), ("-1500m", -2)])
def test_a_whole_number_is_rounded_away_from_zero(text, whole):
    assert int(parse(text)) == whole


def test_zero_is_false():
    assert not parse("0Gi")
    assert parse("1n")


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.sampled_from(["decimal", "binary", "exponent"]))
def test_the_canonical_text_gives_the_same_amount(number, form):
    quantity = Quantity(Decimal(number), form)
    assert parse(str(quantity)) == quantity


@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_refused(text):
    try:
        parse(text)
    except InvalidQuantityError:
        return
