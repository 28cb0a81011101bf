"""`matchResources`, as policies and their bindings have it: what it must be.

Source: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/validating-admission-policy-v1/.
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.builtin.checks import forbidden, invalid, label_key, required, unsupported
from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.metadata import value_faults
from aimctrl.sandbox.apiserver.schema.node import Object

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_POLICIES = ("Equivalent", "Exact")
_SCOPES = ("*", "Cluster", "Namespaced")
_ALONE = "if '*' is present, must not specify other {}"
_SETS, _FLAGS = ("In", "NotIn"), ("Exists", "DoesNotExist")


def match_errors(resources: Object, path: str) -> Iterator[FieldError]:
    """What is wrong with such a choice of requests."""
    if resources["matchPolicy"] not in _POLICIES:
        yield unsupported(f"{path}.matchPolicy", resources["matchPolicy"], _POLICIES)
    for name in ("namespaceSelector", "objectSelector"):
        yield from selector_errors(resources[name], f"{path}.{name}")
    for name in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(resources.get(name) or ()):
            yield from _rule_errors(rule, f"{path}.{name}[{index}]")


def selector_errors(selector: Object, path: str) -> Iterator[FieldError]:
    """What is wrong with a LabelSelector."""
    labels: dict[str, str] = selector.get("matchLabels") or {}
    for key, value in sorted(labels.items()):
        yield from label_key(f"{path}.matchLabels", key)
        yield from (invalid(f"{path}.matchLabels", value, fault) for fault in value_faults(value))
    for index, each in enumerate(selector.get("matchExpressions") or ()):
        yield from _expression_errors(each, f"{path}.matchExpressions[{index}]")


def _expression_errors(expression: Object, path: str) -> Iterator[FieldError]:
    operator, values = expression["operator"], expression.get("values") or ()
    if operator in _SETS and not values:
        yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in _FLAGS and values:
        yield forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator not in (*_SETS, *_FLAGS):
        yield invalid(f"{path}.operator", operator, "not a valid selector operator")
    yield from label_key(f"{path}.key", expression["key"])
    for index, value in enumerate(values):
        yield from (invalid(f"{path}.values[{index}]", value, fault) for fault in value_faults(value))


def _rule_errors(rule: Object, path: str) -> Iterator[FieldError]:
    yield from _name_errors(rule.get("resourceNames") or [], f"{path}.resourceNames")
    operations: list[str] = rule.get("operations") or []
    yield from _few(operations, f"{path}.operations", "operations")
    for index, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            yield unsupported(f"{path}.operations[{index}]", operation, _OPERATIONS)
    yield from _few(rule.get("apiGroups") or [], f"{path}.apiGroups", "API groups")
    versions: list[str] = rule.get("apiVersions") or []
    yield from _few(versions, f"{path}.apiVersions", "API versions")
    yield from (required(f"{path}.apiVersions[{index}]") for index, each in enumerate(versions) if not each)
    yield from _resource_errors(rule.get("resources") or [], f"{path}.resources")
    if rule["scope"] not in _SCOPES:
        yield unsupported(f"{path}.scope", rule["scope"], _SCOPES)


def _few(values: list[str], path: str, named: str) -> Iterator[FieldError]:
    """What is wrong with a list that must not be empty, nor have a star beside others."""
    if not values:
        yield required(path)
    elif len(values) > 1 and "*" in values:
        yield invalid(path, values, _ALONE.format(named))


def _name_errors(names: list[str], path: str) -> Iterator[FieldError]:
    for index, name in enumerate(names):
        where = f"{path}[{index}]"
        if name in {".", ".."}:
            yield invalid(where, name, f"may not be '{name}'")
        else:
            yield from (invalid(where, name, f"may not contain '{char}'") for char in "/%" if char in name)
        if name in names[:index]:
            yield FieldError(Cause.DUPLICATE, where, "", name)


def _resource_errors(resources: list[str], path: str) -> Iterator[FieldError]:
    """What is wrong with texts such as `pods` and `pods/status`: what a star means is not said again."""
    if not resources:
        yield required(path)
    for index, each in enumerate(resources):
        if not each:
            yield required(f"{path}[{index}]")
        for wider in _wider(each):
            if wider in resources[:index]:
                yield invalid(f"{path}[{index}]", each, f"if '{wider}' is present, must not specify {each}")
    if len(resources) > 1 and "*/*" in resources:
        yield invalid(path, resources, "if '*/*' is present, must not specify other resources")
    whole = [each for each in resources if each and "/" not in each]
    if "*" in whole and whole[-1] != "*":
        words = "if '*' is present, must not specify other resources without subresources"
        yield invalid(path, resources, words)


def _wider(resource: str) -> tuple[str, ...]:
    """The texts that mean a part of a resource, and more."""
    owner, _, part = resource.partition("/")
    return (f"{owner}/*", f"*/{part}") if part else ()
