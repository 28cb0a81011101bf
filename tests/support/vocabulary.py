"""The words of statuses and events: those that docs/conditions.md has, and those that an API server was told."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from controlplane import ControlPlane

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "conditions.md"
EVENTS: Final = "Events"
STATES: Final = "States"
STATUS: Final = "Status"

FAMILIES: Final = {
    **dict.fromkeys(("aimmodels", "aimclustermodels", "aimimages", "aimclusterimages"), "Models"),
    **dict.fromkeys(("aimservicetemplates", "aimclusterservicetemplates"), "Templates"),
    "aimservices": "Services",
    "aimtemplatecaches": "Template caches",
    "aimmodelcaches": "Model caches",
}
"""The heading in the document, by resource."""

KINDS: Final = {
    **dict.fromkeys(("AIMModel", "AIMClusterModel", "AIMImage", "AIMClusterImage"), "models"),
    **dict.fromkeys(("AIMServiceTemplate", "AIMClusterServiceTemplate"), "templates"),
    "AIMService": "services",
    "AIMTemplateCache": "template caches",
    "AIMModelCache": "model caches",
}
"""What the document calls the objects of a kind that events are about."""

_CONCLUSIONS = frozenset({"Ready", "Progressing", "Failure"})
_QUOTED = re.compile(r"`([^`]+)`")


class Row(NamedTuple):
    """A row of a table in the document: the headings above it, the word of its first cell, those of its second."""

    section: str
    table: str
    word: str
    values: tuple[str, ...]


class Word(NamedTuple):
    """What was said of `section`: `subject` is a condition's type, or the status, or an event's reason.

    `value` is what it is, and `reason` why; of an event its type, and what it is about.
    """

    section: str
    subject: str
    value: str
    reason: str


def rows(document: Path = DOCUMENT) -> Iterator[Row]:
    """The rows of all tables whose first cell is a word in backticks."""
    section = table = ""
    for line in document.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section, table = line.removeprefix("## "), ""
        elif line.startswith("### "):
            table = line.removeprefix("### ").strip("`")
        elif line.startswith("| `"):
            _, first, second, *_ = line.split("|")
            yield Row(section, table, first.strip(" `"), tuple(_QUOTED.findall(second)))


def documented() -> frozenset[Word]:
    """Every word that the document has, with every value it may come with."""
    return frozenset(word for row in rows() if row.table != STATES for word in _words(row))


def _words(row: Row) -> Iterator[Word]:
    """Of an event's row the second cell has its type, and then what it may be about."""
    if row.section == EVENTS:
        type_, *about = row.values
        yield from (Word(EVENTS, row.word, type_, kind) for kind in about)
    else:
        yield from (Word(row.section, row.table, value, row.word) for value in row.values)


def undocumented(words: Iterable[Word]) -> frozenset[Word]:
    """Those that the document does not account for.

    It says in general that a part which is not looked at is Unknown for the reason of what comes first, and that a
    service which goes on serving is Degraded, whatever its reason.
    """
    known = documented()
    reasons = {(word.section, word.subject, word.reason) for word in known}

    def in_general(word: Word) -> bool:
        serving = word[:3] == ("Services", STATUS, "Degraded") and (word.section, word.subject, word.reason) in reasons
        return word.value == "Unknown" or serving

    return frozenset(word for word in words if word not in known and not in_general(word))


def told(plane: ControlPlane) -> frozenset[Word]:
    """Every word that operators told a control plane since it started, however short it was true."""
    return frozenset(word for file in plane.folder.glob("audit*.log") for word in _in_log(file))


def _in_log(file: Path) -> Iterator[Word]:
    with file.open("rb") as log:
        for line in log:
            if b'"level":"Request"' in line and b"fieldManager=aimctrl" in line:
                yield from _in_request(msgspec.json.decode(line))


def _in_request(event: Any) -> Iterator[Word]:
    """The words of a request that was granted, and that an operator made: tests write as another field manager."""
    ours = "fieldManager=aimctrl" in event["requestURI"]
    if not ours or event["responseStatus"]["code"] not in {200, 201}:
        return
    if event["objectRef"]["resource"] == "events":
        yield from _in_event(event["requestObject"])
    else:
        family = FAMILIES[event["objectRef"]["resource"]]
        for change in event["requestObject"]:
            if change["path"] == "/status":
                yield from _in_status(family, change["value"])


def _in_event(said: Any) -> Iterator[Word]:
    about = said.get("regarding", {}).get("kind")  # a repeat is a patch of the event's series alone
    if about in KINDS:
        yield Word(EVENTS, said["reason"], said["type"], KINDS[about])


def _in_status(family: str, status: Any) -> Iterator[Word]:
    """The status with its reason, which `Ready` has, and the conditions that do not just follow from it."""
    for said in status.get("conditions", ()):
        if said["type"] == "Ready":
            yield Word(family, STATUS, status["status"], said["reason"])
        elif said["type"] not in _CONCLUSIONS:
            yield Word(family, said["type"], said["status"], said["reason"])
