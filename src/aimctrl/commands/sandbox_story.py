"""What `aimctrl sandbox` tells: how the sample catalogue comes to life, as a user sees it through the API."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, TypeVar

import msgspec

from aimctrl.aim.overview import ordered, row
from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE, ALL
from aimctrl.commands.session import look, say
from aimctrl.kube import yaml_text
from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.core import EVENTS, NAMESPACES, NODES
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.render.table import table
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import ControllerError, NotFoundError

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that one step may take."""

POLL = 0.02
"""Seconds between two looks at an object."""

USER = "sandbox"
"""The field manager of what is applied."""

SERVICE = Key("ml-team", "chat")
MODEL = Key("", "meta-llama-3-8b-instruct")
FITTING, UNFIT = Key("", "llama-3-8b-latency"), Key("", "llama-3-8b-throughput")

_CATALOGUE = files("aimctrl.sandbox") / "catalogue"
_KINDS = {(kind.api_version, kind.name): kind for kind in (*ALL, NODES, NAMESPACES)}


@dataclass(frozen=True, slots=True)
class Chapter:
    """A file of the catalogue, and what it is about."""

    file: str
    title: str


_CHAPTERS = (
    Chapter("nodes.yaml", "Nodes: what there is to run on"),
    Chapter("models.yaml", "Models: an id, and the image that serves it"),
    Chapter("templates.yaml", "Templates: discovery finds out what each needs; one asks for a GPU nobody has"),
    Chapter("services.yaml", "Service: a template is selected, and becomes an InferenceService and an HTTPRoute"),
)


class UnfinishedError(ControllerError):
    """Something did not become what it was to become; the message says what, and what it is."""


class _Status(msgspec.Struct, frozen=True):
    status: str = ""
    conditions: tuple[Condition, ...] = ()


class _Seen(msgspec.Struct, frozen=True):
    """As much of an AIM object as is told of every kind."""

    metadata: Meta
    status: _Status = _Status()

    @property
    def told(self) -> str:
        """Its state, and why."""
        ready = find(self.status.conditions, "Ready")
        why = ", ".join(word for word in (ready.reason, ready.message) if word) if ready else ""
        return f"is {self.status.status}: {why}" if why else f"is {self.status.status}"


_decode = msgspec.json.Decoder(_Seen).decode


def catalogue(name: str) -> str:
    """The text of a file of the sample catalogue."""
    return (_CATALOGUE / name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Story:
    """The story on one cluster, told with the seconds since `began` (of time.monotonic)."""

    client: Client
    began: float

    def tell(self, what: str, detail: str = "") -> None:
        """One line."""
        say(f"{time.monotonic() - self.began:6.1f}s  {what:<29}{detail}".rstrip() + "\n")

    async def apply_all(self) -> None:
        """Applies the whole catalogue, for whoever may come to bring it to life."""
        for chapter in _CHAPTERS:
            await self._apply(chapter)

    async def enact(self) -> None:
        """Applies the catalogue step by step, until its service runs.

        Raises UnfinishedError where a step is not done in time.
        """
        nodes, models, templates, services = _CHAPTERS
        await self._apply(nodes)
        await self._apply(models)
        await self._reaches(AIM_CLUSTER_MODEL, MODEL, "Ready")
        await self._apply(templates)
        template = await self._reaches(AIM_CLUSTER_SERVICE_TEMPLATE, FITTING, "Ready")
        self._discovered(AIM_CLUSTER_SERVICE_TEMPLATE.decode(template).status)
        await self._reaches(AIM_CLUSTER_SERVICE_TEMPLATE, UNFIT, "NotAvailable")
        await self._apply(services)
        service = await self._reaches(AIM_SERVICE, SERVICE, "Running")
        await self._served(AIM_SERVICE.decode(service))

    async def overview(self) -> None:
        """What `aimctrl status` shows."""
        rows = [
            row(kind, Key(meta.namespace, meta.name), bytes(raw))
            for kind in ALL
            for raw in (await self.client.list_page(kind)).items
            for meta in (_decode(raw).metadata,)
        ]
        say(f"\nWhat `aimctrl status` shows\n{table(ordered(rows), datetime.now(UTC), look())}\n")

    async def _apply(self, chapter: Chapter) -> None:
        """As `kubectl apply --server-side` does."""
        say(f"\n{chapter.title}\n")
        for manifest in yaml_text.load_all(catalogue(chapter.file)):
            kind: Kind[Any] = _KINDS[manifest["apiVersion"], manifest["kind"]]
            meta = await self.client.apply(kind, manifest, field_manager=USER)
            self.tell("applied", f"{kind.name} {Key(meta.namespace, meta.name)}")

    async def _reaches(self, kind: Kind[Any], key: Key, state: str) -> bytes:
        """The object once its status is that; each status on the way there is told."""
        told = ""

        async def seen() -> bytes | None:
            nonlocal told
            raw = await self._find(kind, key)
            found = _decode(raw) if raw else None
            if found is not None and found.status.status and found.told != told:
                told = found.told
                self.tell(f"  {kind.name}", f"{key} {told}")
            return raw if found is not None and found.status.status == state else None

        return await _until(seen, lambda: f"{kind.name} {key} is to be {state}, and {told or 'has no status'}")

    async def _find(self, kind: Kind[Any], key: Key) -> bytes | None:
        try:
            return await self.client.get(kind, key)
        except NotFoundError:
            return None

    def _discovered(self, status: Any) -> None:
        self.tell("  discovery", f"Job {status.discovery.job_name} found:")
        for source in status.model_sources:
            self.tell("", f"{source.source} ({(source.size_bytes or 0) / 2**30:.1f} GiB)")

    async def _served(self, service: Any) -> None:
        """What has become of the service."""
        for candidate in service.status.template_matching.candidates:
            self.tell("  selection", f"{candidate.name} {candidate.status}: {candidate.reason or ''}")
        isvc = INFERENCE_SERVICES.decode(await self.client.get(INFERENCE_SERVICES, SERVICE))
        model = isvc.spec["predictor"]["model"]
        self.tell("  InferenceService", f"{SERVICE} runs {model['runtime']} with {model['resources']['limits']}")
        route = HTTPROUTES.decode(await self.client.get(HTTPROUTES, SERVICE))
        self.tell("  HTTPRoute", f"{SERVICE} serves {route.spec.rules[0].matches[0].path.value}")
        page = await self.client.list_page(EVENTS, SERVICE.namespace)
        events = [EVENTS.decode(bytes(raw)) for raw in page.items]
        for event in sorted(events, key=lambda event: int(event.metadata.resource_version)):
            self.tell("  event", f"{event.type} {event.reason}: {event.note}")
        self.tell("the service is Running")


async def _until(look_again: Callable[[], Awaitable[T | None]], what: Callable[[], str]) -> T:
    """What the function gives once it gives something.

    Raises UnfinishedError.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            while (found := await look_again()) is None:  # noqa: ASYNC110 - a user looks, too
                await asyncio.sleep(POLL)
    except TimeoutError as error:
        raise UnfinishedError(f"after {PATIENCE:g} s, {what()}") from error
    return found
