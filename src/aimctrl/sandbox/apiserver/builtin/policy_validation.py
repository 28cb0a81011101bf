"""ValidatingAdmissionPolicies: what they must be.

Source: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/validating-admission-policy-v1/.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aimctrl.sandbox.apiserver.builtin.checks import invalid, label_key, required, unsupported
from aimctrl.sandbox.apiserver.builtin.match_resources import match_errors
from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.policies.expressions import result_of, variables
from aimctrl.sandbox.apiserver.schema.cel_env import CompileError
from aimctrl.sandbox.apiserver.schema.node import Node, Object

_FAILURES = ("Fail", "Ignore")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_RESERVED = re.compile(
    "as|break|const|continue|else|false|for|function|if|import|in|let|loop|namespace|null|package|return|true|var|void"
    "|while"
)
_BREAK = re.compile(r"[\r\n]")
_MOST_CONDITIONS = 64
_NEITHER = "validations or auditAnnotations must contain at least one item"
_NOTHING = "must be non-empty if specified"

Known = Mapping[str, Node]


def policy_errors(policy: Object) -> Iterator[FieldError]:
    """What is wrong with the spec of a policy."""
    spec = policy["spec"]
    if spec["failurePolicy"] not in _FAILURES:
        yield unsupported("spec.failurePolicy", spec["failurePolicy"], _FAILURES)
    params = spec.get("paramKind") is not None
    if params:
        yield from _kind_errors(spec["paramKind"], "spec.paramKind")
    yield from _choice_errors(spec.get("matchConstraints"), "spec.matchConstraints")
    yield from _condition_errors(spec.get("matchConditions") or [], variables(params=params), "spec.matchConditions")
    declared: dict[str, Node] = {}
    known = variables(params=params, declared=declared if spec.get("variables") else None)
    for index, each in enumerate(spec.get("variables") or ()):
        yield from _variable_errors(each, known, declared, f"spec.variables[{index}]")
    yield from _rule_errors(policy, known)


def _rule_errors(policy: Object, known: Known) -> Iterator[FieldError]:
    spec = policy["spec"]
    validations, annotations = spec.get("validations") or (), spec.get("auditAnnotations") or ()
    if not (validations or annotations):
        yield required("spec.validations", _NEITHER)
        yield required("spec.auditAnnotations", _NEITHER)
    for index, each in enumerate(validations):
        yield from _validation_errors(each, known, f"spec.validations[{index}]")
    keys = [each.get("key", "") for each in annotations]
    for index, each in enumerate(annotations):
        path = f"spec.auditAnnotations[{index}]"
        yield from _annotation_errors(each, policy["metadata"].get("name", ""), known, path)
        if keys[index] in keys[:index]:
            yield FieldError(Cause.DUPLICATE, f"{path}.key", "", keys[index])


def _kind_errors(kind: Object, path: str) -> Iterator[FieldError]:
    version: str = kind.get("apiVersion", "")
    if not version:
        yield required(f"{path}.apiVersion")
    elif version.count("/") > 1:
        yield invalid(f"{path}.apiVersion", version, f"unexpected GroupVersion string: {version}")
    elif version.endswith("/"):
        yield invalid(f"{path}.apiVersion", version, "version must be specified")
    if not kind.get("kind"):
        yield required(f"{path}.kind")


def _choice_errors(resources: Object | None, path: str) -> Iterator[FieldError]:
    if resources is None:
        yield required(path)
        return
    yield from match_errors(resources, path)
    if not resources.get("resourceRules"):
        yield required(f"{path}.resourceRules")


def _condition_errors(conditions: list[Any], known: Known, path: str) -> Iterator[FieldError]:
    if len(conditions) > _MOST_CONDITIONS:
        yield FieldError(Cause.TOO_MANY, path, f"must have at most {_MOST_CONDITIONS} items", len(conditions))
    names = [each.get("name", "") for each in conditions]
    for index, each in enumerate(conditions):
        where, name = f"{path}[{index}]", names[index]
        expression = each["expression"].strip()
        if expression:
            yield from _compiled(expression, known, f"{where}.expression", "bool")
        else:
            yield required(f"{where}.expression")
        if name:
            yield from label_key(f"{where}.name", name)
        else:
            yield required(f"{where}.name")
        if name and name in names[:index]:
            yield FieldError(Cause.DUPLICATE, f"{where}.name", "", name)


def _variable_errors(variable: Object, known: Known, declared: dict[str, Node], path: str) -> Iterator[FieldError]:
    """What is wrong with a variable; a good one is added to those that expressions from here on may name."""
    name: str = variable.get("name", "")
    if not name.strip():
        yield required(f"{path}.name", "name is not specified")
    elif _IDENTIFIER.fullmatch(name) is None or _RESERVED.fullmatch(name):
        yield invalid(f"{path}.name", name, "must be a valid CEL identifier")
    expression: str = variable["expression"]
    if not expression.strip():
        yield required(f"{path}.expression", "expression is not specified")
        return
    try:
        declared[name] = result_of(expression, known)
    except CompileError as error:
        yield invalid(f"{path}.expression", expression, str(error))
        declared[name] = Node(int_or_string=True)


def _validation_errors(validation: Object, known: Known, path: str) -> Iterator[FieldError]:
    expression, message = validation["expression"], validation.get("message") or ""
    if expression.strip():
        yield from _compiled(expression, known, f"{path}.expression", "bool")
    else:
        yield required(f"{path}.expression", "expression is not specified")
    words = validation.get("messageExpression") or ""
    if words.strip():
        yield from _compiled(words, known, f"{path}.messageExpression", "string")
    elif words:
        yield invalid(f"{path}.messageExpression", words, _NOTHING)
    if message and not message.strip():
        yield invalid(f"{path}.message", message, _NOTHING)
    elif _BREAK.search(message.strip()):
        yield invalid(f"{path}.message", message, "must not contain line breaks")
    reason = validation.get("reason")
    if reason is not None and reason not in _REASONS:
        yield unsupported(f"{path}.reason", reason, _REASONS)


def _annotation_errors(annotation: Object, policy: str, known: Known, path: str) -> Iterator[FieldError]:
    key = annotation.get("key", "")
    if policy:
        yield from label_key(f"{path}.key", f"{policy}/{key}")
    else:
        yield invalid(f"{path}.key", key, "requires metadata.name be non-empty")
    expression = annotation["valueExpression"].strip()
    if not expression:
        yield required(f"{path}.valueExpression", "valueExpression is not specified")
    else:
        yield from _compiled(expression, known, f"{path}.valueExpression", "string", "null_type")


def _compiled(text: str, known: Known, path: str, *expected: str) -> Iterator[FieldError]:
    try:
        result_of(text, known, *expected)
    except CompileError as error:
        yield invalid(path, text, str(error))
