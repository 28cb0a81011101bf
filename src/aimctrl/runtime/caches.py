"""Which cache can be asked about an object."""

from typing import Any

from aimctrl.kube.kinds import Kind
from aimctrl.runtime.informer import Informer, Informers
from aimctrl.runtime.lister import Available


def reliable(informers: Informers, kind: Kind[Any], namespace: str) -> Informer[Any] | None:
    """The informer that watches such objects in that namespace, if its cache can be relied on now.

    With a selector it may still not see each of them.
    """
    informer = informers.find(kind)
    if informer is None or not isinstance(informer.availability, Available):
        return None
    outside = bool(informers.namespaces) and kind.namespaced and namespace not in informers.namespaces
    return None if outside else informer
