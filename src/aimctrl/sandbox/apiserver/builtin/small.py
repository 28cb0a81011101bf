"""Kinds of which only little is peculiar, each with its defaults and what may not change.

Source: https://kubernetes.io/docs/reference/kubernetes-api/.
"""

import re
from collections.abc import Iterator

from aimctrl.sandbox.apiserver.builtin.checks import immutable, invalid, not_negative, required, unsupported
from aimctrl.sandbox.apiserver.builtin.pod_defaults import default_template
from aimctrl.sandbox.apiserver.builtin.resetting import Resetting
from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.resources import Strategy
from aimctrl.sandbox.apiserver.schema.node import Object

RBAC = "rbac.authorization.k8s.io"

_SUBJECTS = ("ServiceAccount", "User", "Group")
_PERCENT = re.compile(r"[0-9]+%")
_PERCENT_WORDS = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)
_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLES = ("Persistent", "Ephemeral")
_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")


class NodeStrategy(Strategy):
    """A node's allocatable resources are its capacity, where it says nothing of them."""

    def default(self, thing: Object) -> None:
        """The allocatable resources."""
        status, spec = thing["status"], thing["spec"]
        if status.get("capacity"):
            status.setdefault("allocatable", dict(status["capacity"]))
        if spec.get("podCIDR"):
            spec.setdefault("podCIDRs", [spec["podCIDR"]])


class BindingStrategy(Strategy):
    """RoleBindings and ClusterRoleBindings."""

    def default(self, thing: Object) -> None:
        """The groups of users and roles."""
        thing["roleRef"]["apiGroup"] = thing["roleRef"].get("apiGroup") or RBAC
        for subject in thing.get("subjects", ()):
            if subject["kind"] in {"User", "Group"}:
                subject.setdefault("apiGroup", RBAC)

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The role, which may not change, and the subjects."""
        del subresource
        role = thing["roleRef"]
        known = ("Role", "ClusterRole") if thing["kind"] == "RoleBinding" else ("ClusterRole",)
        errors = [] if role["kind"] in known else [unsupported("roleRef.kind", role["kind"], known)]
        errors += [] if role["name"] else [required("roleRef.name")]
        for index, subject in enumerate(thing.get("subjects", ())):
            errors += _subject_errors(subject, f"subjects[{index}]", local=thing["kind"] == "RoleBinding")
        if old is not None and role != old["roleRef"]:
            shown = {"APIGroup": role["apiGroup"], "Kind": role["kind"], "Name": role["name"]}  # as the Go struct
            errors.append(invalid("roleRef", shown, "cannot change roleRef"))
        return errors


def _subject_errors(subject: Object, where: str, *, local: bool) -> Iterator[FieldError]:
    if not subject["name"]:
        yield required(f"{where}.name")
    if subject["kind"] not in _SUBJECTS:
        yield unsupported(f"{where}.kind", subject["kind"], _SUBJECTS)
    if subject["kind"] == "ServiceAccount" and not subject.get("namespace") and not local:
        yield required(f"{where}.namespace")


class RoleStrategy(Strategy):
    """Roles and ClusterRoles."""

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The rules."""
        del old, subresource
        rules = enumerate(thing.get("rules") or ())
        local = thing["kind"] == "Role"
        return [error for index, rule in rules for error in _rule_errors(rule, f"rules[{index}]", local=local)]


