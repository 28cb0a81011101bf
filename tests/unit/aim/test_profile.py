"""What decisions take from a discovered profile, whatever the container printed."""

from typing import Any

import pytest

from aimctrl.aim.profile import Profile, json_object, profile_of

WHOLE = {
    "type": "optimized",
    "gpu": "MI300X",
    "metric": "latency",
    "precision": "fp8",
    "gpu_count": 4,
    "engine": "vllm",
}


def test_the_fields_that_matter_are_taken() -> None:
    assert profile_of({"metadata": WHOLE}) == Profile("optimized", "MI300X", "latency", "fp8", 4)


@pytest.mark.parametrize(
    "raw",
    [None, {}, {"metadata": None}, {"metadata": "text"}, {"metadata": [WHOLE]}, {"metadata": {"gpu": 3, "type": None}}],
    ids=["no profile", "an empty one", "null", "text", "a list", "values of other types"],
)
def test_what_is_no_such_thing_is_unknown(raw: Any) -> None:
    assert profile_of(raw) == Profile()


@pytest.mark.parametrize(
    ("count", "known"),
    [(0, 0), (8, 8), ("8", 8), (-1, None), (True, None), (1.5, None), ("eight", None), ("٤", None), ("9" * 5000, 999_999_999)],
    ids=["none", "a number", "as text", "negative", "a truth", "a part", "in words", "in other digits", "out of bounds"],
)  # fmt: skip
def test_a_gpu_count_is_a_whole_number(count: Any, known: int | None) -> None:
    assert profile_of({"metadata": {"gpu_count": count}}).gpu_count == known


def test_only_an_object_is_an_object() -> None:
    assert [json_object(value) for value in ({"a": 1}, [], "x", None)] == [{"a": 1}, {}, {}, {}]
