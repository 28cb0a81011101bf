"""Looking back at the whole suite; `conftest.py` has it last.

The API server was told every word of docs/conditions.md, and no other. The operator used each of its rights, and missed
none: so taking any rule away makes a test here fail, since what was used and is no more is missed (`support.rights`).
"""

from collections.abc import Iterable

import pytest

from controlplane import ControlPlane
from support.rights import Log, Right, Rights, operators, shown
from support.vocabulary import Word, documented, told, undocumented
from support.workers import Workers


@pytest.fixture(scope="module")
def words(control_plane: ControlPlane, workers: Workers) -> frozenset[Word]:
    return told(control_plane) | {Word(*word) for word in workers.left_by_others("words")}


def listed(words: Iterable[Word]) -> str:
    """One line for each, as the document has it: where, and what it is because of what."""
    return "\n".join(f"{word.section}, {word.subject}: {word.value} {word.reason}" for word in sorted(words))


def test_every_word_of_the_page_was_told(words: frozenset[Word]):
    missed = documented() - words
    assert not missed, f"nobody was told:\n{listed(missed)}"


def test_every_word_that_was_told_is_on_the_page(words: frozenset[Word]):
    strange = undocumented(words)
    assert not strange, f"not on the page:\n{listed(strange)}"


@pytest.fixture(scope="module")
def log(rights: Rights, workers: Workers) -> Log:
    own = rights.log
    used, missed = (
        [Right(*right) for right in workers.left_by_others(f"rights {which}")] for which in ("used", "missed")
    )
    return Log(own.used.union(used), own.missed.union(missed))


def test_the_operator_missed_no_right(log: Log):
    assert not log.missed, f"refused:\n{lines(log.missed)}"


def test_the_operator_used_each_of_its_rights(control_plane: ControlPlane, log: Log):
    unused = shown(control_plane, operators()) - log.used
    assert not unused, f"not needed:\n{lines(unused)}"


def lines(rights: Iterable[Right]) -> str:
    return "\n".join(sorted(map(str, rights)))
