"""The scheduler's memory: which pods hold what on which node, and which wait for one."""

from collections.abc import Callable, Sequence

from aimctrl.kube.kinds import Key
from aimctrl.sandbox.scheduling import Demand, Occupancy, Placed, Unschedulable, demand_of, place
from aimctrl.sandbox.wire import Node, Pod


class Scheduler:
    """Chooses nodes; between looking and holding there is no await, so that nothing is given away twice.

    `wake` is called with a waiting pod for which there has come to be room, one at a time.
    """

    def __init__(self, nodes: Callable[[], Sequence[Node]], wake: Callable[[Key], None]) -> None:
        self._nodes = nodes
        self._wake = wake
        self._taken = Occupancy()
        self._waiting: dict[Key, Demand] = {}

    @property
    def waiting(self) -> tuple[Key, ...]:
        """The pods that fit nowhere, those that have waited longest first."""
        return tuple(self._waiting)

    def choose(self, pod: Pod) -> Placed | Unschedulable:
        """A node for the pod, held for it from now on; a pod that fits nowhere waits."""
        demand = demand_of(pod.spec)
        choice = place(demand, self._nodes(), self._taken)
        if isinstance(choice, Unschedulable):
            self._waiting[pod.key] = demand
            return choice
        self._taken.hold(pod.key, pod.metadata.uid, choice.node, demand.devices)
        if self._waiting.pop(pod.key, None) is not None:
            self._wake_next()
        return choice

    def has_chosen(self, pod: Pod) -> bool:
        """Whether a node is held for this very pod."""
        return self._taken.holds(pod.key, pod.metadata.uid)

    def occupied(self, pod: Pod) -> None:
        """The pod is on the node that it names."""
        self._waiting.pop(pod.key, None)
        self._taken.hold(pod.key, pod.metadata.uid, pod.spec.node_name, demand_of(pod.spec).devices)

    def release(self, key: Key) -> None:
        """The pod is over or gone: it holds nothing and waits for nothing."""
        self._waiting.pop(key, None)
        if self._taken.release(key):
            self._wake_next()

    def _wake_next(self) -> None:
        """Wakes the first that fits; when it has been placed, or is over, comes the next."""
        if not self._waiting:
            return
        nodes = self._nodes()
        fitting = (
            key for key, demand in self._waiting.items() if isinstance(place(demand, nodes, self._taken), Placed)
        )
        first = next(fitting, None)
        if first is not None:
            self._wake(first)
