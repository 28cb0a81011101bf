"""ValidatingAdmissionPolicyBindings: what they must be.

Source: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/validating-admission-policy-binding-v1/.
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.builtin.checks import dns_subdomain, forbidden, invalid, required, unsupported
from aimctrl.sandbox.apiserver.builtin.match_resources import match_errors, selector_errors
from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.node import Object

_ACTIONS = ("Audit", "Deny", "Warn")
_BOTH = (
    "must not contain both Deny and Warn (repeating the same validation failure information in the API response and "
    "headers serves no purpose)"
)
_MISSING = ("Deny", "Allow")
_ONE_OF_TWO = "name and selector are mutually exclusive"


def binding_errors(spec: Object) -> Iterator[FieldError]:
    """What is wrong with the spec of a binding."""
    if not spec.get("policyName"):
        yield required("spec.policyName")
    else:
        yield from dns_subdomain("spec.policyName", spec["policyName"])
    if (reference := spec.get("paramRef")) is not None:
        yield from _reference_errors(reference, "spec.paramRef")
    if (resources := spec.get("matchResources")) is not None:
        yield from match_errors(resources, "spec.matchResources")
    yield from _action_errors(spec.get("validationActions") or [], "spec.validationActions")


def _reference_errors(reference: Object, path: str) -> Iterator[FieldError]:
    name, selector = reference.get("name", ""), reference.get("selector")
    if name and selector is not None:
        yield forbidden(f"{path}.name", _ONE_OF_TWO)
    if selector is not None:
        yield from selector_errors(selector, f"{path}.selector")
        if name:
            yield forbidden(f"{path}.selector", _ONE_OF_TWO)
    elif not name:
        yield required(path, "one of name or selector must be specified")
    missing = reference.get("parameterNotFoundAction")
    if not missing:
        yield required(f"{path}.parameterNotFoundAction")
    elif missing not in _MISSING:
        yield unsupported(f"{path}.parameterNotFoundAction", missing, _MISSING)


def _action_errors(actions: list[str], path: str) -> Iterator[FieldError]:
    for index, action in enumerate(actions):
        if action not in _ACTIONS:
            yield unsupported(f"{path}[{index}]", action, _ACTIONS)
        if action in actions[:index]:
            yield FieldError(Cause.DUPLICATE, f"{path}[{index}]", "", action)
    if {"Deny", "Warn"} <= {*actions}:
        yield invalid(path, actions, _BOTH)
    if not actions:
        yield required(path, "at least one validation action is required")
