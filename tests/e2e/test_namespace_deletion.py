"""A namespace full of the operator's objects is deleted, on a real API server: it goes, and without a storm."""

import asyncio
import json
from collections import Counter
from typing import Any

import msgspec
import pytest

from aimctrl.api.kinds import (
    AIM_IMAGE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.kube.core import CONFIGMAPS, JOBS, NAMESPACES, PVCS
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Key
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript
from controlplane import ControlPlane
from e2e.conftest import Stage
from e2e.homes import GATEWAY, SOURCES, Home, storage_class
from support.program import run
from support.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = (
    AIM_IMAGE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
THEIRS = (INFERENCE_SERVICES, SERVING_RUNTIMES, HTTPROUTES, JOBS, PVCS)
QUIET = 5.0
"""Seconds in which a loop would show."""

NO_REGISTRY = "image inspection failed"
"""The registry of these images does not exist, and a resolver may take as long as it likes to say so."""

NO_CPU = "event loop blocked"
"""The machine had something else to do."""

GPU = {"count": 1, "model": "MI300X"}
STUCK = {"name": "stuck", "sourceURI": "s3://bucket/stuck", "size": "1Gi"}


async def furnish(stage: Stage, home: Home) -> None:
    """Objects of every namespaced kind, in as many states as there are."""
    world, space = home.world, home.namespace
    stage.scripts.set_claim("stuck-cache", "pending")
    stage.scripts.set(f"{home.image}-slow", AimImage(run_seconds=3600.0))
    stage.scripts.set(f"{home.image}-bad", ImageScript(log="junk"))
    stage.scripts.set(f"{home.image}-absent", ImageScript(pull_error="not-found"))
    await world.have(AIM_RUNTIME_CONFIG, "default", space, labelPropagation={"enabled": True, "match": ["team"]})
    await home.model()
    await world.have(AIM_IMAGE, "image", space, image=home.image)
    for name in ("slow", "bad", "absent"):
        await home.model(name, image=f"{home.image}-{name}")
        await home.discovered(f"of-{name}", modelName=name)
    await home.template(gpuSelector=GPU, metric="latency")
    await home.template("warm", gpuSelector=GPU, metric="throughput", caching={"enabled": True})
    await home.template("cold", gpuSelector=GPU, modelSources=[*SOURCES, STUCK])
    await home.template("held", gpuSelector=GPU, precision="fp16")
    await home.discovered("nowhere", gpuSelector={"model": "MI100"})
    await home.service(templateRef="fast", routing={"enabled": True, "gatewayRef": GATEWAY})
    await home.service("derived", templateRef="fast", overrides={"metric": "throughput", "precision": "fp8"})
    await home.service("cached", templateRef="warm", cacheModel=True)
    await home.service("waiting", templateRef="cold", cacheModel=True)
    await home.service("ambiguous")
    await home.service("held", templateRef="held")
    await world.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "namespace": space}})
    await home.service("by-image", model={"image": f"{home.image}-other"})
    await home.runs("chat")
    await home.runs("cached")
    await home.runs("held")
    for name, state in (("of-slow", "Progressing"), ("of-bad", "Failed"), ("of-absent", "Degraded"), ("warm", "Ready")):
        await world.reaches(AIM_SERVICE_TEMPLATE, name, space, status=state)
    await home.becomes("Starting", "WaitingForCache", "waiting")


def asked(plane: ControlPlane, namespace: str) -> Counter[str]:
    """What the operator asked of the API server about objects of a namespace: `<verb> <resource> <code>`, how often.

    Pods and Services are the business of the stand-ins, which have the operator's name.
    """
    found: Counter[str] = Counter()
    for file in plane.folder.glob("audit*.log"):
        for line in file.read_bytes().splitlines():
            if f'"namespace":"{namespace}"'.encode() not in line or b'"userAgent":"aimctrl' not in line:
                continue
            event: Any = msgspec.json.decode(line)
            verb, resource, code = event["verb"], event["objectRef"]["resource"], event["responseStatus"]["code"]
            if resource not in {"pods", "services"}:
                found[f"{verb} {resource} {code}"] += 1
    return found


async def nothing_is_tried_again(plane: ControlPlane, namespace: str) -> Counter[str]:
    """All that was asked about objects of the namespace, once nothing has been for a while."""
    loop = asyncio.get_running_loop()
    seen, since = asked(plane, namespace), loop.time()

    async def is_quiet() -> bool:
        nonlocal seen, since
        if (now := asked(plane, namespace)) != seen:
            seen, since = now, loop.time()
        return loop.time() - since >= QUIET

    await eventually(is_quiet, every=0.5)
    return seen


async def test_a_full_namespace_goes_without_a_storm(control_plane: ControlPlane, unmanned: Stage, namespace: str):
    """It is held at its end, by a service and a template too, whose children are gone already."""
    world, home = unmanned.world, Home(unmanned.world, namespace)
    held = [(CONFIGMAPS, "held"), (AIM_SERVICE, "held"), (AIM_SERVICE_TEMPLATE, "held")]

    async def only_held() -> bool:
        left = {(kind, one.metadata.name) for kind in (*OURS, *THEIRS) for one in await world.all(kind, namespace)}
        return left == set(held[1:])

    async def is_gone() -> bool:
        return await world.get(NAMESPACES, namespace) is None

    await world.put(storage_class(namespace, default=True))
    async with run(control_plane) as operator:
        await furnish(unmanned, home)
        for kind, name in held:
            await world.client.patch(kind, Key(namespace, name), {"metadata": {"finalizers": ["test/held"]}})
        objects = len([one for kind in OURS for one in await world.all(kind, namespace)])
        said, before = len(operator.lines), asked(control_plane, namespace)
        await world.client.delete(NAMESPACES, Key("", namespace))
        await eventually(only_held)
        at_the_end = await nothing_is_tried_again(control_plane, namespace)
        refused = {what: number for what, number in (at_the_end - before).items() if what.endswith(" 403")}
        assert sum(refused.values()) <= 3 * objects, refused
        for kind, name in held:
            await world.client.patch(kind, Key(namespace, name), {"metadata": {"finalizers": None}})
        await eventually(is_gone)
        loud = [line for line in map(json.loads, operator.lines[said:]) if line["level"] not in {"debug", "info"}]
        loud = [line for line in loud if line["event"] not in {NO_REGISTRY, NO_CPU}]
        assert {line["event"] for line in loud} <= {"reconcile failed"}, "what passes, such as a conflict"
        assert len(loud) <= objects // 4, loud
        assert await operator.terminate() == 0
