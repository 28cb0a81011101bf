"""The rules of a schema (`x-kubernetes-validations`), run on a value.

What is known to differ: nothing is counted against a cost budget.
Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

from collections.abc import Iterator

import msgspec

from aimctrl.sandbox.apiserver.errors import OMITTED, Cause, FieldError
from aimctrl.sandbox.apiserver.schema.cel import CompiledRule, EvaluationError, compile_rule
from aimctrl.sandbox.apiserver.schema.cel_env import CompileError
from aimctrl.sandbox.apiserver.schema.correlation import old_items, same
from aimctrl.sandbox.apiserver.schema.field_path import normalized
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, Node, Rule, is_array, is_object

_LONGEST = 5 * 1024
_REASONS = {
    "FieldValueForbidden": Cause.FORBIDDEN,
    "FieldValueRequired": Cause.REQUIRED,
    "FieldValueDuplicate": Cause.DUPLICATE,
}


class _Place(msgspec.Struct, frozen=True):
    """A value, what it was, and the nearest value around it whose former state is known, with that state."""

    path: str
    value: Json
    old: Json
    nearest: tuple[Json, Json] = (NOTHING, NOTHING)

    def below(self, path: str, value: Json, old: Json) -> "_Place":
        known = old is not NOTHING and old is not None
        return _Place(path, value, old if known else NOTHING, (value, old) if known else self.nearest)

    @property
    def unchanged(self) -> bool:
        value, old = self.nearest
        return old is not NOTHING and same(value, old)


def check_rules(node: Node, new: Json, old: Json = NOTHING) -> list[FieldError]:
    """What the rules of a schema have against a value; the path of the value itself is empty.

    Rules about the former value are run where there is one. Others are not held against a part that is as it was.
    """
    return list(_visit(node, _Place("", new, old).below("", new, old)))


def _visit(node: Node, place: _Place) -> Iterator[FieldError]:
    if place.value is None or not node.ruled or (not node.transitional and place.unchanged):
        return
    for rule in node.rules:
        yield from _run(rule, node, place)
    if is_object(place.value):
        before = place.old if is_object(place.old) else {}
        for key in sorted(place.value):
            child = node.child(key)
            if child is not None and child.ruled:
                path = _child_path(node, place.path, key)
                yield from _visit(child, place.below(path, place.value[key], before.get(key, NOTHING)))
    elif is_array(place.value) and node.items is not None and node.items.ruled:
        former = old_items(node, place.value, place.old) or [NOTHING] * len(place.value)
        for index, item in enumerate(place.value):
            yield from _visit(node.items, place.below(f"{place.path}[{index}]", item, former[index]))


def _child_path(node: Node, path: str, key: str) -> str:
    if key not in node.properties:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _run(rule: Rule, node: Node, place: _Place) -> Iterator[FieldError]:
    path, kind = place.path, node.type
    if not rule.rule.strip():
        return
    try:
        compiled = compile_rule(rule, node)
        if compiled.program.transitional and place.old is NOTHING and not rule.optional_old_self:
            return
        if compiled.program(node, place.value, place.old) is True:
            return
    except CompileError as error:
        yield FieldError(Cause.INVALID, path, f"rule compile error: compilation failed: {error}", kind)
        return
    except EvaluationError as error:
        yield FieldError(Cause.INVALID, path, _evaluation_failed(str(error), rule), kind)
        return
    if compiled.program.transitional or not place.unchanged:
        yield _refusal(compiled, node, place)


def _evaluation_failed(says: str, rule: Rule) -> str:
    shown = (rule.message or rule.rule).strip()
    if says.startswith("no such overload"):
        mismatch = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{says}': {mismatch}: {shown}"
    return f"{says} evaluating rule: {shown}"


def _refusal(compiled: CompiledRule, node: Node, place: _Place) -> FieldError:
    rule = compiled.rule
    cause = _REASONS.get(rule.reason, Cause.INVALID)
    path = place.path
    if below := normalized(rule.field_path, node):
        path = f"{path}.{below}" if path else below
    value = OMITTED if node.type in {"object", "array"} else place.value
    detail = "" if cause is Cause.DUPLICATE else _message(compiled, node, place)
    return FieldError(cause, path, detail, value)


def _message(compiled: CompiledRule, node: Node, place: _Place) -> str:
    """What the rule's expression says, else its message, else the rule itself."""
    rule = compiled.rule
    if compiled.message is not None:
        try:
            said = compiled.message(node, place.value, place.old)
        except EvaluationError:
            said = None
        if isinstance(said, str) and (said := said.strip()) and len(said.encode()) <= _LONGEST and "\n" not in said:
            return said
    return rule.message.strip() or f"failed rule: {rule.rule.strip()}"
