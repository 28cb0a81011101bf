"""The inspection of images beside the reconciles: one for each image and credentials, however many models share it.

A reconcile takes the answer that is there (`answer`), or asks for one (`request`) and is woken when there is one. A
failure is forgotten when its pause is over; whoever asks first then has the image looked at for all who asked before.
Secrets are read by name each time: their credentials are what inspections are shared by, and only hashes of them stay.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

import structlog

from aimctrl.aim.model.deployments import LabelsError
from aimctrl.aim.model.inspection import Answer, InspectionFailure, InspectionInputs, answer
from aimctrl.aim.model.labels import read_labels
from aimctrl.aim.model.pull_secrets import SecretReader, read_pull_secrets
from aimctrl.aim.registry.docker_config import Credential, credentials_for
from aimctrl.aim.registry.outcomes import (
    AuthFailure,
    ImageNotFound,
    Inspected,
    Malformed,
    Outcome,
    RegistryUnreachable,
)
from aimctrl.aim.registry.reference import InvalidReferenceError, Reference, parse_reference
from aimctrl.api.model import ImageMetadata
from aimctrl.api.reasons import ModelReason
from aimctrl.kube.kinds import Key
from aimctrl.kube.names import short_hash

log = structlog.get_logger(__name__)

AT_ONCE: Final = 8
"""Inspections under way at a time."""

_REMEMBERED = 10_000

Finding = ImageMetadata | InspectionFailure


class Registry(Protocol):
    """The part of a RegistryClient that the inspection needs."""

    async def __aenter__(self) -> Self:
        """Open connections."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        ...

    async def labels(self, reference: Reference, credentials: Sequence[Credential] = ()) -> Outcome:
        """The labels of an image; nothing is raised."""
        ...


class Asker(NamedTuple):
    """A model that asks: the name of its kind, and its key."""

    kind: str
    key: Key


class _Job(NamedTuple):
    """What is inspected at once for all that share it."""

    reference: Reference
    credentials: str


