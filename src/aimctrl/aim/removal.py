"""What removing aimctrl from a cluster takes: what goes, what stays and why, and the order that is safe; pure.

Services go before models, models before templates, templates before caches: while an operator runs, each of them has
the next ones made again. The operator goes after them, since it takes the finalizers off; the definitions go last,
since an object that still has a finalizer keeps its definition Terminating.
"""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from aimctrl.aim.cache.names import FINALIZER as TEMPLATE_CACHE_FINALIZER
from aimctrl.aim.options import LABELS
from aimctrl.aim.service.caching import FINALIZER as SERVICE_FINALIZER
from aimctrl.api.kinds import (
    AIM_CLUSTER_IMAGE,
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_IMAGE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
    ALL,
    GROUP,
)
from aimctrl.api.reasons import CacheState
from aimctrl.kube.core import CONFIGMAPS, CRDS, JOBS, LEASES, NAMESPACES, PVCS, SERVICES, Object
from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta, OwnerReference

SELECTOR: Final = ",".join(f"{name}={value}" for name, value in LABELS.items())
"""The label selector of what the operator was installed with."""

FINALIZERS: Final = frozenset({SERVICE_FINALIZER, TEMPLATE_CACHE_FINALIZER})
"""Those that the operator takes off, and nobody else."""

_RELEASE, _RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
_POLICY = "helm.sh/resource-policy"
_RBAC, _MONITORING = "rbac.authorization.k8s.io", "monitoring.coreos.com"


def _kind(group: str, name: str, plural: str, *, namespaced: bool = True) -> Kind[Object]:
    return Kind(group, "v1", name, plural, Object, namespaced)


DEPLOYMENTS: Final = _kind("apps", "Deployment", "deployments")

