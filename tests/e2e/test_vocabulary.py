"""The whole suite: the API server was told every word of docs/conditions.md, and no other; `conftest.py` has it last."""

from collections.abc import Iterable

import pytest

from controlplane import ControlPlane
from support.vocabulary import Word, documented, told, undocumented
from support.workers import Workers


@pytest.fixture(scope="module")
def words(control_plane: ControlPlane, workers: Workers) -> frozenset[Word]:
    return told(control_plane) | {Word(*word) for word in workers.left_by_others()}


def listed(words: Iterable[Word]) -> str:
    """One line for each, as the document has it: where, and what it is because of what."""
    return "\n".join(f"{word.section}, {word.subject}: {word.value} {word.reason}" for word in sorted(words))


def test_every_word_of_the_page_was_told(words: frozenset[Word]):
    missed = documented() - words
    assert not missed, f"nobody was told:\n{listed(missed)}"


def test_every_word_that_was_told_is_on_the_page(words: frozenset[Word]):
    strange = undocumented(words)
    assert not strange, f"not on the page:\n{listed(strange)}"
