"""What a registry asks for in `WWW-Authenticate`.

Sources: RFC 9110, 11.6.1 (grammar); https://distribution.github.io/distribution/spec/auth/token/ (Bearer).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word for a word
_PART = re.compile(
    rf'(?P<key>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>{_TOKEN}))'
    rf"|(?<![^\s,])(?P<scheme>{_TOKEN})(?=[\s,]|$)"
)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate: its scheme in lowercase, and its parameters by lowercase name."""

    scheme: str
    params: Mapping[str, str]


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """The challenges in all `WWW-Authenticate` headers of an answer; what cannot be read is passed over."""
    found: list[tuple[str, dict[str, str]]] = []
    for header in headers:
        for part in _PART.finditer(header):
            if part["scheme"]:
                found.append((part["scheme"].lower(), {}))
            elif found:
                value = part["plain"] if part["quoted"] is None else _ESCAPED.sub(r"\1", part["quoted"])
                found[-1][1][part["key"].lower()] = value
    return tuple(Challenge(scheme, params) for scheme, params in found)
