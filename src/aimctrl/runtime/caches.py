"""Which cache can be asked about an object."""

from typing import Any

from aimctrl.kube.kinds import Kind
from aimctrl.runtime.informer import Informer
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.lister import Available
from aimctrl.runtime.writes import Write


def reliable(informers: Informers, kind: Kind[Any], namespace: str) -> Informer[Any] | None:
    """The informer that watches such objects in that namespace, if its cache can be relied on now.

    With a selector it may still not see each of them.
    """
    informer = informers.find(kind)
    return informer if informer is not None and _is_reliable(informers, informer, namespace) else None


def that_see(informers: Informers, write: Write) -> list[Informer[Any]]:
    """The informers whose caches will show a write, or that an object is gone, and can be relied on now."""
    return [
        informer
        for informer in informers.all_of(write.kind)
        if _is_reliable(informers, informer, write.key.namespace) and (write.deleted or informer.sees(write.labels))
    ]


def _is_reliable(informers: Informers, informer: Informer[Any], namespace: str) -> bool:
    outside = bool(informers.namespaces) and informer.kind.namespaced and namespace not in informers.namespaces
    return isinstance(informer.availability, Available) and not outside
