"""What asking a registry for an image's labels can give: the labels, or one of the ways not to get them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inspected:
    """The labels of the image, none of them looked at."""

    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImageNotFound:
    """The registry does not have the image, or nothing can be called that."""

    message: str


@dataclass(frozen=True, slots=True)
class AuthFailure:
    """The registry wants credentials, or others than it was given."""

    message: str


@dataclass(frozen=True, slots=True)
class RegistryUnreachable:
    """It will pass: no answer, an error of the server, or too many requests; `retry_after` in seconds where it said."""

    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """The registry answered, but with nothing that an image could be."""

    message: str


Failure = ImageNotFound | AuthFailure | RegistryUnreachable | Malformed
Outcome = Inspected | Failure


class FailedError(Exception):
    """An outcome on its way up through this package, which lets it out as a value."""

    def __init__(self, outcome: Failure) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome
