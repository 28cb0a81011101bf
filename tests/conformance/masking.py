"""What two servers never have in common: uids, revisions, moments and generated names, put out of sight consistently.

Descriptions of the columns of a Table are prose that nobody reads by machine, and not compared.
"""

import re
from typing import Any

UID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
TIME = re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
FIXED = re.compile(r"\b20(0\d|1\d)-")
"""Moments that cases write themselves lie before 2020."""

AGE = re.compile(r"\A(<invalid>|\d+[smhd](\d+[smh])?)\Z")
GENERATED = re.compile(r"\b(?:[Mm]ade[-_]|kube-api-access-)[a-z0-9]{5}\b")
"""What is to be recognised as generated has such a base."""

OLDEST = re.compile(r"(?<=too old resource version: 1 \()\d+(?=\))")
"""From where on events are remembered."""

ADDRESS = re.compile(r"\b10\.0\.0\.\d+\b")


class Mask:
    """One conversation's; the same value becomes the same word in all of it."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._versions: dict[str, str] = {}

    def masked(self, value: Any) -> Any:
        """A body of an answer, as it is compared."""
        self._learn(value)
        return self._shown(value)

    def _learn(self, value: Any) -> None:
        """Takes note of the revisions of objects; those of lists are no object's."""
        for thing in _objects(value):
            version = thing["metadata"].get("resourceVersion")
            if isinstance(version, str) and version.isdigit() and not _collective(thing):
                self._versions.setdefault(version, f"<rv {len(self._versions) + 1}>")

    def _shown(self, value: Any) -> Any:
        if isinstance(value, dict):
            shown = {self._text(key): self._shown(part) for key, part in sorted(value.items())}
            if isinstance(value.get("token"), str):
                shown["token"] = "<token>"
            return self._settled(value, shown)
        if isinstance(value, list):
            return [self._shown(part) for part in value]
        return self._text(value) if isinstance(value, str) else value

    def _settled(self, thing: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
        if isinstance(shown.get("metadata"), dict):
            _settle_metadata(shown["metadata"], collective=_collective(thing))
        if thing.get("kind") == "APIResourceList":
            shown["resources"].sort(key=lambda resource: resource["name"])
        for name in ("resourceRules", "nonResourceRules"):
            if name in shown:
                shown[name].sort(key=str)
        for column in shown.get("columnDefinitions") or ():
            column["description"] = "<prose>"
        if isinstance(shown.get("causes"), list) and _of_managers(shown["causes"]):
            shown["causes"].sort(key=lambda cause: (cause["message"], cause["field"]))
        if isinstance(shown.get("cells"), list):
            shown["cells"] = [AGE.sub("<age>", cell) if isinstance(cell, str) else cell for cell in shown["cells"]]
        return shown

    def _text(self, text: str) -> str:
        text = UID.sub(lambda match: self._word("uid", match[0]), text)
        text = GENERATED.sub(lambda match: self._word("name", match[0]), text)
        text = ADDRESS.sub(lambda match: self._word("address", match[0]), text)
        text = OLDEST.sub("<rv>", text)
        text = TIME.sub(_moment, text)
        return re.sub(r"\b\d{2,}\b", lambda match: self._versions.get(match[0], match[0]), text)

    def _word(self, sort: str, value: str) -> str:
        count = sum(1 for word in self._words.values() if word.startswith(f"<{sort} "))
        return self._words.setdefault(value, f"<{sort} {count + 1}>")


def _settle_metadata(meta: dict[str, Any], *, collective: bool) -> None:
    if meta.get("resourceVersion") and collective:
        meta["resourceVersion"] = "<rv>"
    if meta.get("continue"):
        meta["continue"] = "<continue>"
    if isinstance(meta.get("managedFields"), list):
        meta["managedFields"].sort(key=_order)


def _moment(match: "re.Match[str]") -> str:
    if FIXED.match(match[0]):
        return match[0]
    return "<micro time>" if match[1] else "<time>"


def _of_managers(causes: list[Any]) -> bool:
    """Whether these are conflicts of field managers, which come in no order."""
    return all(cause.get("reason") == "FieldManagerConflict" for cause in causes)


def _objects(value: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    waiting = [value]
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, dict):
            if isinstance(part.get("metadata"), dict):
                found.append(part)
            waiting.extend(part[key] for key in sorted(part))
        elif isinstance(part, list):
            waiting.extend(part)
    return found


def _collective(thing: dict[str, Any]) -> bool:
    """Whether the revision in its metadata is that of a collection: lists, tables, and what bookmarks bring."""
    meta = thing["metadata"]
    lists = "items" in thing or "rows" in thing
    return lists or not meta.get("uid")


def _order(entry: Any) -> tuple[str, ...]:
    keys = ("manager", "operation", "subresource", "apiVersion")
    return tuple(str(entry.get(key, "")) for key in keys) if isinstance(entry, dict) else ()
