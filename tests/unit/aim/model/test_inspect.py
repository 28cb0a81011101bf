"""Inspecting images beside the reconciles: shared, bounded, and told once."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from aimctrl.aim.model.inspect import AT_ONCE, Asker, Inspector
from aimctrl.aim.model.inspection import Answer, InspectionFailure, InspectionInputs
from aimctrl.aim.registry.docker_config import Credential
from aimctrl.aim.registry.outcomes import AuthFailure, ImageNotFound, Inspected, Malformed, RegistryUnreachable
from aimctrl.api.model import ImageMetadata
from aimctrl.api.reasons import ModelReason
from aimctrl.kube.core import SECRETS
from aimctrl.kube.kinds import Key
from aimctrl.runtime.errors import Answer as ApiAnswer
from aimctrl.runtime.errors import ConnectionFailedError, ForbiddenError, NotFoundError, UnauthorizedError
from support.following import quiet
from support.registry import auth

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
GOOD = Inspected({"com.amd.aim.model.canonicalName": "x/llama"})
IMAGE = "ghcr.io/x/llama:1"


class Registry:
    """Gives the outcomes in turn, the last one ever after; holds them back while `gate` is closed."""

    def __init__(self):
        self.outcomes = [GOOD]
        self.asked = []
        self.most = self.now = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.open = False

    async def __aenter__(self):
        self.open = True
        return self

    async def __aexit__(self, *_):
        self.open = False

    async def labels(self, reference, credentials=()):
        assert self.open
        self.asked.append((reference.name, *(one.username for one in credentials)))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.gate.wait()
        finally:
            self.now -= 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Secrets:
    """The API server, of which only secrets are read."""

    def __init__(self):
        self.held = {}
        self.read = []

    def have(self, namespace, name, username="me"):
        config = {"auths": {"ghcr.io": {"auth": auth(username, "secret")}}}
        self.held[namespace, name] = {
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": json.dumps(config).encode()},
        }

    async def get(self, kind, key):
        assert kind is SECRETS
        self.read.append(str(key))
        found = self.held.get(tuple(key), NotFoundError(ApiAnswer(404, "NotFound", "no")))
        if isinstance(found, Exception):
            raise found
        if isinstance(found, bytes):
            return found
        return msgspec.json.encode(found)


class Stage:
    def __init__(self):
        self.registry, self.secrets = Registry(), Secrets()
        self.now = NOW
        self.woken = []
        self.inspector = Inspector(self.secrets, self.registry, self.woken.append, lambda: self.now)

    def ask(self, *names, inputs=InspectionInputs(IMAGE), anew=False):
        for name in names:
            self.inspector.request(inputs, Asker("AIMModel", Key("ns", name)), anew=anew)

    def answer(self, inputs=InspectionInputs(IMAGE)):
        return self.inspector.answer(inputs, self.now)

    def reason(self, inputs=InspectionInputs(IMAGE)):
        found = self.answer(inputs).found
        assert isinstance(found, InspectionFailure)
        return found.reason

    @property
    def names(self):
        """Who was woken since this was asked last."""
        names = [asker.key.name for asker in self.woken]
        self.woken.clear()
        return names

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.inspector.run())
        try:
            await quiet()
            yield
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not self.registry.open


@pytest.fixture
async def stage():
    stage = Stage()
    async with stage.running():
        yield stage


async def test_an_image_is_inspected_and_who_asked_is_woken(stage):
    assert stage.answer() is None
    stage.ask("a")
    await quiet()
    found = stage.answer()
    assert isinstance(found.found, ImageMetadata)
    assert found.found.model.canonical_name == "x/llama"
    assert stage.names == ["a"]
    assert stage.registry.asked == [("ghcr.io/x/llama",)]
    assert stage.secrets.read == []


async def test_any_number_of_models_share_one_inspection(stage):
    stage.registry.gate.clear()
    stage.ask("c", "a")
    await quiet()
    stage.ask("b", "a")
    stage.registry.gate.set()
    await quiet()
    stage.ask("d")
    await quiet()
    assert len(stage.registry.asked) == 1
    assert stage.names == ["a", "b", "c", "d"]


async def test_models_with_secrets_of_one_content_share_one_inspection(stage):
    inputs = [InspectionInputs(IMAGE, f"ns-{number}", ("pull",)) for number in range(20)]
    for number, one in enumerate(inputs):
        stage.secrets.have(one.namespace, "pull")
        stage.ask(str(number), inputs=one)
    await quiet()
    await quiet()
    assert stage.registry.asked == [("ghcr.io/x/llama", "me")]
    assert len(stage.names) == 20
    assert all(stage.answer(one) is stage.answer(inputs[0]) for one in inputs)


async def test_all_who_share_an_inspection_that_breaks_are_told(stage):
    inputs = [InspectionInputs(IMAGE, f"ns-{number}", ("pull",)) for number in range(3)]
    stage.registry.gate.clear()
    stage.registry.outcomes = [ZeroDivisionError()]
    for number, one in enumerate(inputs):
        stage.secrets.have(one.namespace, "pull")
        stage.ask(str(number), inputs=one)
    with capture_logs():
        await quiet()
        stage.registry.gate.set()
        await quiet()
    assert stage.names == ["0", "1", "2"]
    assert {stage.reason(one) for one in inputs} == {ModelReason.REGISTRY_UNREACHABLE}


async def test_other_credentials_are_another_inspection(stage):
    stage.secrets.have("a", "pull", "alice")
    stage.secrets.have("b", "pull", "bob")
    stage.registry.outcomes = [GOOD, AuthFailure("no")]
    a, b = (InspectionInputs(IMAGE, namespace, ("pull",)) for namespace in "ab")
    stage.ask("x", inputs=a)
    await quiet()
    stage.ask("y", inputs=b)
    await quiet()
    assert [asked[1:] for asked in stage.registry.asked] == [("alice",), ("bob",)]
    assert isinstance(stage.answer(a).found, ImageMetadata)
    assert stage.reason(b) == ModelReason.IMAGE_PULL_AUTH_FAILURE


async def test_only_so_many_are_inspected_at_once(stage):
    stage.registry.gate.clear()
    for number in range(3 * AT_ONCE):
        stage.ask(str(number), inputs=InspectionInputs(f"ghcr.io/x/{number}"))
    await quiet()
    stage.registry.gate.set()
    await quiet()
    assert stage.registry.most == AT_ONCE
    assert len(stage.names) == 3 * AT_ONCE


async def test_what_was_read_is_good_for_ten_minutes_for_the_next_model(stage):
    stage.ask("a")
    await quiet()
    stage.now += timedelta(minutes=9)
    assert stage.answer() is not None
    stage.now += timedelta(minutes=1)
    assert stage.answer() is None
    stage.ask("b")
    await quiet()
    assert len(stage.registry.asked) == 2
    assert stage.names == ["a", "b"]


@pytest.mark.parametrize(
    ("outcome", "failure"),
    [
        (ImageNotFound("m"), InspectionFailure(ModelReason.IMAGE_NOT_FOUND, "m")),
        (AuthFailure("m"), InspectionFailure(ModelReason.IMAGE_PULL_AUTH_FAILURE, "m")),
        (RegistryUnreachable("m"), InspectionFailure(ModelReason.REGISTRY_UNREACHABLE, "m")),
        (RegistryUnreachable("m", 60.0), InspectionFailure(ModelReason.REGISTRY_UNREACHABLE, "m", 60.0)),
        (Malformed("m"), InspectionFailure(ModelReason.METADATA_EXTRACTION_FAILED, "m")),
        (
            Inspected({}),
            InspectionFailure(
                ModelReason.METADATA_EXTRACTION_FAILED,
                "the image has no label org.amd.silogen.model.canonicalName or com.amd.aim.model.canonicalName",
            ),
        ),
        (ZeroDivisionError("secret"), InspectionFailure(ModelReason.REGISTRY_UNREACHABLE, "the inspection broke: ZeroDivisionError")),
    ],
    ids=["not found", "refused", "down", "throttled", "malformed", "no labels", "unforeseen"],
)  # fmt: skip
async def test_each_outcome_has_its_reason(stage, outcome, failure):
    stage.registry.outcomes = [outcome]
    with capture_logs():
        stage.ask("a")
        await quiet()
    assert stage.answer().found == failure
    assert stage.answer().failures == 1
    assert stage.names == ["a"]


async def test_a_text_that_names_no_image_is_an_image_that_is_not_there(stage):
    inputs = InspectionInputs("ghcr.io/Upper/Case")
    stage.ask("a", inputs=inputs)
    await quiet()
    assert stage.reason(inputs) == ModelReason.IMAGE_NOT_FOUND
    assert stage.registry.asked == []


@pytest.mark.parametrize(
    ("held", "reason", "told"),
    [
        (None, ModelReason.IMAGE_PULL_AUTH_FAILURE, 'there is no pull secret "pull" in namespace ns'),
        (ForbiddenError(ApiAnswer(403)), ModelReason.IMAGE_PULL_AUTH_FAILURE, "may not read the pull secret ns/pull"),
        ({"type": "Opaque"}, ModelReason.IMAGE_PULL_AUTH_FAILURE, "ns/pull cannot be used: its type is Opaque"),
        (b'{"data": {"x": 1}}', ModelReason.IMAGE_PULL_AUTH_FAILURE, "does not have the form of a secret"),
        (ConnectionFailedError(ApiAnswer()), ModelReason.REGISTRY_UNREACHABLE, "ns/pull cannot be read now"),
        (UnauthorizedError(ApiAnswer(401)), ModelReason.REGISTRY_UNREACHABLE, "ns/pull cannot be read now"),
    ],
    ids=["missing", "forbidden", "of another type", "no secret", "no API server", "no credentials of our own"],
)
async def test_a_secret_that_cannot_be_used_is_named(stage, held, reason, told):
    if held is not None:
        stage.secrets.held["ns", "pull"] = held
    inputs = InspectionInputs(IMAGE, "ns", ("pull",))
    stage.ask("a", inputs=inputs)
    await quiet()
    found = stage.answer(inputs).found
    assert found.reason == reason
    assert told in found.message
    assert stage.registry.asked == []


async def test_secrets_are_read_again_for_each_attempt(stage):
    inputs = InspectionInputs(IMAGE, "ns", ("pull",))
    stage.ask("a", inputs=inputs)
    await quiet()
    stage.secrets.have("ns", "pull")
    stage.now += timedelta(minutes=1)
    assert stage.answer(inputs) is None
    stage.ask("a", inputs=inputs)
    await quiet()
    assert isinstance(stage.answer(inputs).found, ImageMetadata)
    assert stage.secrets.read == ["ns/pull", "ns/pull"]


async def test_a_failure_stands_until_its_pause_is_over_and_pauses_grow(stage):
    stage.registry.outcomes = [AuthFailure("no")]
    pauses = []
    for _ in range(5):
        stage.ask("a")
        await quiet()
        pauses.append((stage.answer().until - stage.now).total_seconds())
        stage.now = stage.answer().until
        assert stage.answer() is None
    assert pauses == [60, 120, 240, 480, 600]
    assert len(stage.registry.asked) == 5


async def test_whoever_tries_again_does_so_for_all_who_wait(stage):
    stage.registry.outcomes = [AuthFailure("no"), AuthFailure("no"), GOOD]
    stage.ask("a", "b", "c")
    await quiet()
    assert stage.names == ["a", "b", "c"]
    stage.now += timedelta(minutes=1)
    stage.ask("b")
    await quiet()
    assert stage.names == ["a", "b", "c"]
    stage.now += timedelta(minutes=2)
    stage.ask("c")
    await quiet()
    assert stage.names == ["a", "b", "c"]
    assert len(stage.registry.asked) == 3


async def test_one_may_try_again_before_the_pause_is_over(stage):
    stage.registry.outcomes = [ImageNotFound("no"), GOOD]
    stage.ask("a", "b")
    await quiet()
    stage.ask("a")
    await quiet()
    assert len(stage.registry.asked) == 1
    stage.ask("a", anew=True)
    await quiet()
    assert isinstance(stage.answer().found, ImageMetadata)
    assert stage.names == ["a", "b", "a", "b", "a", "b"]


async def test_who_asks_no_more_is_not_woken(stage):
    stage.registry.gate.clear()
    stage.ask("a", "b", "c")
    await quiet()
    stage.inspector.forget(Asker("AIMModel", Key("ns", "a")))
    stage.ask("b", inputs=InspectionInputs("ghcr.io/x/other"))
    stage.registry.gate.set()
    await quiet()
    assert sorted(stage.names) == ["b", "c"]


async def test_a_failure_is_logged_once_however_often_it_repeats(stage):
    stage.registry.outcomes = [AuthFailure("no"), AuthFailure("no"), AuthFailure("other"), GOOD, GOOD]
    with capture_logs() as logs:
        for _ in range(5):
            stage.ask("a", "b", anew=True)
            await quiet()
    told = [(line["event"], line.get("error")) for line in logs]
    assert told == [
        ("image inspection failed", "no"),
        ("image inspection failed", "other"),
        ("image inspected", None),
    ]


async def test_nothing_secret_is_kept_or_logged(stage):
    stage.secrets.have("ns", "pull")
    stage.registry.outcomes = [ZeroDivisionError()]
    with capture_logs() as logs:
        stage.ask("a", inputs=InspectionInputs(IMAGE, "ns", ("pull",)))
        await quiet()
    assert "secret" not in f"{logs}{vars(stage.inspector)}".replace("secrets=", "")
    assert Credential("me", "secret").password == "secret"


async def test_the_answers_to_many_images_do_not_pile_up(stage, monkeypatch):
    monkeypatch.setattr("aimctrl.aim.model.inspect._REMEMBERED", 10)
    for number in range(100):
        stage.ask("a", inputs=InspectionInputs(f"ghcr.io/x/{number}"))
        await quiet()
    assert len(stage.inspector._answers) == 10
    assert isinstance(stage.answer(InspectionInputs("ghcr.io/x/99")), Answer)
