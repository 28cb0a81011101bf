"""What Go says of a text that is no JSON.

Source: https://pkg.go.dev/encoding/json#SyntaxError.
"""

import re

from aimctrl.sandbox.apiserver.gotext import quoted

_SPACE = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(r'u[0-9a-fA-F]{4}|["\\/bfnrt]')
_WORDS = {"t": "true", "f": "false", "n": "null"}
_DIGITS = re.compile(r"[0-9]*")


class _FaultError(Exception):
    """Where reading ends, and in what state."""


class _Reader:
    """Goes through a text; each method leaves `at` behind what it read, or raises _FaultError."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def whole(self) -> None:
        self.value()
        self.space()
        if self.at < len(self.text):
            self.stop("after top-level value")

    def value(self) -> None:
        self.space()
        char = self.peek()
        if char in {"{", "["}:
            self.object() if char == "{" else self.array()
        elif char == '"':
            self.string()
        elif char in _WORDS:
            self.word(_WORDS[char])
        elif char == "-" or char.isdigit():
            self.number()
        else:
            self.stop("looking for beginning of value")

    def object(self) -> None:
        self.at += 1
        if self.after_space() == "}":
            self.at += 1
            return
        while True:
            if self.after_space() != '"':
                self.stop("looking for beginning of object key string")
            self.string()
            if self.after_space() != ":":
                self.stop("after object key")
            self.at += 1
            self.value()
            if not self.goes_on("}", "after object key:value pair"):
                return

    def array(self) -> None:
        self.at += 1
        if self.after_space() == "]":
            self.at += 1
            return
        while True:
            self.value()
            if not self.goes_on("]", "after array element"):
                return

    def goes_on(self, end: str, state: str) -> bool:
        char = self.after_space()
        if char not in {",", end}:
            self.stop(state)
        self.at += 1
        return char == ","

    def string(self) -> None:
        self.at += 1
        while True:
            self.take(_PLAIN)
            char = self.peek()
            if char == '"':
                self.at += 1
                return
            if char != "\\":
                self.stop("in string literal")
            self.at += 1
            self.escape()

    def escape(self) -> None:
        match = _ESCAPE.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
            return
        if self.peek() != "u":
            self.stop("in string escape code")
        self.at += 1
        while self.peek() in "0123456789abcdefABCDEF":
            self.at += 1
        self.stop("in \\u hexadecimal character escape")

    def word(self, word: str) -> None:
        for char in word:
            if self.peek() != char:
                self.stop(f"in literal {word} (expecting '{char}')")
            self.at += 1

    def number(self) -> None:
        self.at += self.text[self.at] == "-"
        if self.peek() == "0":
            self.at += 1
        else:
            self.digits("in numeric literal")
        if self.text[self.at : self.at + 1] == ".":
            self.at += 1
            self.digits("after decimal point in numeric literal")
        if self.text[self.at : self.at + 1] in {"e", "E"}:
            self.at += 1
            self.at += self.peek() in {"+", "-"}
            self.digits("in exponent of numeric literal")

    def digits(self, state: str) -> None:
        if not self.peek().isdigit():
            self.stop(state)
        self.take(_DIGITS)

    def take(self, pattern: "re.Pattern[str]") -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def space(self) -> None:
        self.take(_SPACE)

    def after_space(self) -> str:
        self.space()
        return self.peek()

    def peek(self) -> str:
        if self.at >= len(self.text):
            raise _FaultError("unexpected end of JSON input")
        return self.text[self.at]

    def stop(self, state: str) -> None:
        char = self.peek()
        shown = {"'": "\\'", '"': '"'}.get(char) or quoted(char)[1:-1]
        raise _FaultError(f"invalid character '{shown}' {state}")


def syntax_fault(body: bytes) -> str:
    """What is wrong with a text as JSON; `""` where it is JSON."""
    reader = _Reader(body.decode("latin-1"))
    try:
        reader.whole()
    except _FaultError as error:
        return str(error)
    except RecursionError:
        return "exceeded max depth"
    return ""