INSTALLED: Final[tuple[Kind[Any], ...]] = (
    DEPLOYMENTS,
    LEASES,
    _kind("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
    _kind("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
    _kind(_MONITORING, "PodMonitor", "podmonitors"),
    _kind(_MONITORING, "ServiceMonitor", "servicemonitors"),
    _kind(_MONITORING, "PrometheusRule", "prometheusrules"),
    SERVICES,
    CONFIGMAPS,
    _kind(_RBAC, "RoleBinding", "rolebindings"),
    _kind(_RBAC, "Role", "roles"),
    _kind(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    _kind(_RBAC, "ClusterRole", "clusterroles", namespaced=False),
    _kind("", "ServiceAccount", "serviceaccounts"),
)
"""What an operator is installed with, in the order in which it goes."""

MADE: Final[tuple[Kind[Any], ...]] = (
    INFERENCE_SERVICES,
    HTTPROUTES,
    SERVING_RUNTIMES,
    CLUSTER_SERVING_RUNTIMES,
    JOBS,
    PVCS,
)
"""What AIM objects own, of other kinds."""

_ORDER: Final[tuple[tuple[str, tuple[Kind[Any], ...]], ...]] = (
    ("Delete the services; their InferenceServices and HTTPRoutes go with them.", (AIM_SERVICE,)),
    (
        "Delete the models, which would have templates made again.",
        (AIM_MODEL, AIM_IMAGE, AIM_CLUSTER_MODEL, AIM_CLUSTER_IMAGE),
    ),
    (
        "Delete the templates, which would have caches made again; their runtimes and discovery Jobs go with them.",
        (AIM_SERVICE_TEMPLATE, AIM_CLUSTER_SERVICE_TEMPLATE),
    ),
    ("Delete the template caches.", (AIM_TEMPLATE_CACHE,)),
)
_CACHES = "Delete the model caches; their volumes go with them."
_CACHES_KEPT = "Delete the model caches; the volumes of those that are Available lose their owner, and stay."
_CONFIGS = "Delete the runtime configs."
_OPERATOR = "Remove the operator; what serves goes on serving."
_OPERATOR_LAST = "Remove the operator."
_DEFINITIONS = "Delete the definitions."

_STAYS: Final = {
    INFERENCE_SERVICES: "goes on serving",
    HTTPROUTES: "goes on routing",
    SERVING_RUNTIMES: "in use by InferenceServices",
    CLUSTER_SERVING_RUNTIMES: "in use by InferenceServices",
    JOBS: "runs to its end",
    PVCS: "keeps the weights",
    CRDS: "all objects of its kind would go with it",
    NAMESPACES: "may hold what is not aimctrl's",
}
_WITHOUT_OPERATOR = "nobody acts on its changes until an operator runs again"

REST: Final = (
    "Events expire by themselves. Secrets, namespaces, KServe and the Gateway API stay, and so does a "
    "PersistentVolume whose class retains it."
)


@dataclass(frozen=True, slots=True)
class Thing:
    """An object as it was found; `state` is its status in a word, `size` that of a claim."""

    kind: Kind[Any]
    meta: Meta
    state: str = ""
    size: str = ""

    @property
    def key(self) -> Key:
        """Its name within its kind."""
        return Key(self.meta.namespace, self.meta.name)

    @property
    def owner(self) -> OwnerReference | None:
        """The AIM object that it belongs to."""
        owned = (ref for ref in self.meta.owner_references if ref.api_version.partition("/")[0] == GROUP)
        return next(owned, None)

    @property
    def release(self) -> str:
        """The Helm release that it goes with; `""` where there is none."""
        annotations = self.meta.annotations
        return "" if annotations.get(_POLICY) == "keep" else annotations.get(_RELEASE, "")


@dataclass(frozen=True, slots=True)
class Scope:
    """How much is removed: the operator alone, or the definitions and thus all AIM objects, too.

    `keep_data`: of these, not the volumes with whole artifacts.
    """

    delete_crds: bool = False
    keep_data: bool = False


class Fate(StrEnum):
    """What becomes of an object."""

    DELETED = "deleted"
    COLLECTED = "collected"
    """The garbage collector deletes it after its owner."""
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Item:
    """One object, what becomes of it, and why."""

    thing: Thing
    fate: Fate
    why: str = ""


@dataclass(frozen=True, slots=True)
class Drain:
    """Delete all objects of a kind, those made meanwhile too; `orphan` leaves what they own."""

    kind: Kind[Any]
    orphan: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete these objects of one kind, in one namespace if it has any; `foreground` waits for what they own."""

    things: tuple[Thing, ...]
    foreground: bool = False


@dataclass(frozen=True, slots=True)
class HelmUninstall:
    """Have Helm remove its release; nobody else can do that."""

    release: str
    namespace: str


Work = Drain | Delete | HelmUninstall


@dataclass(frozen=True, slots=True)
class Step:
    """What is done together, and the objects that stay where nobody takes the operator's finalizers off."""

    what: str
    work: tuple[Work, ...]
    held: tuple[Thing, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """Every object with what becomes of it, sorted; what is to be done, in this order; and what to beware of."""

    items: tuple[Item, ...]
    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()


def removal(found: Iterable[Thing], scope: Scope) -> Removal:
    """How to remove that much of what was found."""
    ranks = {kind: number for number, kind in enumerate((*INSTALLED, NAMESPACES, *ALL, *MADE, CRDS))}
    things = sorted(found, key=lambda thing: (ranks[thing.kind], thing.key))
    kept = frozenset(thing.meta.uid for thing in things if scope.keep_data and _is_whole(thing))
    items = tuple(Item(thing, *_fate(thing, scope, kept)) for thing in things)
    return Removal(items, tuple(_steps(things, scope, kept)), () if scope.delete_crds else tuple(_warnings(things)))


def command(work: Work, kubectl: str = "kubectl") -> str:
    """What to type for it."""
    match work:
        case Drain(kind, orphan):
            everywhere = " --all-namespaces" if kind.namespaced else ""
            return f"{kubectl} delete {kind}{everywhere} --all{' --cascade=orphan' if orphan else ''}"
        case Delete(things, foreground):
            kind, names = things[0].kind, " ".join(shlex.quote(thing.meta.name) for thing in things)
            wait = " --cascade=foreground" if foreground else ""
            return f"{kubectl} delete {kind}{_place(things[0])} {names}{wait}"
        case HelmUninstall(release, namespace):
            return f"helm uninstall {shlex.quote(release)} --namespace {shlex.quote(namespace)}"


def release_command(thing: Thing, kubectl: str = "kubectl") -> str:
    """What to type to take the operator's finalizers off an object."""
    others = [name for name in thing.meta.finalizers if name not in FINALIZERS]
    listed = "[" + ",".join(f'"{name}"' for name in others) + "]"
    patch = shlex.quote(f'{{"metadata":{{"finalizers":{listed}}}}}')
    return f"{kubectl} patch {thing.kind}{_place(thing)} {thing.meta.name} --type=merge --patch {patch}"


def _place(thing: Thing) -> str:
    return f" --namespace {thing.meta.namespace}" if thing.meta.namespace else ""


def _warnings(things: Iterable[Thing]) -> Iterator[str]:
    for release in sorted({thing.release for thing in things if thing.kind is CRDS} - {""}):
        yield (
            f"Helm would delete the definitions with its release {release}, and so all AIM objects and what serves: "
            f"run `helm upgrade` with `--reuse-values --set crds.keep=true` on it before."
        )


def _is_whole(thing: Thing) -> bool:
    return thing.kind is AIM_MODEL_CACHE and thing.state == CacheState.AVAILABLE


def _fate(thing: Thing, scope: Scope, kept: frozenset[str]) -> tuple[Fate, str]:
    if thing.release:
        return Fate.DELETED, f"by Helm, with its release {thing.release}"
    if thing.kind in INSTALLED:
        return Fate.DELETED, ""
    if not scope.delete_crds or thing.kind is NAMESPACES:
        return Fate.STAYS, _STAYS.get(thing.kind, _WITHOUT_OPERATOR)
    if thing.owner is None or thing.kind in ALL:
        return Fate.DELETED, ""
    if thing.owner.uid in kept:
        return (Fate.STAYS, "keeps the weights, without an owner") if thing.kind is PVCS else (Fate.DELETED, "")
    return Fate.COLLECTED, f"with its {thing.owner.kind}"


def _steps(things: Sequence[Thing], scope: Scope, kept: frozenset[str]) -> Iterator[Step]:
    if scope.delete_crds:
        for what, kinds in _ORDER:
            yield from _step(what, _drains(things, kinds), _held(things, kinds))
        yield from _caches(things, kept)
        yield from _step(_CONFIGS, _drains(things, (AIM_RUNTIME_CONFIG, AIM_CLUSTER_RUNTIME_CONFIG)))
    installed = [thing for thing in things if thing.kind in INSTALLED]
    releases = sorted({(t.release, t.meta.annotations.get(_RELEASE_NAMESPACE, "")) for t in installed if t.release})
    plain = _deletes(thing for thing in installed if not thing.release)
    helm = tuple(HelmUninstall(*one) for one in releases)
    yield from _step(_OPERATOR_LAST if scope.delete_crds else _OPERATOR, (*helm, *plain))
    if scope.delete_crds:
        yield from _step(_DEFINITIONS, _deletes(thing for thing in things if thing.kind is CRDS))


def _caches(things: Sequence[Thing], kept: frozenset[str]) -> Iterator[Step]:
    """The model caches: those that are to leave their volumes last, and without their Jobs."""
    if not kept:
        yield from _step(_CACHES, _drains(things, (AIM_MODEL_CACHE,)))
        return
    partial = _deletes(t for t in things if t.kind is AIM_MODEL_CACHE and t.meta.uid not in kept)
    jobs = _deletes(t for t in things if t.kind is JOBS and t.owner is not None and t.owner.uid in kept)
    yield from _step(_CACHES_KEPT, (*partial, *jobs, Drain(AIM_MODEL_CACHE, orphan=True)))


def _step(what: str, work: tuple[Work, ...], held: tuple[Thing, ...] = ()) -> Iterator[Step]:
    if work:
        yield Step(what, work, held)


def _drains(things: Sequence[Thing], kinds: Iterable[Kind[Any]]) -> tuple[Work, ...]:
    there = {thing.kind for thing in things}
    return tuple(Drain(kind) for kind in kinds if kind in there)


def _deletes(things: Iterable[Thing]) -> tuple[Work, ...]:
    """One for each kind and namespace; the things come sorted by these."""
    grouped = groupby(things, key=lambda thing: (thing.kind, thing.meta.namespace))
    return tuple(Delete(tuple(group), foreground=kind is DEPLOYMENTS) for (kind, _), group in grouped)


def _held(things: Iterable[Thing], kinds: tuple[Kind[Any], ...]) -> tuple[Thing, ...]:
    return tuple(t for t in things if t.kind in kinds and FINALIZERS & set(t.meta.finalizers))
