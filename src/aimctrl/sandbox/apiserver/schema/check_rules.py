"""Whether the rules of a schema are well-formed and compile.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from aimctrl.sandbox.apiserver.errors import OMITTED, Cause, FieldError
from aimctrl.sandbox.apiserver.gotext import compact
from aimctrl.sandbox.apiserver.schema.cel import uses_old_self
from aimctrl.sandbox.apiserver.schema.cel_check import result_of
from aimctrl.sandbox.apiserver.schema.cel_env import CompileError
from aimctrl.sandbox.apiserver.schema.field_path import FieldPathError, resolved
from aimctrl.sandbox.apiserver.schema.node import Node, is_object
from aimctrl.sandbox.apiserver.schema.parse import parse, parse_part
from aimctrl.sandbox.apiserver.schema.structural import Schema, properties_of

Written = Mapping[str, Any]

_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_BREAK = re.compile(r"[\r\n]")
_WITHIN = "oldSelf cannot be used on the uncorrelatable portion of the schema within {}"


def check_rule(rule: Written, schema: Schema, path: str) -> Iterator[FieldError]:
    """What is wrong with a rule before it is compiled."""
    message = rule.get("message") or ""
    if not (rule.get("rule") or "").strip():
        yield FieldError(Cause.REQUIRED, f"{path}.rule", "rule is not specified")
    elif message and not message.strip():
        yield FieldError(Cause.INVALID, f"{path}.message", "must be non-empty if specified", message)
    elif _BREAK.search(message.strip()):
        yield FieldError(Cause.INVALID, f"{path}.message", "must not contain line breaks", message)
    elif _BREAK.search(rule["rule"].strip()) and not message:
        says = "message must be specified if rule contains line breaks"
        yield FieldError(Cause.REQUIRED, f"{path}.message", says)
    expression = rule.get("messageExpression") or ""
    if expression and not expression.strip():
        says = "messageExpression must be non-empty if specified"
        yield FieldError(Cause.REQUIRED, f"{path}.messageExpression", says)
    if (reason := rule.get("reason")) is not None and reason not in _REASONS:
        words = ", ".join(f'"{each}"' for each in _REASONS)
        yield FieldError(Cause.NOT_SUPPORTED, f"{path}.reason", f"supported values: {words}", reason)
    yield from _field_path_errors(rule.get("fieldPath") or "", schema, f"{path}.fieldPath")


def check_expressions(schema: Schema, path: str, wrong: Collection[str]) -> list[FieldError]:
    """What does not compile, of levels that have nothing else that is wrong, here or below; `wrong` are the paths."""
    return [*_level(schema, parse(schema), path, _Above(wrong))]


class _Above:
    """The paths of errors, and the first level above that has no former state to compare with."""

    def __init__(self, wrong: Collection[str], uncorrelated: str = "") -> None:
        self.wrong = wrong
        self.uncorrelated = uncorrelated

    def sound(self, path: str) -> bool:
        return not any(each.startswith(path) for each in self.wrong)

    def within(self, path: str) -> "_Above":
        return self if self.uncorrelated else _Above(self.wrong, path)


def _level(schema: Schema, node: Node, path: str, above: _Above) -> Iterator[FieldError]:
    if not node.ruled:
        return
    if above.sound(path):
        for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
            yield from _expressions(rule, node, f"{path}.x-kubernetes-validations[{index}]", above)
    additional = schema.get("additionalProperties")
    if is_object(additional):
        yield from _level(additional, parse_part(additional), f"{path}.additionalProperties", above)
    for name, below in sorted(properties_of(schema).items()):
        yield from _level(below, node.properties[name], f"{path}.properties[{name}]", above)
    if node.items is not None:
        inner = above if schema.get("x-kubernetes-list-type") == "map" else above.within(path)
        yield from _level(schema["items"], node.items, f"{path}.items", inner)


def _expressions(rule: Written, node: Node, path: str, above: _Above) -> Iterator[FieldError]:
    optional = bool(rule.get("optionalOldSelf"))
    try:
        _check_expression(rule["rule"], node, "bool", optional=optional)
    except CompileError as error:
        yield _refused(rule, f"{path}.rule", str(error))
        return
    if expression := rule.get("messageExpression"):
        try:
            _check_expression(expression, node, "string", optional=optional)
        except CompileError as error:
            yield _refused(rule, f"{path}.messageExpression", f"messageExpression {error}")
    transitional = uses_old_self(rule["rule"])
    if transitional and above.uncorrelated:
        yield FieldError(Cause.INVALID, f"{path}.rule", _WITHIN.format(above.uncorrelated), rule["rule"])
    elif not transitional and rule.get("optionalOldSelf") is not None:
        says = "may not be set if oldSelf is not used in rule"
        yield FieldError(Cause.INVALID, f"{path}.optionalOldSelf", says, optional)


def _check_expression(text: str, node: Node, expected: str, *, optional: bool) -> None:
    """Checks an expression that is to give such a result.

    Raises:
        CompileError: with the words of the server.
    """
    try:
        result = result_of(text, node, optional=optional)
    except CompileError as error:
        raise CompileError(f"compilation failed: {error}") from error
    if result not in {expected.upper(), "DYN"}:
        raise CompileError(f"{'cel expression ' if expected == 'bool' else ''}must evaluate to a {expected}")


def _refused(rule: Written, path: str, says: str) -> FieldError:
    """A rule is shown with the fields of the server's own type, in their order."""
    names = {
        "Rule": rule.get("rule", ""),
        "Message": rule.get("message", ""),
        "MessageExpression": rule.get("messageExpression", ""),
        "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath", ""),
        "OptionalOldSelf": rule.get("optionalOldSelf"),
    }
    shown = ",".join(f"{compact(name)}:{compact(value)}" for name, value in names.items())
    return FieldError(Cause.INVALID, path, f"{{{shown}}}: {says}", OMITTED)


def _field_path_errors(field_path: str, schema: Schema, path: str) -> Iterator[FieldError]:
    if not field_path:
        return
    if not field_path.strip():
        yield FieldError(Cause.INVALID, path, "must be non-empty if specified", field_path)
    if _BREAK.search(field_path):
        yield FieldError(Cause.INVALID, path, "must not contain line breaks", field_path)
    try:
        resolved(field_path, parse_part(schema))
    except FieldPathError:
        yield FieldError(Cause.INVALID, path, "must be a valid path", field_path)
