"""What the operator shows of the AIM objects in the cluster, read from its caches when somebody scrapes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from aimctrl.aim.discovery.slots import SlotLedger
from aimctrl.aim.reconcilers import RECONCILED
from aimctrl.aim.shared import MODEL_KINDS, TEMPLATE_KINDS
from aimctrl.api.kinds import AIM_SERVICE
from aimctrl.api.reasons import CacheState, ConditionType, ModelState, ServiceState, State, TemplateState
from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.lister import Lister
from aimctrl.runtime.manager import Manager
from aimctrl.runtime.metrics import Definition
from aimctrl.runtime.nesting import decoded

OBJECTS = Definition("aim_objects", "state", "AIM objects by the state that their status tells.", ("kind", "state"))
NOT_READY = Definition(
    "aim_objects_not_ready",
    "state",
    "AIM objects whose condition Ready is not True, by its reason.",
    ("kind", "reason"),
)
SLOTS = Definition("aim_discovery_slots", "state", "Discovery Jobs that may be unfinished at once.")
TAKEN = Definition("aim_discovery_slots_taken", "state", "Discovery Jobs that are unfinished or about to be created.")
WAITING = Definition("aim_discovery_waiting", "state", "Templates that wait for a slot to be discovered.")

DEFINITIONS = (OBJECTS, NOT_READY, SLOTS, TAKEN, WAITING)


class _Status(msgspec.Struct, gc=False):
    status: str = ""
    conditions: tuple[Condition, ...] = ()


class _Seen(msgspec.Struct, gc=False):
    status: _Status = msgspec.field(default_factory=_Status)


_decode = msgspec.json.Decoder(_Seen).decode

Standing = tuple[str, str]
"""An object's state, and the reason why it is not ready; that is empty where it is, or where nobody has said yet."""


class Census:
    """The objects of one kind by state and reason; only what has changed since the last time is looked into."""

    def __init__(self, lister: Lister[Any]) -> None:
        self.states = _states(lister.kind)
        self._lister = lister
        self._known: dict[Key, tuple[int, Standing]] = {}

    def take(self) -> Mapping[Standing, int]:
        """How many objects stand how, now."""
        self._known = dict(self._look())
        return Counter(standing for _, standing in self._known.values())

    def _look(self) -> Iterator[tuple[Key, tuple[int, Standing]]]:
        for key in self._lister.keys():  # noqa: SIM118 - a lister is no dict
            entry = self._lister.entry(key)
            if entry is not None:
                known = self._known.get(key)
                current = known is not None and known[0] == entry.version
                yield key, known if known and current else (entry.version, self._standing(entry.raw))

    def _standing(self, raw: bytes) -> Standing:
        try:
            status = decoded(_decode, raw).status
        except msgspec.DecodeError:
            return "Failed", "Undecodable"
        said = find(status.conditions, ConditionType.READY)
        return status.status or self.states[0], said.reason if said is not None and said.status != "True" else ""


def add_metrics(manager: Manager, ledger: SlotLedger, limit: int) -> None:
    """Have the manager show the metrics of the AIM operator, whose controllers it has by now."""
    censuses = {kind.name: Census(manager.informers.informer(kind).lister) for kind in RECONCILED}
    metrics = manager.metrics
    metrics.add(OBJECTS, lambda: _by_state(censuses))
    metrics.add(NOT_READY, lambda: _by_reason(censuses))
    metrics.add(SLOTS, lambda: [((), limit)])
    metrics.add(TAKEN, lambda: [((), ledger.taken)])
    metrics.add(WAITING, lambda: [((), len(ledger.waiting))])


def _by_state(censuses: Mapping[str, Census]) -> Iterator[tuple[tuple[str, ...], float]]:
    for kind, census in censuses.items():
        found = Counter(dict.fromkeys(census.states, 0))
        for (state, _), number in census.take().items():
            found[state] += number
        for state, number in sorted(found.items()):
            yield (kind, state), number


def _by_reason(censuses: Mapping[str, Census]) -> Iterator[tuple[tuple[str, ...], float]]:
    for kind, census in censuses.items():
        found: Counter[str] = Counter()
        for (_, reason), number in census.take().items():
            found[reason] += number
        yield from (((kind, reason), number) for reason, number in sorted(found.items()) if reason)


def _states(kind: Kind[Any]) -> tuple[str, ...]:
    known: Iterable[State] = CacheState
    if kind in MODEL_KINDS:
        known = ModelState
    elif kind in TEMPLATE_KINDS:
        known = TemplateState
    elif kind == AIM_SERVICE:
        known = ServiceState
    return tuple(state.value for state in known)
