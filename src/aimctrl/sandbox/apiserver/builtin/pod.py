"""Pods: defaults, admission, what may be changed, and how they go.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/.
"""

from aimctrl.sandbox.apiserver.builtin import pod_admission, pod_security
from aimctrl.sandbox.apiserver.builtin.amounts import parse
from aimctrl.sandbox.apiserver.builtin.checks import immutable
from aimctrl.sandbox.apiserver.builtin.pod_defaults import default_pod
from aimctrl.sandbox.apiserver.builtin.pod_validation import change_errors, spec_errors
from aimctrl.sandbox.apiserver.errors import FieldError
from aimctrl.sandbox.apiserver.resources import Strategy
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Storage

_ENDED = ("Succeeded", "Failed")
_COUNTED = ("cpu", "memory")


class PodStrategy(Strategy):
    """A Pod that a kubelet has is ended by it, within its grace period."""

    graceful = True

    def default(self, thing: Object) -> None:
        """Defaults of the spec."""
        default_pod(thing)

    def admit(self, storage: Storage, thing: Object, old: Object | None) -> None:
        """Adds the service account, the priority and tolerations to a new Pod."""
        if old is None:
            pod_admission.admit(storage, thing)

    def prepare_create(self, thing: Object) -> None:
        """A new Pod is pending."""
        thing["status"] = {"phase": "Pending", "qosClass": quality(thing["spec"])}
        if thing["spec"].get("terminationGracePeriodSeconds", 0) < 0:
            thing["spec"]["terminationGracePeriodSeconds"] = 1

    def prepare_update(self, thing: Object, old: Object) -> None:
        """Tolerations of the old one that the new one does not name are kept where it names none."""
        if not thing["spec"].get("tolerations") and old["spec"].get("tolerations"):
            pod_admission.add_tolerations(thing["spec"])

    def prepare_status(self, thing: Object, old: Object) -> None:
        """The owners are not the kubelet's to say."""
        owners = old["metadata"].get("ownerReferences")
        thing["metadata"].pop("ownerReferences", None)
        if owners:
            thing["metadata"]["ownerReferences"] = owners
        thing["status"].setdefault("qosClass", old["status"].get("qosClass", "BestEffort"))

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The spec, and that it stays as it is."""
        if subresource == "status":
            quality_now = thing["status"].get("qosClass")
            before = (old or thing)["status"].get("qosClass")
            return [] if quality_now == before else [immutable("status.qosClass", quality_now)]
        if subresource:
            return []
        errors = [*spec_errors(thing["spec"], "spec")]
        return errors if old is None else [*errors, *change_errors(thing["spec"], old["spec"])]

    def permit(self, storage: Storage, thing: Object, old: Object | None) -> None:
        """Holds a Pod to the level of Pod Security that its namespace enforces."""
        if old is None or thing["spec"] != old["spec"]:
            pod_security.check(storage, thing)

    def grace_seconds(self, thing: Object, asked: int | None) -> int:
        """What was asked for, or what the Pod says; none where nobody runs it."""
        spec = thing["spec"]
        if not spec.get("nodeName") or thing.get("status", {}).get("phase") in _ENDED:
            return 0
        period: int = spec.get("terminationGracePeriodSeconds", 0) if asked is None else asked
        return max(1, period) if period < 0 else period


def quality(spec: Object) -> str:
    """The class of quality of service of a Pod: Guaranteed, Burstable or BestEffort."""
    parts = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    all_resources = [container["resources"] for container in parts]
    asked = [resources.get(key, {}) for resources in all_resources for key in ("requests", "limits")]
    if not any(_positive(amounts, name) for amounts in asked for name in _COUNTED):
        return "BestEffort"
    for resources in all_resources:
        limits, requests = resources.get("limits", {}), resources.get("requests", {})
        for name in _COUNTED:
            if not _positive(limits, name) or parse(requests.get(name, limits[name])) != parse(limits[name]):
                return "Burstable"
    return "Guaranteed"


def _positive(amounts: Object, name: str) -> bool:
    return bool(parse(amounts.get(name, "0")))
