import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.kube.names import canonical_json, dns_label, fit, fit_hashed, label_value, short_hash

DNS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")


def test_a_hash_is_the_start_of_the_sha256_in_hex():
    assert short_hash("abc", 8) == "ba7816bf"
    assert short_hash(b"abc", 64) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        pytest.param(
            {"b": 1, "a": [2, {"d": None, "c": True}]}, b'{"a":[2,{"c":true,"d":null}],"b":1}', id="sorted deeply"
        ),
        pytest.param({"é": "ü"}, '{"é":"ü"}'.encode(), id="utf-8 as it is"),
        pytest.param([], b"[]", id="empty"),
    ],
)
def test_canonical_json_is_sorted_compact_utf8(value, wanted):
    assert canonical_json(value) == wanted


@pytest.mark.parametrize(
    ("prefix", "suffix", "limit", "wanted"),
    [
        pytest.param("short", "-abcd", 63, "short-abcd", id="fits"),
        pytest.param("a" * 58, "-abcd", 63, "a" * 58 + "-abcd", id="fits exactly"),
        pytest.param("a" * 59, "-abcd", 63, "a" * 58 + "-abcd", id="one too many"),
        pytest.param("abc-def", "-xy", 7, "abc-xy", id="no double dash where the cut meets one"),
        pytest.param("abc", "-abcdefgh", 4, "abcd", id="the suffix alone is too long"),
    ],
)
def test_the_prefix_gives_way_to_the_suffix(prefix, suffix, limit, wanted):
    assert fit(prefix, suffix, limit) == wanted


def test_a_name_that_does_not_fit_ends_in_its_hash():
    long = "x" * 70
    assert fit_hashed("short") == "short"
    assert fit_hashed(long) == "x" * 54 + "-" + short_hash(long, 8)
    assert fit_hashed(long) != fit_hashed(long + "y")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("meta-llama/Llama-3.1-8B", "meta-llama-llama-3-1-8b", id="slashes, dots, capitals"),
        pytest.param("  Crème Brûlée!  ", "creme-brulee", id="accents fold"),
        pytest.param("--a__b--", "a-b", id="edges and runs"),
        pytest.param("模型", short_hash("模型"), id="nothing left"),
        pytest.param("", short_hash(""), id="empty"),
        pytest.param("a" * 62 + "-b", "a" * 62, id="cut at a dash"),
    ],
)
def test_any_text_becomes_a_dns_label(text, wanted):
    assert dns_label(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("fp8", "fp8", id="as it is"),
        pytest.param("Org/Model_v1.2", "Org-Model_v1.2", id="slash"),
        pytest.param("_.-x-._", "x", id="edges"),
        pytest.param("é", "e", id="accent"),
        pytest.param("模型", "", id="nothing left"),
        pytest.param("a" * 62 + "..b", "a" * 62, id="cut at a dot"),
    ],
)
def test_any_text_becomes_a_label_value(text, wanted):
    assert label_value(text) == wanted


@given(st.text(max_size=200), st.integers(8, 63))
def test_sanitised_names_are_always_valid(text, limit):
    name = dns_label(text, limit)
    assert DNS.fullmatch(name)
    assert len(name) <= limit
    value = label_value(text)
    assert LABEL.fullmatch(value)
    assert len(value) <= 63
