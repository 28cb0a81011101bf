"""Regular expressions as a schema's `pattern` has them, in Go's syntax, for Python's `re`.

Source: https://pkg.go.dev/regexp/syntax
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_POSIX: Mapping[str, str] = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7f",
    "blank": "\\t ",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t\\n\\v\\f\\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_SAME_ESCAPES = "adDwWbBnrtfv.*+?()[]{}|^$\\/-_ !\"#%&',:;<=>@`~"
_GROUP = re.compile(r"\(\?(?:P?<(?P<name>\w+)>|(?P<flags>[imsU]*(?:-[imsU]+)?)(?P<end>[:)]))")
_HEX = re.compile(r"\\x(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))")
_CLASS = re.compile(r"\[:(\^?)(\w+):\]")
_REPEATED = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\??([*+]|\{\d+(?:,\d*)?\})")
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_ERRORS = (
    ("missing )", "missing closing ): `{}`"),
    ("unbalanced parenthesis", "unexpected ): `{}`"),
    ("unterminated character set", "missing closing ]: `{}`"),
)


class PatternError(ValueError):
    """What is no regular expression to the API server; the message is its words."""


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    """The expression; `search` finds what Go's `MatchString` does.

    Raises:
        PatternError: for what Go does not compile.
    """
    try:
        return re.compile(_Translation(pattern).python(), re.ASCII)
    except re.error as error:
        raise PatternError(_words(error, pattern)) from error


@dataclass(slots=True)
class _Translation:
    """A walk over a pattern; `groups` counts for each open group the parentheses that its end closes with it."""

    pattern: str
    at: int = 0
    out: list[str] = field(default_factory=list[str])
    groups: list[int] = field(default_factory=lambda: [0])
    multiline: bool = False

    def python(self) -> str:
        while self.at < len(self.pattern):
            self._step(self.pattern[self.at])
        return "".join(self.out) + ")" * self.groups[0]

    def _step(self, char: str) -> None:
        if char == "\\":
            self._escape(inside=False)
        elif char == "[":
            self._set()
        elif self.pattern.startswith("(?", self.at):
            self._group()
        elif char in "*+?{" and (match := _REPEATED.match(self.pattern, self.at)):
            raise PatternError(f"error parsing regexp: invalid nested repetition operator: `{match[0]}`")
        elif (match := _COUNT.match(self.pattern, self.at)) and max(int(each or 0) for each in match.groups()) > 1000:
            raise PatternError(f"error parsing regexp: invalid repeat count: `{match[0]}`")
        else:
            self._plain(char)

    def _plain(self, char: str) -> None:
        if char == "(":
            self.groups.append(0)
        elif char == ")" and len(self.groups) > 1:
            char = ")" * (1 + self.groups.pop())
        elif char == "$" and not self.multiline:
            char = r"\Z"
        self.out.append(char)
        self.at += 1

    def _group(self) -> None:
        match = _GROUP.match(self.pattern, self.at)
        if match is None:
            end = self.pattern[self.at : self.at + 4]
            known = next((sign for sign in ("(?=", "(?!", "(?<=", "(?<!", "(?>") if end.startswith(sign)), end[:3])
            raise PatternError(f"error parsing regexp: invalid or unsupported Perl syntax: `{known}`")
        self.at = match.end()
        flags = (match["flags"] or "").replace("U", "")
        self.multiline = self.multiline or "m" in flags.partition("-")[0]
        if match["name"]:
            self.out.append(f"(?P<{match['name']}>")
            self.groups.append(0)
        elif match["end"] == ":":
            self.out.append(f"(?{flags}:")
            self.groups.append(0)
        else:
            self.out.append(f"(?{flags}:")
            self.groups[-1] += 1

    def _set(self) -> None:
        """Copies a character class, in which a bracket that comes first is one of the characters."""
        start = self.at
        self.out.append("[")
        self.at += 1
        if self.pattern.startswith("^", self.at):
            self._verbatim("^")
        if self.pattern.startswith("]", self.at):
            self._verbatim("\\]")
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            if char == "]":
                self._verbatim("]")
                return
            self._in_set(char)
        raise PatternError(f"error parsing regexp: missing closing ]: `{self.pattern[start:]}`")

    def _in_set(self, char: str) -> None:
        if char == "\\":
            self._escape(inside=True)
        elif match := _CLASS.match(self.pattern, self.at):
            if match[2] not in _POSIX or match[1]:
                raise PatternError(f"error parsing regexp: invalid character class range: `{match[0]}`")
            self.out.append(_POSIX[match[2]])
            self.at = match.end()
        else:
            self._verbatim("\\[" if char == "[" else "\\&" if char == "&" else char)

    def _verbatim(self, text: str) -> None:
        self.out.append(text)
        self.at += 1

    def _escape(self, *, inside: bool) -> None:
        pair = self.pattern[self.at : self.at + 2]
        if pair == r"\Q":
            end = self.pattern.find(r"\E", self.at)
            end = len(self.pattern) if end < 0 else end
            self.out.append(re.escape(self.pattern[self.at + 2 : end]))
            self.at = end + 2
        elif match := _HEX.match(self.pattern, self.at):
            self.out.append(re.escape(chr(int(match[1] or match[2], 16))))
            self.at = match.end()
        else:
            self.out.append(self._pair(pair, inside=inside))
            self.at += 2

    def _pair(self, pair: str, *, inside: bool) -> str:
        if pair == "\\":
            raise PatternError("error parsing regexp: trailing backslash at end of expression: ``")
        other = {r"\z": r"\Z", r"\A": r"\A"} if not inside else {}
        if pair in other:
            return other[pair]
        if pair == r"\s":
            return r"\t\n\f\r " if inside else r"[\t\n\f\r ]"
        if pair == r"\S" and not inside:
            return r"[^\t\n\f\r ]"
        if pair[1] not in _SAME_ESCAPES:
            raise PatternError(f"error parsing regexp: invalid escape sequence: `{pair}`")
        return pair if pair[1].isalpha() else re.escape(pair[1])


def _words(error: re.error, pattern: str) -> str:
    """Python's complaint in Go's words."""
    if "nothing to repeat" in error.msg:
        at = error.pos or 0
        return f"error parsing regexp: missing argument to repetition operator: `{pattern[at : at + 1]}`"
    if error.msg.startswith("bad character range"):
        return (
            f"error parsing regexp: invalid character class range: `{error.msg.removeprefix('bad character range ')}`"
        )
    for mark, words in _ERRORS:
        if error.msg.startswith(mark):
            return f"error parsing regexp: {words.format(pattern)}"
    return f"error parsing regexp: {error.msg}"