class Inspector:
    """Inspects images for models; `wake` is called with each that asked when there is a new answer for it."""

    def __init__(
        self, client: SecretReader, registry: Registry, wake: Callable[[Asker], None], clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._registry = registry
        self._wake = wake
        self._clock = clock
        self._queue: asyncio.Queue[InspectionInputs] = asyncio.Queue()
        self._queued: set[InspectionInputs] = set()
        self._anew: set[InspectionInputs] = set()
        self._askers: dict[InspectionInputs, set[Asker]] = {}
        self._sharing: dict[_Job, list[InspectionInputs]] = {}
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def answer(self, inputs: InspectionInputs, now: datetime) -> Answer | None:
        """What is known of the image, None where it has to be looked at again."""
        known = self._answers.get(inputs)
        return known if known is not None and now < known.until else None

    def request(self, inputs: InspectionInputs, asker: Asker, *, anew: bool = False) -> None:
        """Have the image inspected unless that is under way; with `anew` even where an answer is still good."""
        if asker not in self._askers.get(inputs, ()):
            self.forget(asker)
            self._askers.setdefault(inputs, set()).add(asker)
        if anew:
            self._anew.add(inputs)
        if inputs not in self._queued:
            self._queued.add(inputs)
            self._queue.put_nowait(inputs)

    def forget(self, asker: Asker) -> None:
        """It asks no more."""
        for inputs in [inputs for inputs, askers in self._askers.items() if asker in askers]:
            self._askers[inputs].discard(asker)
            if not self._askers[inputs]:
                del self._askers[inputs]

    async def run(self) -> None:
        """Inspect what is asked for, until cancelled, which ends the requests under way."""
        async with self._registry, asyncio.TaskGroup() as workers:
            for number in range(AT_ONCE):
                workers.create_task(self._work(), name=f"image inspection/{number}")

    async def _work(self) -> None:
        while True:
            inputs = await self._queue.get()
            try:
                await self._inspect(inputs)
            except Exception as error:  # noqa: BLE001 - one image's trouble must not end the others'
                self._conclude(inputs, [inputs], _broken(inputs.image, error))

    async def _inspect(self, inputs: InspectionInputs) -> None:
        try:
            reference = parse_reference(inputs.image)
        except InvalidReferenceError as error:
            self._conclude(inputs, [inputs], InspectionFailure(ModelReason.IMAGE_NOT_FOUND, str(error)))
            return
        grants = await read_pull_secrets(self._client, inputs)
        if isinstance(grants, InspectionFailure):
            self._conclude(inputs, [inputs], grants)
            return
        credentials = credentials_for(reference, grants)
        await self._share(_Job(reference, _hash(credentials)), inputs, credentials)

    async def _share(self, job: _Job, inputs: InspectionInputs, credentials: Sequence[Credential]) -> None:
        """Join the inspection that is under way, take the answer of the one before, or be the next."""
        if job in self._sharing:
            self._sharing[job].append(inputs)
            return
        known = self._answers.get(job)
        if known is not None and self._clock() < known.until and inputs not in self._anew:
            self._tell(inputs, known)
            return
        sharing = self._sharing[job] = [inputs]
        try:
            found = _finding(await self._registry.labels(job.reference, credentials))
        except Exception as error:  # noqa: BLE001 - whoever shares it has to be told
            found = _broken(inputs.image, error)
        finally:
            del self._sharing[job]
        self._conclude(job, sharing, found)

    def _conclude(self, subject: Hashable, sharing: Sequence[InspectionInputs], found: Finding) -> None:
        before = self._answers.get(subject)
        new = answer(found, self._clock(), before)
        if before is None or before.found != found:
            _log(sharing[0].image, found)
        self._keep(subject, new)
        for inputs in sharing:
            self._tell(inputs, new)

    def _tell(self, inputs: InspectionInputs, known: Answer) -> None:
        self._keep(inputs, known)
        self._queued.discard(inputs)
        self._anew.discard(inputs)
        askers = self._askers.get(inputs, set())
        if isinstance(known.found, ImageMetadata):
            self._askers.pop(inputs, None)
        for asker in sorted(askers):
            self._wake(asker)

    def _keep(self, subject: Hashable, known: Answer) -> None:
        self._answers[subject] = known
        self._answers.move_to_end(subject)
        while len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)


def _finding(outcome: Outcome) -> Finding:
    """Each way not to get the metadata has its reason (SPEC §2)."""
    match outcome:
        case Inspected(labels):
            try:
                return read_labels(labels)
            except LabelsError as error:
                return InspectionFailure(ModelReason.METADATA_EXTRACTION_FAILED, str(error))
        case ImageNotFound(message):
            return InspectionFailure(ModelReason.IMAGE_NOT_FOUND, message)
        case AuthFailure(message):
            return InspectionFailure(ModelReason.IMAGE_PULL_AUTH_FAILURE, message)
        case RegistryUnreachable(message, retry_after):
            return InspectionFailure(ModelReason.REGISTRY_UNREACHABLE, message, retry_after)
        case Malformed(message):
            return InspectionFailure(ModelReason.METADATA_EXTRACTION_FAILED, message)


def _broken(image: str, error: Exception) -> InspectionFailure:
    """What nobody foresaw is tried again like what passes."""
    log.error("image inspection raised", image=image, exc_info=error)
    return InspectionFailure(ModelReason.REGISTRY_UNREACHABLE, f"the inspection broke: {type(error).__name__}")


def _hash(credentials: Sequence[Credential]) -> str:
    parts = ((one.username, one.password, one.identity_token) for one in credentials)
    return short_hash(repr(tuple(parts)), 64)


def _log(image: str, found: Finding) -> None:
    if isinstance(found, InspectionFailure):
        log.warning("image inspection failed", image=image, reason=found.reason, error=found.message)
    else:
        log.info("image inspected", image=image, model=found.model.canonical_name)
