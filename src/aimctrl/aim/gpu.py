"""The GPU inventory: which GPU models the cluster has, on which nodes, how many; one for the whole operator.

Fed by the Node informer, asked by reconcilers; a node event that changes nothing about GPUs ends here. Names are
normalised on the way in and on the way out, so any spelling may be asked for. SPEC §4.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import structlog

from aimctrl.aim.gpu_labels import AMD_FAMILY, DEVICE_LABELS, NVIDIA_LABELS, GPUFacts, Sighting, gpu_facts, sightings
from aimctrl.aim.gpu_names import device_ids, normalise, vendor_by_name
from aimctrl.runtime.store import Change

log = structlog.get_logger(__name__)

Subscriber = Callable[[frozenset[str], frozenset[str]], None]
"""Told which models came to the cluster and which went from it."""

NodeGPUs = tuple[str, Mapping[str, str], Mapping[str, str]]
"""A node's name, labels and `status.capacity`."""


class _Metadata(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}


class _Status(msgspec.Struct, frozen=True):
    capacity: dict[str, str] = {}


class _Node(msgspec.Struct, frozen=True):
    metadata: _Metadata
    status: _Status = _Status()


_decode = msgspec.json.Decoder(_Node).decode
_NOTHING: Mapping[str, int] = MappingProxyType({})


def _facts(raw: bytes) -> GPUFacts:
    try:
        node = _decode(raw)
    except msgspec.DecodeError as error:
        log.warning("node not understood", error=str(error))
        return GPUFacts()
    return gpu_facts(node.metadata.labels, node.status.capacity)


class Inventory:
    """GPU models, the nodes that have them and how many; all questions are answered in O(1).

    Subscribers are called, in order, when the set of models changes, and only then.
    """

    def __init__(self) -> None:
        self._facts: dict[str, GPUFacts] = {}
        self._seen: dict[str, tuple[Sighting, ...]] = {}
        self._nodes: dict[str, dict[str, int]] = {}
        self._counts: Counter[str] = Counter()
        self._labels: dict[str, Counter[tuple[str, str]]] = {}
        self._resources: dict[str, str] = {}
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with the models that came and those that went, whenever there are any."""
        self._subscribers.append(subscriber)

    def models(self) -> tuple[str, ...]:
        """The models in the cluster, sorted."""
        return tuple(sorted(self._nodes))

    def has(self, model: str) -> bool:
        """Whether some node carries the model, whatever is free there."""
        return normalise(model) in self._nodes

    def nodes(self, model: str) -> Mapping[str, int]:
        """The nodes that carry the model, and how many each has (0 while its device plugin reports none)."""
        found = self._nodes.get(normalise(model))
        return MappingProxyType(found) if found is not None else _NOTHING

    def count(self, model: str) -> int:
        """How many GPUs of the model the cluster has, free or not."""
        return self._counts[normalise(model)]

    def vendor_of(self, model: str) -> str:
        """The extended resource the model is requested as: as its nodes are labelled, else as the name suggests."""
        name = normalise(model)
        return self._resources.get(name) or vendor_by_name(name)

    def affinity_terms(self, model: str) -> tuple[dict[str, Any], ...]:
        """The `nodeSelectorTerms` (ORed) that find the nodes of a model: one per label source, sorted.

        All AMD ids of the model, whether seen or not, as values and as key suffixes; of other labels the values seen.
        Empty where nothing is known of the model: an empty list would match no node. SPEC §5.
        """
        name = normalise(model)
        seen = self._labels.get(name, Counter())
        terms = [_among(label, {*device_ids(name), *_values(seen, label)}) for label in DEVICE_LABELS]
        suffixed = {f"{label}.{found}" for label in DEVICE_LABELS for found in device_ids(name)}
        suffixed |= {label for label, value in seen if not value}
        terms += [_term(label, "Exists") for label in sorted(suffixed)]
        terms += [_among(label, _values(seen, label)) for label in (AMD_FAMILY, *NVIDIA_LABELS)]
        return tuple(term for term in terms if term)

    def update_node(self, name: str, labels: Mapping[str, str], capacity: Mapping[str, str]) -> None:
        """Take note of a node as it is now: its labels and `status.capacity`."""
        self._apply({name: gpu_facts(labels, capacity)})

    def remove_node(self, name: str) -> None:
        """Take note that a node is gone."""
        self._apply({name: GPUFacts()})

    def replace(self, nodes: Iterable[NodeGPUs]) -> None:
        """Take these for all the nodes there are; subscribers are told once."""
        now = {name: gpu_facts(labels, capacity) for name, labels, capacity in nodes}
        self._apply(dict.fromkeys(self._facts, GPUFacts()) | now)

    def on_change(self, change: Change) -> None:
        """Take note of a Node's change: the handler for the Node informer."""
        self._apply({change.key.name: _facts(change.new.raw) if change.new else GPUFacts()})

    def _apply(self, nodes: Mapping[str, GPUFacts]) -> None:
        changed = {name: facts for name, facts in nodes.items() if self._facts.get(name, GPUFacts()) != facts}
        if not changed:
            return
        before = frozenset(self._nodes)
        for name, facts in changed.items():
            self._drop(name)
            self._add(name, facts)
        self._tell(before)

    def _tell(self, before: frozenset[str]) -> None:
        now = frozenset(self._nodes)
        if now == before:
            return
        log.info("gpu models changed", came=sorted(now - before), went=sorted(before - now))
        for subscriber in self._subscribers:
            subscriber(now - before, before - now)

    def _add(self, name: str, facts: GPUFacts) -> None:
        if facts == GPUFacts():
            return
        self._facts[name] = facts
        self._seen[name] = sightings(facts)
        for seen in self._seen[name]:
            self._nodes.setdefault(seen.model, {})[name] = seen.count
            self._counts[seen.model] += seen.count
            self._labels.setdefault(seen.model, Counter())[seen.label, seen.value] += 1
            self._resources[seen.model] = seen.resource

    def _drop(self, name: str) -> None:
        self._facts.pop(name, None)
        for seen in self._seen.pop(name, ()):
            self._counts[seen.model] -= seen.count
            labels = self._labels[seen.model]
            labels[seen.label, seen.value] -= 1
            if not labels[seen.label, seen.value]:
                del labels[seen.label, seen.value]
            del self._nodes[seen.model][name]
            if not self._nodes[seen.model]:
                for table in (self._nodes, self._counts, self._labels, self._resources):
                    del table[seen.model]


def _values(seen: Iterable[tuple[str, str]], label: str) -> set[str]:
    return {value for key, value in seen if key == label and value}


def _among(label: str, values: set[str]) -> dict[str, Any]:
    return _term(label, "In", sorted(values)) if values else {}


def _term(label: str, operator: str, values: list[str] | None = None) -> dict[str, Any]:
    expression: dict[str, Any] = {"key": label, "operator": operator}
    return {"matchExpressions": [expression | ({"values": values} if values else {})]}
