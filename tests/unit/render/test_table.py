"""The overview as a table that fits the terminal."""

from datetime import UTC, datetime, timedelta

import pytest

from aimctrl.aim.overview import Row
from aimctrl.render.table import table
from aimctrl.render.tree import Look

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROWS = (
    Row("AIMService", "ml", "chat", "Degraded", "ModelNotFound", "there is no model llama anywhere", NOW),
    Row("AIMClusterModel", "", "llama", "Ready", "DiscoveryDisabled", "", NOW - timedelta(hours=3)),
    Row("AIMRuntimeConfig", "ml", "default", "", "", "", None),
)


def test_columns_are_aligned_and_what_is_empty_is_a_dash() -> None:
    assert table(ROWS, NOW, Look()) == (
        "KIND              NAMESPACE  NAME     STATUS    REASON             AGE  MESSAGE\n"
        "AIMService        ml         chat     Degraded  ModelNotFound      0s   there is no model llama anywhere\n"
        "AIMClusterModel   -          llama    Ready     DiscoveryDisabled  3h\n"
        "AIMRuntimeConfig  ml         default  -         -                  -\n"
    )


def test_messages_are_cut_to_the_width() -> None:
    lines = table(ROWS, NOW, Look(width=90)).splitlines()
    assert lines[1].endswith("there is no model…")
    assert len(lines[1]) == 90


LONG = Row("AIMModelCache", "ml", "x" * 253, "Failed", "StorageFailed", "there is no StorageClass fast", NOW)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        pytest.param(
            140,
            f"AIMModelCache     ml         {'x' * 42}…  Failed    StorageFailed      0s   there is no StorageClass fast",
            id="names are cut for the message",
        ),
        pytest.param(
            105,
            f"AIMModelCache     ml         {'x' * 19}…  Failed    StorageFailed      0s   there is no Storage…",
            id="then both",
        ),
        pytest.param(
            90,
            f"AIMModelCache     ml         {'x' * 26}…  Failed    StorageFailed      0s",
            id="then there is no message",
        ),
        pytest.param(
            72, "AIMModelCache   ml         xxxxxxxxxxxxx…  Failed    StorageFailed   0s", id="then all are cut"
        ),
    ],
)
def test_what_does_not_fit_the_width_is_cut(width: int, expected: str) -> None:
    lines = table((*ROWS, LONG), NOW, Look(width=width)).splitlines()
    assert lines[-1] == expected
    assert max(map(len, lines)) <= width


def test_a_terminal_narrower_than_anything_still_gets_a_table() -> None:
    lines = table((*ROWS, LONG), NOW, Look(width=20)).splitlines()
    assert lines[-1] == "AIMMode…  ml        xxxxxxx…  Failed    Storage…  0s"


@pytest.mark.parametrize(("height", "expected"), [(4, 4), (3, 3), (9, 4)])
def test_what_does_not_fit_the_height_is_counted(height: int, expected: int) -> None:
    lines = table(ROWS, NOW, Look(), height=height).splitlines()
    assert len(lines) == expected
    assert lines[0].startswith("KIND")
    assert (lines[-1] == "… and 2 more") is (height == 3)


def test_states_are_coloured_and_columns_still_aligned() -> None:
    lines = table(ROWS, NOW, Look(colour=True)).splitlines()
    assert "\x1b[31mDegraded\x1b[0m  ModelNotFound " in lines[1]
    assert "\x1b[32mReady\x1b[0m     DiscoveryDisabled" in lines[2]


def test_that_there_is_nothing_is_said() -> None:
    assert table((), NOW, Look()) == "nothing of AIM is here\n"


def test_text_of_others_stays_on_its_line() -> None:
    row = Row("AIMService", "ml", "chat", "Failed", "R", "a\nb\x1b[2J", NOW)
    assert table((row,), NOW, Look()).splitlines()[1].endswith("a b\ufffd[2J")
