"""What `aimctrl.runtime` offers is listed, little enough to be learnt, and found by whatever way it is looked for."""

import pytest

from aimctrl import runtime


def test_there_are_no_more_names_than_somebody_can_learn():
    assert len(runtime.__all__) <= 40
    assert sorted(set(runtime.__all__)) == sorted(runtime.__all__)


def test_each_name_is_what_its_home_calls_so():
    for name in runtime.__all__:
        assert getattr(runtime, name).__name__ == name
        assert name in dir(runtime)


def test_a_name_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match=r"'aimctrl\.runtime' has no attribute 'Reconciller'"):
        _ = runtime.Reconciller
