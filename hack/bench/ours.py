"""The peer on aimctrl: a ConfigMap and a status for each Widget, as a user of the framework writes it.

It says on stdout, as JSON lines, when it has reconciled for the first time ("first"), when it has had nothing to do for
a second ("drained", with the time of its last reconcile), and its totals after SIGTERM ("end").
"""

# ruff: noqa: E402
import gc

gc.disable()  # until all is imported and listed next to nothing becomes garbage, and looking for it takes time

import asyncio
import json
import signal
import sys
import time
from contextlib import suppress
from datetime import datetime

import uvloop

from aimctrl.kube.conditions import condition, settle
from aimctrl.kube.core import CONFIGMAPS
from aimctrl.runtime import (
    Change,
    Client,
    Controller,
    ControllerOptions,
    Manager,
    Request,
    Result,
    Target,
    connect,
    owns,
    spec_changed,
)
from aimctrl.runtime.errors import AlreadyExistsError
from bench.widgets import WIDGETS, Widget, WidgetStatus


class Widgets:
    """Gives each Widget its ConfigMap and its status, and counts how often it was asked to."""

    def __init__(self, manager: Manager) -> None:
        self.reconciles = 0
        self.last = 0.0
        self._client = manager.client
        self._widgets = manager.informers.informer(WIDGETS).lister
        self._children = manager.informers.informer(CONFIGMAPS).lister

    async def reconcile(self, request: Request) -> Result:
        """Reconcile one Widget."""
        widget = self._widgets.get(request.namespace, request.name)
        if widget is not None and widget.metadata.deletion_timestamp is None:
            await self._have_child(widget)
            await self._have_status(widget, request.now)
        self.reconciles += 1
        self.last = time.time()
        if self.reconciles == 1:
            self.say("first", self.last)
        return Result()

    async def report(self) -> None:
        """Say when a second has passed without a reconcile."""
        seen = 0
        while not seen or seen != self.reconciles:
            seen = self.reconciles
            await asyncio.sleep(1)
        self.say("drained", self.last)

    def say(self, event: str, at: float) -> None:
        """Tell whoever measures."""
        print(json.dumps({"event": event, "time": at, "reconciles": self.reconciles}), flush=True)

    async def _have_child(self, widget: Widget) -> None:
        wanted = {"image": widget.spec.image}
        child = self._children.get(widget.metadata.namespace, widget.metadata.name)
        if child is None:
            meta = {"name": widget.metadata.name, "namespace": widget.metadata.namespace}
            owner = Target(WIDGETS, widget.metadata).owner_reference()
            with suppress(AlreadyExistsError):
                await self._client.create(
                    CONFIGMAPS, {"metadata": {**meta, "ownerReferences": [owner]}, "data": wanted}
                )
        elif child.data != wanted:
            await self._client.patch(CONFIGMAPS, widget.key, {"data": wanted})

    async def _have_status(self, widget: Widget, now: datetime) -> None:
        wanted = _status(widget, now)
        if wanted != widget.status:
            await self._client.patch(WIDGETS, widget.key, {"status": wanted.wire()}, subresource="status")


def _status(widget: Widget, now: datetime) -> WidgetStatus:
    generation = widget.metadata.generation
    ready = condition("Ready", status=True, reason="Converged", message="The ConfigMap exists.")
    conditions = settle([ready], widget.status.conditions, generation=generation, now=now)
    return WidgetStatus(observed_generation=generation, conditions=conditions)


def _generation_changed(change: Change) -> bool:
    old, new = change.old, change.new
    return old is None or new is None or old.generation != new.generation


async def _main(*, workers: int, generation_only: bool) -> None:
    async with Client(await connect()) as client:
        manager = Manager(client)
        widgets = Widgets(manager)
        controller = Controller(
            "widgets",
            WIDGETS,
            widgets,
            watches=(owns(CONFIGMAPS, WIDGETS, keep_managed_fields=False),),
            predicate=_generation_changed if generation_only else spec_changed,
            options=ControllerOptions(max_concurrent=workers),
        )
        manager.add(controller)
        manager.on_elected(_freeze)
        manager.add_runnable(widgets.report, name="report", leader_only=False)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, manager.stop)
        await manager.run()
        widgets.say("end", time.time())


async def _freeze() -> None:
    """What the caches hold by now stays: the collector need not walk it again."""
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    given = [option.removeprefix("--workers=") for option in sys.argv if option.startswith("--workers=")]
    workers = int(given[0]) if given else ControllerOptions().max_concurrent
    uvloop.run(_main(workers=workers, generation_only="--generation-only" in sys.argv))
