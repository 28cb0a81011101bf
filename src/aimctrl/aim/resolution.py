"""What a name in a spec stands for: the model (SPEC §1, Lookup) and the runtime config (SPEC §7); pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from aimctrl.api.common import DEFAULT_CONFIG, ResolvedConfig, ResolvedReference, Scope
from aimctrl.api.config import AIMRuntimeConfig, RuntimeConfigSpec
from aimctrl.api.model import AIMModel, ModelSpec
from aimctrl.api.reasons import ModelState
from aimctrl.kube.kinds import Key, Kind, Resource, UndecodableObjectError
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.kube.names import canonical_json, short_hash
from aimctrl.runtime.lister import Availability, Unavailable

T_co = TypeVar("T_co", bound=Resource, covariant=True)

LOOK_AGAIN = 30.0
"""Seconds until what is Unreachable is looked up again."""


class Lookup(Protocol[T_co]):
    """The part of a Lister that resolution needs."""

    @property
    def kind(self) -> Kind[Any]:
        """The kind that is looked up."""
        ...

    @property
    def availability(self) -> Availability:
        """Whether absence here means absence in the cluster."""
        ...

    def get(self, namespace: str, name: str) -> T_co | None:
        """One object; the namespace is `""` for cluster-scoped kinds."""
        ...


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A model or image of either scope, in one form; `kind` is the kind's name, `namespace` `""` for the cluster's."""

    kind: str
    scope: Scope
    namespace: str
    name: str
    uid: str
    spec: ModelSpec
    state: ModelState
    deleting: bool = False

    @property
    def key(self) -> Key:
        """The object's name within its kind."""
        return Key(self.namespace, self.name)

    @property
    def reference(self) -> ResolvedReference:
        """The value of `status.resolvedImage`."""
        return ResolvedReference(
            name=self.name, namespace=self.namespace or None, scope=self.scope, kind=self.kind, uid=self.uid
        )


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """A runtime config that was resolved; `reference` is the value of `status.resolvedRuntimeConfig`."""

    reference: ResolvedConfig
    spec: RuntimeConfigSpec


@dataclass(frozen=True, slots=True)
class DefaultNotFound:
    """No runtime config was named and there is none called `default`: no error, the defaults apply."""


ConfigOutcome = Found[RuntimeConfig] | DefaultNotFound | Missing | Unreachable
"""`Missing` is a config that was named explicitly."""


def catalogue_entry(kind: Kind[Any], model: AIMModel) -> CatalogueEntry:
    """The one form of a model or image of that kind."""
    meta = model.metadata
    return CatalogueEntry(
        kind=kind.name,
        scope=_scope(kind),
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        spec=model.spec,
        state=model.status.status,
        deleting=meta.deletion_timestamp is not None,
    )


def find_model(
    name: str, namespace: str, lookups: Sequence[Lookup[AIMModel]]
) -> Found[CatalogueEntry] | Missing | Unreachable:
    """The model of that id as a namespace sees it, or as a cluster-scoped object does (`namespace` is `""`).

    `lookups` are in the order they are asked: AIMModel, AIMImage, AIMClusterModel, AIMClusterImage.
    """
    found = _first(name, namespace, lookups)
    if isinstance(found, _Hit):
        return Found(catalogue_entry(found.kind, found.value))
    return found


def resolve_config(
    name: str | None, namespace: str, operator_namespace: str, lookups: Sequence[Lookup[AIMRuntimeConfig]]
) -> ConfigOutcome:
    """The runtime config an object uses: that of its namespace, else the cluster's; never merged.

    A cluster-scoped object (`namespace` is `""`) looks in the operator's namespace. `lookups` are in the order they
    are asked: AIMRuntimeConfig, AIMClusterRuntimeConfig.
    """
    wanted = name or DEFAULT_CONFIG
    found = _first(wanted, namespace or operator_namespace, lookups)
    match found:
        case _Hit():
            return Found(_resolved(found.kind, found.value))
        case Missing():
            return DefaultNotFound() if wanted == DEFAULT_CONFIG else found
        case Unreachable():
            return found


def config_spec(outcome: ConfigOutcome) -> RuntimeConfigSpec:
    """What the config says; its defaults where there is none."""
    return outcome.value.spec if isinstance(outcome, Found) else RuntimeConfigSpec()


def _resolved(kind: Kind[Any], config: AIMRuntimeConfig) -> RuntimeConfig:
    spec = config.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    reference = ResolvedConfig(
        name=config.metadata.name,
        namespace=config.metadata.namespace or None,
        scope=_scope(kind),
        kind=kind.name,
        uid=config.metadata.uid,
        hash=short_hash(canonical_json(spec), 16),
    )
    return RuntimeConfig(reference, config.spec)


def _scope(kind: Kind[Any]) -> Scope:
    return Scope.NAMESPACE if kind.namespaced else Scope.CLUSTER


@dataclass(frozen=True, slots=True)
class _Hit:
    kind: Kind[Any]
    value: Any


def _first(name: str, namespace: str, lookups: Sequence[Lookup[Resource]]) -> _Hit | Missing | Unreachable:
    """The first lookup's object, unless one asked before it cannot tell: what it may hide is not known."""
    asked = [lookup for lookup in lookups if namespace or not lookup.kind.namespaced]
    for lookup in asked:
        outcome = _ask(lookup, namespace, name)
        if outcome is not None:
            return outcome
    return Missing(" or ".join(_described(lookup.kind, namespace, name) for lookup in asked))


def _ask(lookup: Lookup[Resource], namespace: str, name: str) -> _Hit | Unreachable | None:
    try:
        value = lookup.get(namespace if lookup.kind.namespaced else "", name)
    except UndecodableObjectError as error:
        return Unreachable(str(error))
    if value is not None:
        return _Hit(lookup.kind, value)
    why = unreadable(lookup)
    return Unreachable(why) if why else None


def unreadable(lookup: Lookup[Resource]) -> str:
    """Why what a lookup does not find may be there all the same; `""` where it is not.

    A kind that is not installed has no objects; of the others it is not known.
    """
    state = lookup.availability
    if isinstance(state, Unavailable) and state.reason != "KindMissing":
        return f"{lookup.kind.name} cannot be read: {state.message}"
    return ""


def _described(kind: Kind[Any], namespace: str, name: str) -> str:
    where = f" in namespace {namespace}" if kind.namespaced else ""
    return f'{kind.name} "{name}"{where}'
