"""ValidatingAdmissionPolicies and their bindings: the defaults.

Source: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/validating-admission-policy-v1/.
"""

from collections.abc import Callable

from aimctrl.sandbox.apiserver.builtin.policy_binding import binding_errors
from aimctrl.sandbox.apiserver.builtin.policy_validation import policy_errors
from aimctrl.sandbox.apiserver.builtin.resetting import Resetting
from aimctrl.sandbox.apiserver.errors import FieldError
from aimctrl.sandbox.apiserver.resources import Strategy
from aimctrl.sandbox.apiserver.schema.node import Object


class PolicyStrategy(Resetting):
    """ValidatingAdmissionPolicies; one whose expressions do not compile is refused."""

    def __init__(self, empty: Callable[[], Object]) -> None:
        super().__init__(empty)

    def default(self, thing: Object) -> None:
        """What fails refuses, and all of what is not said is chosen."""
        spec = thing["spec"]
        spec.setdefault("failurePolicy", "Fail")
        _default_match(spec.get("matchConstraints"))

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """All of the spec."""
        if subresource or (old is not None and thing["spec"] == old["spec"]):
            return []
        return [*policy_errors(thing)]


class PolicyBindingStrategy(Strategy):
    """ValidatingAdmissionPolicyBindings."""

    def default(self, thing: Object) -> None:
        """All of what is not said is chosen."""
        _default_match(thing["spec"].get("matchResources"))

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """All of the spec."""
        del old, subresource
        return [*binding_errors(thing["spec"])]


def _default_match(resources: Object | None) -> None:
    if resources is None:
        return
    resources.setdefault("namespaceSelector", {})
    resources.setdefault("objectSelector", {})
    resources.setdefault("matchPolicy", "Equivalent")
    for name in ("resourceRules", "excludeResourceRules"):
        for rule in resources.get(name) or ():
            rule.setdefault("scope", "*")
