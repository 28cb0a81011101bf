"""The main job in front of one's eyes: nodes, a model, templates and a service become a running endpoint.

    make demo              run it and stop
    make demo KEEP=1       leave it up, for kubectl, until Ctrl-C

A real API server and etcd, the operator as its own program (`aimctrl run`), and stand-ins for what has no place on one
machine: kubelets with GPUs, KServe and a gateway.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_SERVICE,
    ALL,
)
from aimctrl.kube.core import EVENTS, JOBS, NAMESPACES, NODES
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from aimctrl.runtime.errors import NotFoundError
from aimctrl.runtime.logs import configure_logging
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import Scripts
from aimctrl.sandbox.stand_ins import stand_ins
from controlplane import ControlPlane, crd_folder

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

PATIENCE = 120.0
OPERATOR_NAMESPACE = "kaiwo-system"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
KINDS: dict[str, Kind[Any]] = {kind.name: kind for kind in (*ALL, NODES, NAMESPACES)}
SERVICE = Key("ml-team", "chat")


class Demo:
    """What is told as it happens."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.began = time.monotonic()

    def say(self, what: str, detail: str = "") -> None:
        """One line of the story."""
        print(f"{time.monotonic() - self.began:6.1f}s  {what:<29}{detail}", flush=True)

    async def apply(self, file: str) -> None:
        """Apply a file as a user would with `kubectl apply --server-side`."""
        for manifest in yaml.safe_load_all((HERE / file).read_text(encoding="utf-8")):
            kind = KINDS[manifest["kind"]]
            await self.client.apply(kind, manifest, field_manager="demo")
            key = Key(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
            self.say("applied", f"{kind.name} {key}")

    async def status(self, kind: Kind[Any], key: Key, state: str) -> dict[str, Any]:
        """The object once its status is `state`; each status on the way there is told."""
        told = ""

        async def look() -> dict[str, Any] | None:
            nonlocal told
            found = await self.find(kind, key)
            now = (found or {}).get("status", {}).get("status", "")
            if found and now and now != told:
                told = now
                self.say(f"  {kind.name}", f"{key} is {now}: {_reason(found)}")
            return found if now == state else None

        return await until(look, f"{kind.name} {key} to be {state}")

    async def find(self, kind: Kind[Any], key: Key) -> dict[str, Any] | None:
        """The object as JSON; None where it is not there."""
        try:
            return msgspec.json.decode(await self.client.get(kind, key))
        except NotFoundError:
            return None

    async def tables(self) -> None:
        """What `kubectl get aim -A` shows."""
        for kind in ALL:
            async with self.client.stream(kind.path(), {}, accept=TABLE) as lines:
                raw = b"".join([line async for batch in lines for line in batch])
            table = msgspec.json.decode(raw)
            if table["rows"]:
                print(f"\n{kind.resource}")
                print(_aligned(table))


async def until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` gives once it gives something."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not (found := await look()):  # noqa: ASYNC110 - a user looks, too
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise SystemExit(f"waited {PATIENCE:g} s in vain for {what}") from None
    return found


def _reason(found: dict[str, Any]) -> str:
    ready = next((c for c in found["status"].get("conditions", ()) if c["type"] == "Ready"), {})
    return f"{ready.get('reason', '')}, {ready.get('message', '')}"


def _aligned(table: dict[str, Any]) -> str:
    shown = [n for n, column in enumerate(table["columnDefinitions"]) if not column.get("priority")]
    rows = [[table["columnDefinitions"][n]["name"].upper() for n in shown]]
    rows += [["" if row["cells"][n] is None else str(row["cells"][n]) for n in shown] for row in table["rows"]]
    widths = [max(len(row[n]) for row in rows) for n in range(len(shown))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )


@asynccontextmanager
async def operator(plane: ControlPlane) -> AsyncIterator[None]:
    """`aimctrl run` as a program of its own; its log is in the control plane's folder."""
    program = str(Path(sys.executable).with_name("aimctrl"))
    options = ["--metrics-bind-address", "0", "--health-probe-bind-address", "0", "--log-format", "json"]
    with (plane.folder / "operator.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, "run", "--kubeconfig", str(plane.kubeconfig), *options, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def play(demo: Demo) -> None:
    """The story itself."""
    await demo.client.apply(NAMESPACES, {"metadata": {"name": OPERATOR_NAMESPACE}})
    print("\nNodes: what there is to run on")
    await demo.apply("1-nodes.yaml")
    print("\nModel: an id, and the image that serves it")
    await demo.apply("2-model.yaml")
    model = Key("", "meta-llama-3-8b-instruct")
    await demo.status(AIM_CLUSTER_MODEL, model, "Ready")
    print("\nTemplates: discovery finds out what each needs; one asks for a GPU nobody has")
    await demo.apply("3-templates.yaml")
    ready, unfit = Key("", "llama-3-8b-latency"), Key("", "llama-3-8b-throughput")
    template = await demo.status(AIM_CLUSTER_SERVICE_TEMPLATE, ready, "Ready")
    job = template["status"]["discovery"]["jobName"]
    demo.say("  discovery", f"Job {OPERATOR_NAMESPACE}/{job} ({JOBS.resource}) found:")
    for source in template["status"]["modelSources"]:
        demo.say("", f"{source['source']} ({source['sizeBytes'] / 2**30:.1f} GiB)")
    await demo.status(AIM_CLUSTER_SERVICE_TEMPLATE, unfit, "NotAvailable")
    print("\nService: a template is selected, and becomes an InferenceService and an HTTPRoute")
    await demo.apply("4-service.yaml")
    await epilogue(demo, await demo.status(AIM_SERVICE, SERVICE, "Running"))


async def epilogue(demo: Demo, service: dict[str, Any]) -> None:
    """What has become of the service."""
    for candidate in service["status"]["templateMatching"]["candidates"]:
        demo.say("  selection", f"{candidate['name']} {candidate['status']}: {candidate.get('reason', '')}")
    isvc = await until(lambda: demo.find(INFERENCE_SERVICES, SERVICE), "the InferenceService")
    model = isvc["spec"]["predictor"]["model"]
    demo.say("  InferenceService", f"{SERVICE} runs {model['runtime']} with {model['resources']['limits']}")
    route = await until(lambda: demo.find(HTTPROUTES, SERVICE), "the HTTPRoute")
    demo.say("  HTTPRoute", f"{SERVICE} serves {route['spec']['rules'][0]['matches'][0]['path']['value']}")
    page = await demo.client.list_page(EVENTS, SERVICE.namespace)
    for event in sorted((EVENTS.decode(bytes(raw)) for raw in page.items), key=lambda e: str(e.event_time)):
        demo.say("  event", f"{event.type} {event.reason}: {event.note}")
    print("\nWhat `kubectl get aim -A` shows", end="")
    await demo.tables()
    print()
    demo.say("the service is Running")


async def main(*, keep: bool) -> None:
    """Set the stage, play, and clear it."""
    configure_logging("console", "error")
    began = time.monotonic()
    print("Starting etcd, kube-apiserver and kube-controller-manager ...", flush=True)
    with ControlPlane(crds=[ROOT / "deploy" / "crds", crd_folder()]) as plane:
        connection = await connect(str(plane.kubeconfig))
        async with stand_ins(await connect(str(plane.kubeconfig)), Scripts(AimImage())), operator(plane):
            async with Client(connection, field_manager="demo") as client:
                demo = Demo(client)
                print(f"... they took {time.monotonic() - began:.1f} s")
                await play(demo)
            if keep:
                print(f"\nexport KUBECONFIG={plane.kubeconfig}   # Ctrl-C ends it all", flush=True)
                await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--keep", action="store_true", help="leave it up until Ctrl-C")
    try:
        asyncio.run(main(keep=parser.parse_args().keep))
    except KeyboardInterrupt:
        sys.exit(130)