def _rule_errors(rule: Object, where: str, *, local: bool) -> Iterator[FieldError]:
    if not rule.get("verbs"):
        yield required(f"{where}.verbs", "verbs must contain at least one value")
    if rule.get("nonResourceURLs"):
        if local:
            words = "namespaced rules cannot apply to non-resource URLs"
            yield invalid(f"{where}.nonResourceURLs", rule["nonResourceURLs"], words)
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            words = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid(f"{where}.nonResourceURLs", rule["nonResourceURLs"], words)
        return
    if not rule.get("apiGroups"):
        yield required(f"{where}.apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield required(f"{where}.resources", "resource rules must supply at least one resource")


class LeaseStrategy(Strategy):
    """Leases."""

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """Its numbers."""
        del old, subresource
        spec = thing["spec"]
        seconds = spec.get("leaseDurationSeconds")
        errors: list[FieldError] = []
        if seconds is not None and seconds <= 0:
            errors.append(invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
        return [*errors, *not_negative("spec.leaseTransitions", spec.get("leaseTransitions"))]


SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
"""The PriorityClasses that every cluster has, with their values."""

_LARGEST_PRIORITY = 1_000_000_000
_SYSTEM_WORDS = "priority class names with 'system-' prefix are reserved for system use only"


class CsiDriverStrategy(Strategy):
    """CSIDrivers."""

    def default(self, thing: Object) -> None:
        """What drivers can do and want where they do not say."""
        spec = thing["spec"]
        spec["volumeLifecycleModes"] = spec.get("volumeLifecycleModes") or ["Persistent"]
        spec.setdefault("attachRequired", True)
        spec.setdefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
        for name in ("podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"):
            spec.setdefault(name, False)

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """Its policy and its modes."""
        del old, subresource
        spec, errors = thing["spec"], list[FieldError]()
        if spec["fsGroupPolicy"] not in _GROUP_POLICIES:
            errors.append(unsupported("spec.fsGroupPolicy", spec["fsGroupPolicy"], _GROUP_POLICIES))
        modes = [mode for mode in spec["volumeLifecycleModes"] if mode not in _LIFECYCLES]
        return [*errors, *(unsupported("spec.volumeLifecycleModes", mode, _LIFECYCLES) for mode in modes)]


class PriorityClassStrategy(Strategy):
    """PriorityClasses."""

    def default(self, thing: Object) -> None:
        """Pods of it preempt others."""
        thing.setdefault("preemptionPolicy", "PreemptLowerPriority")

    def generation_changed(self, thing: Object, old: Object) -> bool:
        """Nothing counts."""
        del thing, old
        return False

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """That value and policy stay, and that the system's are its own."""
        del subresource
        name, value = thing["metadata"].get("name", ""), thing.get("value", 0)
        errors: list[FieldError] = []
        if name.startswith("system-") and value != SYSTEM_CLASSES.get(name):
            why = f"{name} is not a known system priority class"
            if name in SYSTEM_CLASSES:
                why = f"value of {name} PriorityClass must be {SYSTEM_CLASSES[name]}"
            errors.append(FieldError(Cause.FORBIDDEN, "metadata.name", f"{_SYSTEM_WORDS}. error: {why}"))
        elif value > _LARGEST_PRIORITY and not name.startswith("system-"):
            words = f"maximum allowed value of a user defined priority is {_LARGEST_PRIORITY}"
            errors.append(FieldError(Cause.FORBIDDEN, "value", words))
        if old is not None and thing.get("value", 0) != old.get("value", 0):
            errors.append(FieldError(Cause.FORBIDDEN, "value", "may not be changed in an update."))
        if old is not None and thing["preemptionPolicy"] != old["preemptionPolicy"]:
            errors.append(immutable("preemptionPolicy", thing["preemptionPolicy"]))
        return errors


class BudgetStrategy(Resetting):
    """PodDisruptionBudgets."""

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """That it has one bound."""
        del old
        spec = thing["spec"]
        bounds = {key: spec[key] for key in ("minAvailable", "maxUnavailable") if key in spec}
        if subresource:
            return []
        if len(bounds) == 2:
            return [invalid("spec", bounds, "minAvailable and maxUnavailable cannot be both set")]
        return [error for key, value in bounds.items() for error in _share_errors(f"spec.{key}", value)]


def _share_errors(path: str, value: int | str) -> Iterator[FieldError]:
    if isinstance(value, int):
        yield from not_negative(path, value)
    elif _PERCENT.fullmatch(value) is None:
        yield invalid(path, value, _PERCENT_WORDS)


class EndpointsStrategy(Strategy):
    """Endpoints."""

    def default(self, thing: Object) -> None:
        """The protocol of ports."""
        for subset in thing.get("subsets", ()):
            for port in subset.get("ports", ()):
                port.setdefault("protocol", "TCP")


class EndpointSliceStrategy(Strategy):
    """EndpointSlices."""

    def default(self, thing: Object) -> None:
        """The names and protocols of ports."""
        for port in thing.get("ports") or ():
            port.setdefault("name", "")
            port.setdefault("protocol", "TCP")

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The type of its addresses."""
        del subresource
        if not thing["addressType"]:
            return [required("addressType")]
        if thing["addressType"] not in _ADDRESS_TYPES:
            return [unsupported("addressType", thing["addressType"], _ADDRESS_TYPES)]
        return (
            [immutable("addressType", thing["addressType"])]
            if old and old["addressType"] != thing["addressType"]
            else []
        )


class PodTemplateStrategy(Strategy):
    """PodTemplates."""

    def default(self, thing: Object) -> None:
        """The template's."""
        default_template(thing["template"])


class LimitRangeStrategy(Strategy):
    """LimitRanges."""

    def default(self, thing: Object) -> None:
        """Limits of containers follow from the largest, and requests from the limits."""
        for limit in thing["spec"]["limits"] or ():
            if limit["type"] != "Container":
                continue
            for source, target in (("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")):
                for name, amount in limit.get(source, {}).items():
                    limit.setdefault(target, {}).setdefault(name, amount)


class NetworkPolicyStrategy(Strategy):
    """NetworkPolicies."""

    def default(self, thing: Object) -> None:
        """The directions it is about, and the protocol of ports."""
        spec = thing["spec"]
        spec.setdefault("policyTypes", ["Ingress", *(["Egress"] if spec.get("egress") else [])])
        for rule in (*spec.get("ingress", ()), *spec.get("egress", ())):
            for port in rule.get("ports", ()):
                port.setdefault("protocol", "TCP")


class AutoscalerStrategy(Resetting):
    """HorizontalPodAutoscalers."""

    def default(self, thing: Object) -> None:
        """One replica at least."""
        thing["spec"].setdefault("minReplicas", 1)
        thing["spec"].setdefault("targetCPUUtilizationPercentage", 80)
