"""Which node a pod fits on: its node selector, its required node affinity, and the devices it asks for; pure.

Of resources only the number of pods and extended resources (GPUs and the like, whose names have a domain) are counted;
CPU and memory are taken to suffice. Preferences, taints and affinity between pods are not read.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aimctrl.kube import quantity
from aimctrl.kube.core import Container
from aimctrl.kube.kinds import Key
from aimctrl.sandbox.wire import Affinity, Node, PodSpec, Requirement, Term

DEFAULT_PODS = 110
MATCH_REASON = "node(s) didn't match Pod's node affinity/selector"


@dataclass(frozen=True, slots=True)
class Demand:
    """What something asks of a node; `devices` are extended resources by name, `terms` None where any node will do."""

    selector: Mapping[str, str] = field(default_factory=dict[str, str])
    terms: tuple[Term, ...] | None = None
    devices: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Placed:
    """The node that was chosen."""

    node: str


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node fits; the message counts the nodes per reason, as the scheduler's does."""

    message: str


class Occupancy:
    """What is taken on each node, by pod: a pod is held from the moment a node is chosen for it until it is over."""

    def __init__(self) -> None:
        self._held: dict[Key, tuple[str, str, Mapping[str, int]]] = {}
        self._devices: dict[str, Counter[str]] = {}
        self._pods: Counter[str] = Counter()

    def hold(self, pod: Key, uid: str, node: str, devices: Mapping[str, int]) -> None:
        """The pod of that uid is on that node, and no other pod of its name is anywhere."""
        if self._held.get(pod) == (uid, node, devices):
            return
        self.release(pod)
        self._held[pod] = (uid, node, devices)
        self._devices.setdefault(node, Counter()).update(devices)
        self._pods[node] += 1

    def holds(self, pod: Key, uid: str) -> bool:
        """Whether a node is held for the pod of that uid."""
        held = self._held.get(pod)
        return held is not None and held[0] == uid

    def release(self, pod: Key) -> bool:
        """The pod is on no node; tells whether it was on one."""
        held = self._held.pop(pod, None)
        if held is None:
            return False
        _, node, devices = held
        self._devices[node].subtract(devices)
        self._pods[node] -= 1
        return True

    def pods(self, node: str) -> int:
        """How many pods are there."""
        return self._pods[node]

    def devices(self, node: str, resource: str) -> int:
        """How many devices of that resource are taken there."""
        taken = self._devices.get(node)
        return taken[resource] if taken else 0


def demand_of(spec: PodSpec) -> Demand:
    """What a pod asks for: the sum over its containers, or one init container's share where that is larger."""
    devices = Counter(devices_of(spec.containers))
    for container in spec.init_containers:
        devices |= Counter(devices_of([container]))
    return Demand(spec.node_selector, required_terms(spec.affinity), devices)


def devices_of(containers: Iterable[Container]) -> dict[str, int]:
    """The extended resources these containers ask for together; a limit alone is a request too."""
    total: Counter[str] = Counter()
    for container in containers:
        asked = {**container.resources.get("limits", {}), **container.resources.get("requests", {})}
        total.update({name: int(quantity.parse(amount)) for name, amount in asked.items() if "/" in name})
    return dict(total)


def required_terms(affinity: Affinity | None) -> tuple[Term, ...] | None:
    """The terms of a required node affinity, None where there is none."""
    if affinity is None or affinity.node_affinity is None or affinity.node_affinity.required is None:
        return None
    return affinity.node_affinity.required.node_selector_terms


def place(demand: Demand, nodes: Sequence[Node], taken: Occupancy) -> Placed | Unschedulable:
    """The node with the fewest pods of those that fit, the first by name among equals."""
    if not nodes:
        return Unschedulable("no nodes available to schedule pods")
    refusals = {node.metadata.name: _refusals(demand, node, taken) for node in nodes}
    fitting = [name for name, reasons in refusals.items() if not reasons]
    if fitting:
        return Placed(min(fitting, key=lambda name: (taken.pods(name), name)))
    counts = Counter(reason for reasons in refusals.values() for reason in reasons)
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    return Unschedulable(f"0/{len(nodes)} nodes are available: {told}.")


def matches(demand: Demand, node: Node) -> bool:
    """Whether the node carries the labels that are asked for."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in demand.selector.items()):
        return False
    return demand.terms is None or any(_term_holds(term, node) for term in demand.terms)


def _refusals(demand: Demand, node: Node, taken: Occupancy) -> list[str]:
    if node.spec.unschedulable:
        return ["node(s) were unschedulable"]
    if not matches(demand, node):
        return [MATCH_REASON]
    return list(_shortages(demand, node, taken))


def _shortages(demand: Demand, node: Node, taken: Occupancy) -> Iterator[str]:
    name, has = node.metadata.name, node.status.allocatable
    if taken.pods(name) >= int(quantity.parse(has.get("pods", DEFAULT_PODS))):
        yield "Too many pods"
    for resource, count in demand.devices.items():
        if count and taken.devices(name, resource) + count > int(quantity.parse(has.get(resource, 0))):
            yield f"Insufficient {resource}"


def _term_holds(term: Term, node: Node) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": node.metadata.name}
    return all(_holds(expression, node.metadata.labels) for expression in term.match_expressions) and all(
        _holds(expression, fields) for expression in term.match_fields
    )


def _holds(expression: Requirement, values: Mapping[str, str]) -> bool:
    operator = _OPERATORS.get(expression.operator)
    return operator is not None and operator(values.get(expression.key), expression.values)


def _compared(value: str | None, bounds: Sequence[str], sign: int) -> bool:
    """Whether `value` lies on that side of the one bound; what is no integer does not."""
    try:
        return value is not None and len(bounds) == 1 and sign * int(value) > sign * int(bounds[0])
    except ValueError:
        return False


_OPERATORS: Mapping[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": lambda value, values: _compared(value, values, 1),
    "Lt": lambda value, values: _compared(value, values, -1),
}
