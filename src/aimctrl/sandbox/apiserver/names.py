"""What names look like: the patterns that many fields share, and what is said where one does not match.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_OLD_LABEL = r"[a-z]([-a-z0-9]*[a-z0-9])?"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a name has to look like. `words` say so, `longest` is in bytes."""

    pattern: re.Pattern[str]
    words: str
    longest: int

    def fits(self, name: str) -> bool:
        """Whether a name looks like that, however long it is."""
        return self.pattern.fullmatch(name) is not None

    def faults(self, name: str, unit: str = "bytes") -> Iterator[str]:
        """What is wrong with a name; `unit` is what its length is said to be counted in."""
        if len(name) > self.longest:
            yield f"must be no more than {self.longest} {unit}"
        if not self.fits(name):
            yield self.words


SUBDOMAIN = Shape(
    re.compile(_SUBDOMAIN),
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')",
    253,
)
LABEL = Shape(
    re.compile(_LABEL),
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    f"an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')",
    63,
)
OLD_LABEL = Shape(
    re.compile(_OLD_LABEL),
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{_OLD_LABEL}')",
    63,
)
