"""What a Containerfile says, as far as ours goes: stages of steps, each with its variables filled in when it is done.

Source: https://docs.docker.com/reference/dockerfile/
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

KNOWN: Final = ("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "LABEL", "RUN", "USER", "WORKDIR")

_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")


class ContainerfileError(Exception):
    """Something that is not understood; the message has the line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its keyword, what follows it on one line, and the number of its first line."""

    keyword: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Stage:
    """The steps from one FROM to the next; `base` is an image or an earlier stage, `name` is empty without one."""

    base: str
    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Containerfile:
    """The arguments before the first stage with their defaults, and the stages; the last one is the image."""

    arguments: Mapping[str, str]
    stages: tuple[Stage, ...]


def parse(text: str) -> Containerfile:
    """The stages of a Containerfile.

    Raises ContainerfileError.
    """
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for step in _steps(text):
        if step.keyword == "FROM":
            base, _, name = step.text.partition(" AS ")
            stages.append(Stage(base.strip(), name.strip(), ()))
        elif step.keyword not in KNOWN:
            raise ContainerfileError(f"line {step.line}: {step.keyword} is not done here")
        elif stages:
            last = stages[-1]
            stages[-1] = Stage(last.base, last.name, (*last.steps, step))
        elif step.keyword == "ARG":
            name, _, default = step.text.partition("=")
            arguments[name] = default
        else:
            raise ContainerfileError(f"line {step.line}: {step.keyword} before the first FROM")
    return Containerfile(arguments, tuple(stages))


def filled(text: str, variables: Mapping[str, str]) -> str:
    """The text with `${NAME}` replaced; a name that nobody knows is empty."""
    return _VARIABLE.sub(lambda found: variables.get(found[1], ""), text)


def _steps(text: str) -> Iterator[Step]:
    begun, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not begun:
            first = number
        if line.lstrip().startswith("#"):
            continue
        begun += line.removesuffix("\\") if line.endswith("\\") else line
        if line.endswith("\\"):
            continue
        if begun.strip():
            keyword, _, rest = begun.strip().partition(" ")
            yield Step(keyword.upper(), rest.strip(), first)
        begun = ""
