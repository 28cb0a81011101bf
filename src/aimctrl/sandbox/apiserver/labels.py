"""Label selectors, as requests write them.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api; the words of refusals are of
https://pkg.go.dev/k8s.io/apimachinery/pkg/labels#Parse.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aimctrl.sandbox.apiserver.errors import Cause, FieldError, bad_request
from aimctrl.sandbox.apiserver.metadata import key_faults, value_faults

_TOKEN = re.compile(r"\s*(?:(?P<sign>==|!=|[=,()!<>])|(?P<word>[^\s=!,()<>]+))")
_OPERATORS = {"=": "=", "==": "=", "!=": "!=", "in": "in", "notin": "notin", ">": ">", "<": "<"}
_SIGNS = frozenset({"", "=", "==", "!=", ",", "(", ")", "!", "<", ">"})


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether those labels meet it."""
        value = labels.get(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case "=" | "in":
                return value in self.values
            case "!=" | "notin":
                return value not in self.values
            case _:
                return value is not None and _compared(value, self.operator, self.values[0])


def label_requirements(text: str) -> tuple[Requirement, ...]:
    """The conditions of a label selector; none for an empty one.

    Raises:
        StatusError: 400, where it cannot be read.
    """
    tokens = _Tokens(text)
    found: list[Requirement] = []
    while tokens.next:
        if tokens.next in _SIGNS - {"!"}:
            raise bad_request(f"found '{tokens.next}', expected: !, identifier, or 'end of string'")
        try:
            found.append(_requirement(tokens))
        except ValueError as error:
            raise bad_request(f"unable to parse requirement: {error}") from error
        _check_end(tokens)
    return tuple(found)


class _Tokens:
    """The signs and words of a selector, from left to right; `next` is `""` at the end."""

    def __init__(self, text: str) -> None:
        self._left = [match["sign"] or match["word"] for match in _TOKEN.finditer(text)]

    @property
    def next(self) -> str:
        return self._left[0] if self._left else ""

    def take(self) -> str:
        return self._left.pop(0) if self._left else ""

    def word(self) -> str:
        """The next word. Raises ValueError, where there is a sign."""
        taken = self.take()
        if taken in _SIGNS:
            raise ValueError(f"found '{taken}', expected: identifier")
        return taken


def _check_end(tokens: _Tokens) -> None:
    end = tokens.take()
    if end not in {"", ","}:
        raise bad_request(f"found '{end}', expected: ',' or 'end of string'")
    if end and tokens.next in _SIGNS - {"!"}:
        raise bad_request(f"found '{tokens.next}', expected: identifier after ','")


def _requirement(tokens: _Tokens) -> Requirement:
    """One condition. Raises ValueError."""
    absent = tokens.next == "!"
    if absent:
        tokens.take()
    key = tokens.word()
    faults = tuple(key_faults(key))
    if faults:
        raise ValueError(str(FieldError(Cause.INVALID, "<nil>", "; ".join(faults), key)))
    if absent or tokens.next in {"", ","}:
        return Requirement(key, "absent" if absent else "exists")
    sign = tokens.take()
    operator = _OPERATORS.get(sign)
    if operator is None:
        raise ValueError(f"found '{sign}', expected: in, notin, =, ==, !=, gt, lt")
    values = _set(tokens) if operator in {"in", "notin"} else (_exact(tokens),)
    errors = [str(error) for index, value in enumerate(values) for error in _value_errors(key, operator, value, index)]
    if errors:
        raise ValueError(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")
    return Requirement(key, operator, values)


def _exact(tokens: _Tokens) -> str:
    return "" if tokens.next in {"", ","} else tokens.word()


def _set(tokens: _Tokens) -> tuple[str, ...]:
    """The values in brackets. Raises ValueError."""
    opening = tokens.take()
    if opening != "(":
        raise ValueError(f"found '{opening}' expected: '('")
    if tokens.next in _SIGNS - {",", ")"}:
        raise ValueError(f"found '{tokens.next}', expected: ',', ')' or identifier")
    values: set[str] = set()
    expected = True
    while tokens.next != ")":
        taken = tokens.take()
        if taken == ",":
            values |= {""} if expected else set()
            expected = True
        elif taken in _SIGNS:
            words = "',', or identifier" if expected else "',' or ')'"
            raise ValueError(f"found '{taken}', expected: {words}")
        elif not expected:
            raise ValueError(f"found '{taken}', expected: ',' or ')'")
        else:
            values.add(taken)
            expected = False
    tokens.take()
    return tuple(sorted(values | ({""} if expected else set())))


def _value_errors(key: str, operator: str, value: str, index: int) -> Iterator[FieldError]:
    if operator in {"<", ">"} and not _whole(value):
        words = "for 'Gt', 'Lt' operators, the value must be an integer"
        yield FieldError(Cause.INVALID, f"values[{index}]", words, value)
    faults = tuple(value_faults(value))
    if faults:
        yield FieldError(Cause.INVALID, f"values[{index}][{key}]", "; ".join(faults), value)


def _whole(text: str) -> bool:
    return re.fullmatch(r"[-+]?[0-9]+", text) is not None


def _compared(value: str, operator: str, bound: str) -> bool:
    if not _whole(value):
        return False
    return int(value) > int(bound) if operator == ">" else int(value) < int(bound)
