"""The benchmark of hack/bench measures aimctrl's own peer, with a few Widgets; what it gives is not looked at."""

import sys
from collections.abc import Iterator

import pytest

from bench import cases, programs
from bench.cases import Place, place
from bench.report import table
from bench.suite import Measured

TEN = "--workers=10"


@pytest.fixture(scope="module")
def there() -> Iterator[Place]:
    with place(10) as there:
        yield there


def test_each_case_of_the_benchmark_runs_and_is_reported(there: Place) -> None:
    measured = {
        **cases.warm(there, programs.ours(), changes=3, touches=10),
        "cold": cases.cold(there, programs.ours().with_options(TEN)),
    }
    report = table([Measured(case, programs.OURS, figures) for case, figures in measured.items()])
    for figure in ("first reconcile s", "RSS MB", "p99 ms", "CPU us an event", "writes an object"):
        assert f"| {figure} |" in report
    assert measured["cold"]["writes an object"] == 2


def test_what_receiving_alone_takes_stands_beside_what_ours_takes(there: Place) -> None:
    touched = [
        Measured("no-op, dropped", program.name, cases.dropped(there, program, touches=10))
        for program in (programs.ours(), programs.floor(sys.executable))
    ]
    assert f"({programs.FLOOR})" in table(touched)
