import pytest

from aimctrl.sandbox.apiserver.builtin.scalars import amount, amount_of_resource
from aimctrl.sandbox.apiserver.builtin.timestamps import MICROSECONDS, SECONDS, Layout

NO_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NO_SUFFIX = "unable to parse quantity's suffix"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1.5Gi", "1536Mi"),
        ("1024Ki", "1Mi"),
        ("1025Ki", "1025Ki"),
        ("1.1Mi", "1153433600m"),
        ("1000", "1k"),
        ("12e6", "12e6"),
        ("5e2", "500"),
        ("0Mi", "0"),
        ("100Ei", "9223372036854775807"),
        (1, "1"),
        (1.5, "1500m"),
        (1000000, "1M"),
    ],
)
def test_quantities_are_kept_in_canonical_form(given: object, kept: str) -> None:
    assert amount(given) == kept


@pytest.mark.parametrize(("given", "kept"), [("100n", "1m"), ("1500u", "2m"), ("1.123456789123", "1124m"), ("1", "1")])
def test_quantities_of_resources_are_rounded_up_to_thousandths(given: str, kept: str) -> None:
    assert amount_of_resource(given) == kept


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("", NO_QUANTITY),
        ("x", NO_QUANTITY),
        ("1.5.2", NO_QUANTITY),
        ("1Zi", NO_QUANTITY),
        (True, NO_QUANTITY),
        ({}, NO_QUANTITY),
        ("1K", NO_SUFFIX),
        ("5-", NO_SUFFIX),
        ("1e", NO_SUFFIX),
    ],
)
def test_what_is_no_quantity_is_refused(given: object, fault: str) -> None:
    with pytest.raises(ValueError) as caught:
        amount(given)
    assert str(caught.value) == fault


@pytest.mark.parametrize(
    ("layout", "given", "kept"),
    [
        pytest.param(SECONDS, "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", id="as-is"),
        pytest.param(SECONDS, "2024-01-01T00:00:00+02:00", "2023-12-31T22:00:00Z", id="zone"),
        pytest.param(SECONDS, "2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00Z", id="fraction"),
        pytest.param(MICROSECONDS, "2024-01-01T00:00:00.123456+02:00", "2023-12-31T22:00:00.123456Z", id="micro"),
    ],
)
def test_times_are_kept_in_utc(layout: Layout, given: str, kept: str) -> None:
    assert layout.canonical(given) == kept


@pytest.mark.parametrize(
    ("layout", "given", "fault"),
    [
        pytest.param(SECONDS, "", 'as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"', id="empty"),
        pytest.param(SECONDS, "2024-01-01", 'as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"', id="date"),
        pytest.param(
            SECONDS,
            "2024-1-01T00:00:00Z",
            'as "2006-01-02T15:04:05Z07:00": cannot parse "1-01T00:00:00Z" as "01"',
            id="short-month",
        ),
        pytest.param(
            SECONDS,
            "2024-01-01T00:00:00",
            'as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"',
            id="no-zone",
        ),
        pytest.param(
            MICROSECONDS,
            "2024-01-01T00:00:00Z",
            'as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
            id="no-micros",
        ),
    ],
)
def test_a_time_that_is_none_is_refused_at_the_part_that_is_wrong(layout: Layout, given: str, fault: str) -> None:
    with pytest.raises(ValueError, match="parsing time") as caught:
        layout.canonical(given)
    assert str(caught.value) == f'parsing time "{given}" {fault}'


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("2024-13-01T00:00:00Z", "month out of range"),
        ("2024-02-30T00:00:00Z", "day out of range"),
        ("2024-01-01T25:00:00Z", "hour out of range"),
        ("2024-01-01T00:61:00Z", "minute out of range"),
        ("2024-01-01T00:00:00Zx", 'extra text: "x"'),
    ],
)
def test_a_time_out_of_range_is_refused(given: str, fault: str) -> None:
    with pytest.raises(ValueError, match="parsing time") as caught:
        SECONDS.canonical(given)
    assert str(caught.value) == f'parsing time "{given}": {fault}'
