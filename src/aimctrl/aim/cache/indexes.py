"""How caches, and the templates whose artifacts they keep, are found by what they depend on."""

from collections.abc import Iterable

import msgspec

from aimctrl.aim.naming import TEMPLATE_CACHE
from aimctrl.api.common import DEFAULT_CONFIG
from aimctrl.kube.meta import Meta
from aimctrl.runtime.index import Index, NoView
from aimctrl.runtime.store import Entry


class _Source(msgspec.Struct, rename={"source_uri": "sourceURI"}, gc=False):
    source_uri: str = ""
    source: str = ""


class _CacheSpec(msgspec.Struct, rename="camel"):
    source_uri: str = msgspec.field(default="", name="sourceURI")
    runtime_config_name: str | None = None
    model_sources: tuple[_Source, ...] = ()


class CacheView(msgspec.Struct):
    """What caches of both kinds are found by."""

    spec: _CacheSpec = msgspec.field(default_factory=_CacheSpec)


class _TemplateStatus(msgspec.Struct, rename="camel"):
    model_sources: tuple[_Source, ...] = ()


class DiscoveredView(msgspec.Struct):
    """What discovery found for a template."""

    status: _TemplateStatus = msgspec.field(default_factory=_TemplateStatus)


def _config(_meta: Meta, view: CacheView) -> Iterable[str]:
    return (view.spec.runtime_config_name or DEFAULT_CONFIG,)


def _source(_meta: Meta, view: CacheView) -> Iterable[str]:
    spec = view.spec
    return {uri for uri in (spec.source_uri, *(source.source_uri for source in spec.model_sources)) if uri}


def _creator(meta: Meta, _view: NoView) -> Iterable[str]:
    value = meta.labels.get(TEMPLATE_CACHE)
    return (f"{meta.namespace}/{value}",) if value else ()


def _discovered(_meta: Meta, view: DiscoveredView) -> Iterable[str]:
    return (source.source for source in view.status.model_sources)


CACHES_BY_CONFIG = Index("runtime-config", CacheView, _config)
"""Caches by the name of their runtime config, `default` where they name none."""

CACHES_BY_SOURCE = Index("source", CacheView, _source)
"""Model caches by their source, template caches by the sources they list themselves."""

CACHES_BY_CREATOR = Index("creator", NoView, _creator)
"""Model caches by the namespace and label value of the template cache that created them."""

TEMPLATES_BY_SOURCE = Index("source", DiscoveredView, _discovered)
"""Templates by the artifacts that discovery found."""


def sources_of(*entries: Entry | None) -> set[str]:
    """The sources that caches as they were stored have; none where one cannot be read."""
    found: set[str] = set()
    for entry in entries:
        try:
            found |= set(_source(entry.meta(), _decode(entry.raw))) if entry is not None else set()
        except msgspec.DecodeError:
            continue
    return found


_decode = msgspec.json.Decoder(CacheView).decode
