"""The artifacts of a template, and which model cache is to hold each; pure (SPEC §6)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from aimctrl.aim.naming import model_cache_name, model_cache_name_apart
from aimctrl.api.cache import AIMModelCache
from aimctrl.api.common import DiscoveredSource, ModelSource
from aimctrl.api.reasons import CacheState
from aimctrl.kube import quantity

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact: its name, where it is downloaded from, and its size as a quantity, `""` where that is not known."""

    name: str
    source: str
    size: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """An artifact and the model cache that holds it; `cache` None is one that is to be made, under that name."""

    artifact: Artifact
    name: str
    cache: AIMModelCache | None = None


def listed(sources: Iterable[ModelSource]) -> tuple[Artifact, ...]:
    """The artifacts as a user lists them."""
    return tuple(
        Artifact(source.name, source.source_uri, "" if source.size is None else str(source.size)) for source in sources
    )


def discovered(sources: Iterable[DiscoveredSource]) -> tuple[Artifact, ...]:
    """The artifacts as they stand in a template's status."""
    return tuple(
        Artifact(
            source.name,
            source.source,
            "" if source.size_bytes is None else str(quantity.of_bytes(source.size_bytes)),
        )
        for source in sources
    )


def assign(
    artifacts: Iterable[Artifact],
    held: Iterable[AIMModelCache],
    current: Collection[str],
    taken: Collection[str],
) -> tuple[Part, ...]:
    """A model cache for each artifact, one for each source.

    Of several with that source (`held`) an Available one is taken first, then one there was before (`current`), then
    the oldest. For a source without any, the name of a new one, which is none of those `taken`.
    """
    found = _best(held, current)
    names: dict[str, str] = {}
    parts: list[Part] = []
    for artifact in artifacts:
        cache = found.get(artifact.source)
        if cache is not None:
            parts.append(Part(artifact, cache.metadata.name, cache))
            continue
        if artifact.source not in names:
            names[artifact.source] = _free_name(artifact, {*taken, *names.values()})
        parts.append(Part(artifact, names[artifact.source]))
    return tuple(parts)


def _best(held: Iterable[AIMModelCache], current: Collection[str]) -> dict[str, AIMModelCache]:
    def rank(cache: AIMModelCache) -> tuple[bool, bool, datetime, str]:
        meta = cache.metadata
        available = cache.status.status is CacheState.AVAILABLE
        return not available, meta.name not in current, meta.creation_timestamp or _EPOCH, meta.name

    best: dict[str, AIMModelCache] = {}
    for cache in sorted(held, key=rank):
        best.setdefault(cache.spec.source_uri, cache)
    return best


def _free_name(artifact: Artifact, taken: Collection[str]) -> str:
    plain = model_cache_name(artifact.name)
    return plain if plain not in taken else model_cache_name_apart(artifact.name, artifact.source)
