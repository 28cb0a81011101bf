"""Events of the server's own controllers.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/.
"""

import secrets
from dataclasses import dataclass

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.internal import Internal
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import timestamp


@dataclass(frozen=True, slots=True)
class Recorder:
    """Says what a controller did; `component` is the controller's name."""

    cluster: Cluster
    component: str

    def say(self, thing: Object, kind: str, reason: str, message: str) -> None:
        """Writes an event about a namespaced object; `kind` is Normal or Warning. One that is refused is lost."""
        type_ = self.cluster.registry.find("", "v1", "events")
        if type_ is None:
            return
        meta, now = thing["metadata"], self.cluster.now()
        about = {"kind": thing["kind"], "apiVersion": thing["apiVersion"]}
        about |= {key: meta[key] for key in ("namespace", "name", "uid", "resourceVersion")}
        event: Object = {
            "metadata": {"name": f"{meta['name']}.{secrets.token_hex(8)}"},
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "source": {"component": self.component},
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": self.component,
            "reportingInstance": "",
        }
        try:
            Internal(self.cluster, "kube-controller-manager").create(type_, event, namespace=meta["namespace"])
        except StatusError:
            # as when the namespace is on its way out: what there is to say is about to be deleted
            return
