"""Conditions that the API server takes, whatever they are to say."""

import pytest

from aimctrl.kube.conditions import condition


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        pytest.param("short", "short", id="short"),
        pytest.param("x" * 32768, "x" * 32768, id="just-fits"),
        pytest.param("x" * 32769, "x" * 32768, id="too-long"),
        pytest.param("é" * 16385, "é" * 16384, id="two-bytes-each"),
        pytest.param("x" + "é" * 16384, "x" + "é" * 16383, id="between-characters"),
        pytest.param("\U0001f999" * 30_000, "\U0001f999" * 8192, id="four-bytes-each"),
        pytest.param("a\ud800b", "a?b", id="no-unicode"),
    ],
)
def test_a_message_is_cut_between_characters_to_what_can_be_stored(message: str, kept: str) -> None:
    assert condition("Ready", False, "Reason", message).message == kept
