"""KServe's and the Gateway API's kinds as their own controllers see them: spec and status are plain JSON."""

from dataclasses import replace
from typing import Any, cast

import msgspec

from aimctrl.kube import external
from aimctrl.kube.core import Object
from aimctrl.kube.kinds import Kind


class Plain(Object, frozen=True):
    """An object of any kind."""

    spec: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    status: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


def _plain(kind: Kind[Any]) -> Kind[Plain]:
    return cast("Kind[Plain]", replace(kind, model=Plain))


INFERENCE_SERVICES = _plain(external.INFERENCE_SERVICES)
SERVING_RUNTIMES = _plain(external.SERVING_RUNTIMES)
CLUSTER_SERVING_RUNTIMES = _plain(external.CLUSTER_SERVING_RUNTIMES)
HTTPROUTES = _plain(external.HTTPROUTES)
