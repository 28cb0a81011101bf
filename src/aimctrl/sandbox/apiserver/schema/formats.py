"""The string formats that a schema may ask for.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation and
the checks of https://github.com/kubernetes/kube-openapi/tree/master/pkg/validation/strfmt.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache

from aimctrl.sandbox.apiserver.schema.durations import parse_duration

_UNIT = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_MAC_GROUPS = ((":", 2, (6, 8, 20)), ("-", 2, (6, 8, 20)), (".", 4, (3, 4, 10)))
_SYMBOL_OR_LETTER = r"[^\W_]|[$+<=>^`|~\u00a2-\uffff]"
_HOST_LABEL = re.compile(rf"(?:{_SYMBOL_OR_LETTER})(?:(?:{_SYMBOL_OR_LETTER}|-){{0,61}}(?:{_SYMBOL_OR_LETTER}))?")
_TOP_LABEL = re.compile(r"[^\W\d_]{2,63}")
_MAIL = re.compile(r"""(?:[^<>@"]*<)?(?:[-\w.!#$%&'*+/=?^`{|}~]+|"[^"]*")@[-\w.\[\]:]+>?""")


def supported(name: str, of: str) -> str:
    """The format as values of that type are held to it; empty where the API server does not know or heed it."""
    if of in {"", "string"}:
        return name if name.replace("-", "") in _CHECKS else ""
    return name if name in _NUMERIC.get(of, ()) else ""


def conforms(name: str, text: str) -> bool:
    """Whether a text is of a supported format."""
    return _CHECKS[name.replace("-", "")](text)


def _matches(pattern: str, flags: int = 0) -> Callable[[str], bool]:
    expression = re.compile(pattern, re.ASCII | flags)
    return lambda text: expression.fullmatch(text) is not None


def _is_date(text: str) -> bool:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def _is_datetime(text: str) -> bool:
    day, separator, rest = text.lower().partition("t")
    if not separator or not _is_date(day):
        return False
    time = re.fullmatch(r"(\d{2}):(\d{2}):(\d{2})(.\d+)?(z|[+-]\d{2}:\d{2})", rest, re.ASCII)
    return time is not None and time[1] <= "23" and time[2] <= "59" and time[3] <= "59"


def _is_ipv4(text: str) -> bool:
    """Leading zeros of an octet are tolerated, and so is an IPv6 address that ends in an IPv4 one."""
    if "." not in text:
        return False
    octets = text.split(".")
    if ":" in text:
        return _is_ipv6(text)
    return len(octets) == 4 and all(re.fullmatch(r"[0-9]{1,3}", part) and int(part) <= 255 for part in octets)


def _is_ipv6(text: str) -> bool:
    try:
        return ":" in text and "%" not in text and ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def _is_cidr(text: str) -> bool:
    address, slash, bits = text.partition("/")
    if not slash or not re.fullmatch(r"[0-9]{1,3}", bits):
        return False
    return (_is_ipv6(address) and int(bits) <= 128) or (":" not in address and _is_ipv4(address) and int(bits) <= 32)


def _is_mac(text: str) -> bool:
    for separator, width, counts in _MAC_GROUPS:
        groups = text.split(separator)
        if len(groups) in counts and all(re.fullmatch(f"[0-9a-fA-F]{{{width}}}", group) for group in groups):
            return True
    return False


def _is_uri(text: str) -> bool:
    """Whether it is an absolute URI or an absolute path, as Go's `url.ParseRequestURI` has it."""
    if not text or any(char < " " or char == "\x7f" for char in text):
        return False
    if text.startswith("/"):
        return _well_escaped(text)
    scheme, colon, rest = text.partition(":")
    if not colon or not re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9+.]*", scheme):
        return False
    return bool(rest) and _well_escaped(rest) and (not rest.startswith("//") or _has_port(rest[2:].split("/")[0]))


def _well_escaped(text: str) -> bool:
    return re.search(r"%(?![0-9a-fA-F]{2})", text.partition("?")[0]) is None


def _has_port(authority: str) -> bool:
    """Whether what follows the host of an authority is nothing or a port."""
    host = authority.rpartition("@")[2]
    return re.fullmatch(r"(\[[^\]]*\]|[^:\[\] ]*)(:\d*)?", host) is not None


def _is_hostname(text: str) -> bool:
    labels = text.split(".")
    if len(text) > 255 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        return False
    return len(labels) == 1 or _TOP_LABEL.fullmatch(labels[-1]) is not None


def _is_base64(text: str) -> bool:
    return _BASE64(text) and len(text) % 4 == 0


def _is_isbn10(text: str) -> bool:
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"[0-9]{9}[0-9X]", digits):
        return False
    return sum((10 if char == "X" else int(char)) * (place + 1) for place, char in enumerate(digits)) % 11 == 0


def _is_isbn13(text: str) -> bool:
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"[0-9]{13}", digits):
        return False
    return sum(int(char) * (3 if place % 2 else 1) for place, char in enumerate(digits)) % 10 == 0


def _is_credit_card(text: str) -> bool:
    digits = re.sub(r"[^0-9]+", "", text)
    doubled = [int(char) * (2 if place % 2 else 1) for place, char in enumerate(reversed(digits))]
    return _CARD(digits) and sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _is_name(most: int, pattern: str) -> Callable[[str], bool]:
    matches = _matches(pattern)
    return lambda text: len(text) <= most and matches(text)


def _uuid(version: str) -> Callable[[str], bool]:
    return _matches(f"[0-9a-f]{{8}}-?[0-9a-f]{{4}}-?{version}-?[0-9a-f]{{12}}", re.IGNORECASE)


_BASE64 = _matches(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_CARD = _matches(
    r"(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|(?:2131|1800|35\d{3})\d{11})"
)
_COLOUR_PART = r"\s*(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\s*"

_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "bsonobjectid": _matches("[0-9a-fA-F]{24}"),
    "uri": _is_uri,
    "email": lambda text: _MAIL.fullmatch(text) is not None,
    "hostname": _is_hostname,
    "ipv4": _is_ipv4,
    "ipv6": _is_ipv6,
    "cidr": _is_cidr,
    "mac": _is_mac,
    "uuid": _uuid("[0-9a-f]{4}-?[0-9a-f]{4}"),
    "uuid3": _uuid("3[0-9a-f]{3}-?[0-9a-f]{4}"),
    "uuid4": _uuid("4[0-9a-f]{3}-?[89ab][0-9a-f]{3}"),
    "uuid5": _uuid("5[0-9a-f]{3}-?[89ab][0-9a-f]{3}"),
    "isbn": lambda text: _is_isbn10(text) or _is_isbn13(text),
    "isbn10": _is_isbn10,
    "isbn13": _is_isbn13,
    "creditcard": _is_credit_card,
    "ssn": _matches(r"\d{3}[- ]\d{2}[- ]\d{4}"),
    "hexcolor": _matches("#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _matches(rf"rgb\({_COLOUR_PART},{_COLOUR_PART},{_COLOUR_PART}\)"),
    "byte": _is_base64,
    "password": lambda _: True,
    "date": _is_date,
    "duration": lambda text: parse_duration(text) is not None,
    "datetime": _is_datetime,
    "k8sshortname": _is_name(63, _UNIT),
    "k8slongname": _is_name(253, rf"{_UNIT}(\.{_UNIT})*"),
}
_NUMERIC: Mapping[str, tuple[str, ...]] = {"integer": ("int32", "int64"), "number": ("float", "double")}
