"""The peer on kopf: a ConfigMap and a status for each Widget, as a user of the framework writes it.

Run by `kopf run`; its events are off, since the other peers post none. It says the same as the others on stdout.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import kopf
from kubernetes_asyncio import client, config

WIDGETS = ("bench.example.com", "v1", "widgets")


@dataclass
class Counts:
    """What is told to whoever measures."""

    reconciles: int = 0
    last: float = 0.0

    def say(self, event: str, at: float) -> None:
        print(json.dumps({"event": event, "time": at, "reconciles": self.reconciles}), flush=True)


counts = Counts()


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    settings.posting.enabled = False
    await config.load_kube_config()
    memo.core = client.CoreV1Api()
    memo.reporter = asyncio.create_task(report())


@kopf.on.cleanup()
async def end(memo: kopf.Memo, **_: Any) -> None:
    memo.reporter.cancel()
    await memo.core.api_client.close()
    counts.say("end", time.time())


@kopf.index("configmaps")
async def children(namespace: str, name: str, body: kopf.Body, **_: Any) -> Mapping[Any, Any]:
    return {(namespace, name): dict(body.get("data") or {})}


@kopf.on.resume(*WIDGETS)
@kopf.on.create(*WIDGETS)
@kopf.on.update(*WIDGETS, field="spec")
async def reconcile(body: kopf.Body, patch: kopf.Patch, memo: kopf.Memo, children: kopf.Index, **_: Any) -> None:
    await have_child(body, memo.core, children)
    have_status(body, patch)
    counts.reconciles += 1
    counts.last = time.time()
    if counts.reconciles == 1:
        counts.say("first", counts.last)


async def have_child(body: kopf.Body, core: client.CoreV1Api, children: kopf.Index) -> None:
    namespace, name = body.metadata.namespace, body.metadata.name
    wanted = {"image": body.spec["image"]}
    held = next(iter(children.get((namespace, name), ())), None)
    if held is None:
        child = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": wanted}
        kopf.adopt(child, owner=body)
        await core.create_namespaced_config_map(namespace, child)
    elif held != wanted:
        await core.patch_namespaced_config_map(name, namespace, {"data": wanted})


def have_status(body: kopf.Body, patch: kopf.Patch) -> None:
    generation = body.metadata["generation"]
    if body.status.get("observedGeneration") == generation:
        return
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Converged",
        "message": "The ConfigMap exists.",
        "observedGeneration": generation,
        "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    patch.status["observedGeneration"] = generation
    patch.status["conditions"] = [ready]


async def report() -> None:
    seen = 0
    while not seen or seen != counts.reconciles:
        seen = counts.reconciles
        await asyncio.sleep(2)
    counts.say("drained", counts.last)
