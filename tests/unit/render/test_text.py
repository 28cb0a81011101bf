"""Text that a terminal shows and does not obey."""

from datetime import UTC, datetime, timedelta

import pytest

from aimctrl.render.text import Span, Style, age, cells, cut, flowed, painted, plain, wrapped

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\x1b[31mb\x07", "a\ufffd[31mb\ufffd", id="control characters"),
        pytest.param("a\r\nb\tc", "a  b c", id="white space"),
        pytest.param("a\u202eb\u200bc", "a\ufffdb\ufffdc", id="formatting"),
        pytest.param("a\ud800", "a\ufffd", id="half a character"),
        pytest.param("Ünïcødé 模型 ✓", "Ünïcødé 模型 ✓", id="letters"),
    ],
)
def test_what_steers_a_terminal_is_not_passed_on(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_colour_is_put_on_where_it_is_wanted() -> None:
    assert painted(Span("x", Style.BAD), colour=True) == "\x1b[31mx\x1b[0m"
    assert painted(Span("x", Style.BAD), colour=False) == "x"
    assert painted(Span("x"), colour=True) == "x"
    assert painted(Span("", Style.BAD), colour=True) == ""
    assert painted(Span("\x1b[0m", Style.BAD), colour=False) == "\ufffd[0m"


@pytest.mark.parametrize(("text", "expected"), [("abc", 3), ("模型", 4), ("e\u0301", 1), ("", 0)])
def test_width_is_that_on_the_terminal(text: str, expected: int) -> None:
    assert cells(text) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("ab cd", 4, "ab…"),
        ("模型模型", 5, "模型…"),
        ("模型模型", 4, "模…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_what_is_too_long_is_cut(text: str, width: int, expected: str) -> None:
    assert cut(text, width) == expected
    assert cells(cut(text, width)) <= width


def test_lines_are_wrapped_between_words() -> None:
    text = "one two-three four five six seven"
    assert wrapped(text, None) == [text]
    assert wrapped("", None) == []
    assert wrapped(text, 20) == ["one two-three four", "five six seven"]
    assert wrapped(text, 3) == wrapped(text, 20)


def test_spans_flow_over_lines_and_keep_their_styles() -> None:
    spans = (Span("one two", Style.BAD), Span(" three"), Span(" (four five)", Style.DIM))
    assert flowed(spans, None) == [list(spans)]
    assert flowed(spans, 20) == [
        [Span("one two", Style.BAD), Span(" three"), Span(" (four", Style.DIM)],
        [Span("five)", Style.DIM)],
    ]
    assert flowed((Span("x" * 30), Span(" y")), 20) == [[Span("x" * 30)], [Span("y")]]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172800, "2d"), (9e6, "104d")],
)
def test_ages_have_one_unit(seconds: float, expected: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == expected


def test_an_age_that_is_not_known_is_nothing() -> None:
    assert age(None, NOW) == ""
