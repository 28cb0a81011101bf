"""Times as kubectl says them."""

from datetime import UTC, datetime

import pytest

from aimctrl.sandbox.apiserver.printing import age, duration

NOW = datetime(2026, 1, 2, tzinfo=UTC)

SPANS = {
    -2: "<invalid>",
    -1: "0s",
    0: "0s",
    119: "119s",
    120: "2m",
    150: "2m30s",
    599: "9m59s",
    600: "10m",
    3 * 3600 - 1: "179m",
    3 * 3600: "3h",
    3 * 3600 + 300: "3h5m",
    8 * 3600: "8h",
    48 * 3600 - 1: "47h",
    48 * 3600: "2d",
    51 * 3600: "2d3h",
    8 * 86400: "8d",
    2 * 365 * 86400: "2y",
    (2 * 365 + 3) * 86400: "2y3d",
    9 * 365 * 86400: "9y",
}


@pytest.mark.parametrize(("seconds", "said"), SPANS.items())
def test_spans_have_at_most_two_units(seconds: int, said: str):
    assert duration(seconds) == said


MOMENTS = {"2026-01-01T23:59:00Z": "60s", "2026-01-01T23:00:00.000000+01:00": "120m", "soon": "<invalid>"}


@pytest.mark.parametrize(("moment", "said"), MOMENTS.items())
def test_ages_count_from_a_moment(moment: str, said: str):
    assert age(moment, NOW) == said
