"""The expressions of rules, compiled and run.

Source: https://kubernetes.io/docs/reference/using-api/cel/
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from aimctrl.sandbox.apiserver.schema.cel_env import Type, compiled, without_status
from aimctrl.sandbox.apiserver.schema.cel_fields import without_literals
from aimctrl.sandbox.apiserver.schema.cel_values import type_of, variable
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, Node, Rule

_USE = re.compile(r"(?<![\w.])(self|oldSelf)\b(?:\s*\.\s*\??\s*(\w+)(?!\s*\())?")
_OPTIONAL = "cel.bind(oldSelf, size(oldSelf) == 0 ? optional.none() : optional.of(oldSelf[0]), "
_REMEMBERED = 8192
"""How many answers of an expression are kept."""

_LONGEST = 512
"""How many bytes of variables are compared with those of an earlier answer."""

_RUN_TIME: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r'Key not found in map : "?(.*?)"?$'), r"no such key: \1"),
    (re.compile(r"Index error: index=(-?\d+) .*"), r"index out of bounds: \1"),
    (re.compile(r"No matching overloads found.*"), "no such overload"),
    (re.compile(r"Applying SELECT to non-message type"), "no such overload"),
    (re.compile(r"divide by zero"), "division by zero"),
    (re.compile(r"int64 out of uint64 range"), "unsigned integer overflow"),
    (re.compile(r"cannot convert string to (\w+)"), r"type conversion error from 'string' to '\1'"),
    (re.compile(r"Type conversion error (.*)"), r"type conversion error \1"),
)


class EvaluationError(ValueError):
    """An expression that failed on a value; the message is the server's."""


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression, and which fields of `self` and `oldSelf` it looks at; None for all.

    `answers` are those that were given lately: many objects are alike in what a rule looks at, and CEL is slow.
    """

    run: Callable[..., Any]
    result: str
    fields: Mapping[str, frozenset[str] | None]
    optional: bool
    answers: dict[bytes, Any] = field(default_factory=dict[bytes, Any], compare=False)

    @property
    def transitional(self) -> bool:
        """Whether it compares with the former value."""
        return "oldSelf" in self.fields

    def __call__(self, node: Node, value: Json, old: Json) -> Any:
        """What comes out for a value of that schema.

        Raises:
            EvaluationError: where nothing does.
        """
        data = {"self": variable(node, value, self.fields.get("self", frozenset()))}
        if self.transitional:
            former = NOTHING if old is NOTHING else variable(node, old, self.fields["oldSelf"], like=value)
            data["oldSelf"] = ([] if former is NOTHING else [former]) if self.optional else former
        try:
            key = msgspec.msgpack.encode(data)
        except (TypeError, OverflowError):  # a number, or a lack of one, that cannot be written
            return evaluated(self.run, data)
        return self._answer(key, data) if len(key) <= _LONGEST else evaluated(self.run, data)

    def _answer(self, key: bytes, data: Mapping[str, Any]) -> Any:
        answer = self.answers.get(key, NOTHING)
        if answer is NOTHING:
            answer = evaluated(self.run, data)
            if len(self.answers) >= _REMEMBERED:
                self.answers.clear()
            self.answers[key] = answer
        return answer


def evaluated(run: Callable[..., Any], data: Mapping[str, Any]) -> Any:
    """What comes out of a compiled expression for such variables.

    Raises:
        EvaluationError: where nothing does.
    """
    try:
        answer = run(data=data)
        value = answer.value()
    except (RuntimeError, TypeError) as error:
        raise EvaluationError(_run_time(str(error))) from error
    if value is not True and answer.type().name() == "ERROR":
        raise EvaluationError(_run_time(str(value)))
    return value


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule and what its expressions compile to; None where there is none."""

    rule: Rule
    program: Program
    message: Program | None


def compile_rule(rule: Rule, node: Node) -> CompiledRule:
    """A rule of that schema, ready to run; the second time at once.

    Raises:
        CompileError: for a rule or a message that does not compile.
    """
    return _compiled_rule(rule, type_of(node))


@cache
def _compiled_rule(rule: Rule, kind: Type) -> CompiledRule:
    message = None
    if rule.message_expression:
        message = compile_expression(rule.message_expression, kind, optional=rule.optional_old_self)
    return CompiledRule(
        rule, compile_expression(rule.timed or rule.rule, kind, optional=rule.optional_old_self), message
    )


@cache
def compile_expression(text: str, kind: Type, *, optional: bool) -> Program:
    """An expression about a `self` and an `oldSelf` of that type; an optional `oldSelf` is CEL's optional value.

    Raises:
        CompileError: where it does not compile.
    """
    whole = f"{_OPTIONAL}{text}\n)" if optional else text
    former: Type = ("list", kind) if optional else kind
    expression = compiled(whole, (("self", kind), ("oldSelf", former)))
    return Program(expression.eval, expression.return_type().name(), _fields(text), optional)


def uses_old_self(text: str) -> bool:
    """Whether an expression is about the former value."""
    return "oldSelf" in _fields(text)


def _fields(text: str) -> Mapping[str, frozenset[str] | None]:
    """The fields of each variable that an expression uses, None for all of them."""
    used: dict[str, frozenset[str] | None] = {}
    for owner, name in _USE.findall(without_literals(text)):
        before = used.get(owner, frozenset())
        used[owner] = before | {name} if name and before is not None else None
    return used


def _run_time(complaint: str) -> str:
    says = without_status(complaint)
    for pattern, words in _RUN_TIME:
        if match := pattern.fullmatch(says):
            return match.expand(words)
    return says
