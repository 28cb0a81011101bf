"""What looking something up can give: it is there, it is not, or it cannot be known now."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """It is there."""

    value: T


@dataclass(frozen=True, slots=True)
class Missing:
    """It is not there; `what` names it for a person, e.g. `AIMModel or AIMClusterModel "x"`."""

    what: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Whether it is there cannot be known now; `why` says what stands in the way."""

    why: str
