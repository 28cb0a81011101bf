"""How the levels of a configuration come together: environment, pull secrets, service account, labels."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from aimctrl.aim.naming import OWN_LABELS
from aimctrl.api.config import LabelPropagation

EnvVars = Iterable[Mapping[str, Any]]
"""`{name, value | valueFrom}` entries as in a container."""


def merge_env(*levels: EnvVars) -> tuple[Mapping[str, Any], ...]:
    """One entry for each name, from the first level that has it; within a level the last one counts.

    The lowest level comes first in the result, so that `$(NAME)` in a higher one can refer to it.
    """
    merged: dict[str, Mapping[str, Any]] = {}
    for level in reversed(levels):
        merged.update({entry["name"]: entry for entry in level})
    return tuple(merged.values())


def merge_pull_secrets(*levels: Iterable[str]) -> tuple[str, ...]:
    """The union of the levels' secret names, in their order, each once."""
    return tuple(dict.fromkeys(name for level in levels for name in level if name))


def first_set(*levels: str | None) -> str:
    """The first level that is set, e.g. of the service account; `""` where none is."""
    return next((level for level in levels if level), "")


def propagated_labels(labels: Mapping[str, str], rules: LabelPropagation | None) -> dict[str, str]:
    """The labels of an object that what it creates gets, too: those whose key one of the rules' globs matches (§7).

    The operator's own are not among them: each says something of the very object it is on.
    """
    if rules is None or not rules.enabled:
        return {}
    wanted = re.compile("|".join(re.escape(glob).replace(r"\*", ".*") for glob in rules.match) or "(?!)")
    return {key: labels[key] for key in sorted(labels) if wanted.fullmatch(key) and not key.startswith(OWN_LABELS)}
