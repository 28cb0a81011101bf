"""docs/conditions.md and the code have the same words, and none that nobody says."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

import aimctrl
from aimctrl.api import reasons
from aimctrl.api.reasons import (
    CacheReason,
    CacheState,
    ConditionType,
    EventReason,
    ModelReason,
    ModelState,
    ServiceReason,
    ServiceState,
    TemplateReason,
    TemplateState,
)
from support.vocabulary import EVENTS, FAMILIES, STATES, STATUS, Row, rows

ROWS = tuple(rows())
SOURCE = Path(aimctrl.__file__).parent
CACHES = ("Template caches", "Model caches")
SECTIONS = [("Models",), ("Templates",), ("Services",), CACHES]
CONCLUSIONS = {ConditionType.READY, ConditionType.PROGRESSING, ConditionType.FAILURE}
"""The conditions that follow from the status; their reasons are in the tables called Status."""

ENUMS = [
    found
    for found in vars(reasons).values()
    if isinstance(found, type) and issubclass(found, StrEnum) and len(found)  # `State` has no words of its own
]


def words(sections: tuple[str, ...], *tables: str) -> set[str]:
    """The first cells of these tables."""
    return {row.word for row in ROWS if row.section in sections and row.table in tables}


def conditions(*sections: str) -> set[str]:
    """The types of conditions that have a table."""
    return {row.table for row in ROWS if row.section in sections} - {STATES, STATUS, ""}


@pytest.mark.parametrize(
    ("sections", "enum"),
    list(zip(SECTIONS, (ModelReason, TemplateReason, ServiceReason, CacheReason), strict=True)),
    ids=["models", "templates", "services", "caches"],
)
def test_the_page_has_the_reasons_of_each_family(sections: tuple[str, ...], enum: type[StrEnum]):
    assert words(sections, STATUS, *conditions(*sections)) == {member.value for member in enum}


@pytest.mark.parametrize(
    ("section", "enum"),
    [
        ("Models", ModelState),
        ("Templates", TemplateState),
        ("Services", ServiceState),
        ("Template caches", CacheState),
        ("Model caches", CacheState),
    ],
)
def test_the_page_has_the_states_of_each_family_and_a_reason_for_each(section: str, enum: type[StrEnum]):
    states = {member.value for member in enum}
    assert words((section,), STATES) == states
    assert {value for row in ROWS if (row.section, row.table) == (section, STATUS) for value in row.values} == states


def test_the_page_has_every_type_of_condition():
    told = {kind for row in ROWS for kind in conditions(row.section)}
    assert told == {member.value for member in ConditionType} - CONCLUSIONS


def test_the_page_has_every_event():
    assert words((EVENTS,), "") == {member.value for member in EventReason}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: ": ".join(row[:3]))
def test_every_row_says_what_its_word_comes_with(row: Row):
    if row.section == EVENTS:
        type_, *about = row.values
        assert type_ in {"Normal", "Warning"}
        assert about
    elif row.table not in {STATES, STATUS}:
        assert row.values
        assert set(row.values) <= {"True", "False", "Unknown"}


def test_no_word_is_told_twice_in_a_table_and_reasons_are_in_order():
    for section, table in {(row.section, row.table) for row in ROWS}:
        told = [row.word for row in ROWS if (row.section, row.table) == (section, table)]
        assert len(told) == len(set(told)), (section, table)
        if table != STATES:
            assert told == sorted(told), (section, table)


def test_the_page_has_every_family():
    assert {row.section for row in ROWS} == {*FAMILIES.values(), EVENTS}


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
def test_every_word_is_said_by_the_code(enum: type[StrEnum]):
    """`State` and the reasons are read from the cluster by their values too; here they have to be named."""
    files = (file for file in SOURCE.rglob("*.py") if file.name != "reasons.py")
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    named = set(re.findall(rf"\b{enum.__name__}\.([A-Z_]+)\b", text))
    assert set(enum.__members__) - named == set()
