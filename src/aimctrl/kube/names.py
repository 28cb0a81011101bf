"""Names and labels that the API server accepts, and the hashes that keep them apart.

Sources: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ (RFC 1123 labels),
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ (label values).
"""

import hashlib
import re
import unicodedata
from typing import Any

import msgspec

LABEL_LIMIT = 63
"""Characters of a DNS label, of most names and of a label value."""

_OUTSIDE_DNS = re.compile(r"[^a-z0-9]+")
_OUTSIDE_LABEL = re.compile(r"[^A-Za-z0-9_.-]+")
_EDGES = "-_."


def short_hash(value: str | bytes, length: int = 8) -> str:
    """The first `length` hex digits of the SHA-256 of `value` (text as UTF-8)."""
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return hashlib.sha256(data).hexdigest()[:length]


def canonical_json(value: Any) -> bytes:
    """`value` as JSON with sorted keys, no spaces and UTF-8, so that equal values give equal bytes."""
    return msgspec.json.encode(value, order="sorted")


def fit(prefix: str, suffix: str, limit: int = LABEL_LIMIT) -> str:
    """`prefix + suffix`, the prefix cut so that the whole has at most `limit` characters and no double separator."""
    if len(prefix) + len(suffix) <= limit:
        return prefix + suffix
    kept = prefix[: max(limit - len(suffix), 0)].rstrip(_EDGES)
    return kept + suffix if kept else suffix.lstrip(_EDGES)[:limit]


def fit_hashed(name: str, limit: int = LABEL_LIMIT, *, length: int = 8) -> str:
    """`name` where it fits, else `<cut>-<hash>` with the first `length` hex digits of the SHA-256 of all of it."""
    return name if len(name) <= limit else fit(name, f"-{short_hash(name, length)}", limit)


def dns_label(text: str, limit: int = LABEL_LIMIT) -> str:
    """`text` as an RFC 1123 label: lowercase, accents folded, everything else a dash, cut to `limit`.

    Text without a single letter or digit gives its hash, so that the answer is always a valid name.
    """
    folded = _ascii(text).lower()
    return _OUTSIDE_DNS.sub("-", folded).strip("-")[:limit].rstrip("-") or short_hash(text)[:limit]


def label_value(text: str) -> str:
    """`text` as a label value: at most 63 of `A-Za-z0-9_.-`, a letter or digit at both ends; may be empty."""
    cleaned = _OUTSIDE_LABEL.sub("-", _ascii(text)).strip(_EDGES)
    return cleaned[:LABEL_LIMIT].rstrip(_EDGES)


def _ascii(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text)
    return "".join(char for char in parts if not unicodedata.combining(char))
