"""`aimctrl uninstall`: what is looked at, said and done, on an API server that a test plays."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from aimctrl.aim.removal import DEPLOYMENTS, Delete, Drain, HelmUninstall, Scope, Thing
from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_SERVICE
from aimctrl.commands import uninstall as command
from aimctrl.commands.uninstall import Uninstall, uninstall
from aimctrl.commands.uninstalling import GIVING_UP, UNATTENDED, Remover, StuckError, look
from aimctrl.kube.core import CRDS, JOBS, LEASES, PVCS
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.client import Page
from aimctrl.runtime.errors import Answer, ApiError, ConflictError, ForbiddenError, NotFoundError
from aimctrl.settings import SettingError, Settings

Json = dict[str, Any]
OURS = "aim.silogen.ai/service-cache"
PAGE = 2


class Api:
    """A client with objects that finalizers hold; `refuse` raises what is to be answered in place of something."""

    def __init__(self) -> None:
        self.objects: dict[tuple[Kind[Any], Key], Json] = {}
        self.said: list[str] = []
        self.refuse: Callable[[str, Kind[Any]], ApiError | None] = lambda _verb, _kind: None

    def put(self, kind: Kind[Any], name: str, **parts: Any) -> Thing:
        key = Key("ml" if kind.namespaced else "", name)
        metadata = {"name": name, "namespace": key.namespace, "uid": f"uid-{name}", "resourceVersion": "1"}
        one = {"metadata": metadata | parts.pop("metadata", {}), **parts}
        self.objects[kind, key] = one
        return Thing(kind, msgspec.convert(one["metadata"], Meta))

    async def list_page(self, kind: Kind[Any], *, selector: str = "", token: str = "") -> Page:
        self._answer("list", kind)
        found = [one for (each, _), one in sorted(self.objects.items(), key=str) if each == kind]
        labels = dict(part.split("=") for part in selector.split(",")) if selector else {}
        found = [one for one in found if one["metadata"].get("labels", {}).items() >= labels.items()]
        begin = int(token or 0)
        more = str(begin + PAGE) if begin + PAGE < len(found) else ""
        page = {"metadata": {"continue": more}, "items": found[begin : begin + PAGE]}
        return msgspec.json.decode(msgspec.json.encode(page), type=Page)

    async def get(self, kind: Kind[Any], key: Key) -> bytes:
        self._answer("get", kind)
        if (kind, key) not in self.objects:
            raise NotFoundError(Answer(404))
        return msgspec.json.encode(self.objects[kind, key])

    async def delete(self, kind: Kind[Any], key: Key, *, uid: str, propagation: str) -> None:
        self._answer("delete", kind)
        self.said.append(f"delete {kind.name} {key.name} {propagation}")
        if self.objects[kind, key]["metadata"]["uid"] != uid:
            raise ConflictError(Answer(409))
        self.objects[kind, key]["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
        self._go(kind, key)

    async def patch(self, kind: Kind[Any], key: Key, body: Json) -> None:
        self._answer("patch", kind)
        finalizers = body["metadata"]["finalizers"]
        self.said.append(f"patch {kind.name} {key.name} {finalizers}")
        self.objects[kind, key]["metadata"]["finalizers"] = finalizers
        self._go(kind, key)

    def _answer(self, verb: str, kind: Kind[Any]) -> None:
        if (error := self.refuse(verb, kind)) is not None:
            raise error

    def _go(self, kind: Kind[Any], key: Key) -> None:
        if not self.objects[kind, key]["metadata"].get("finalizers"):
            del self.objects[kind, key]


@pytest.fixture
def api() -> Api:
    return Api()


def owned(kind: str, name: str, group: str = "aim.silogen.ai") -> Json:
    return {"ownerReferences": [{"apiVersion": f"{group}/v1alpha1", "kind": kind, "name": name, "uid": f"uid-{name}"}]}


async def found(api: Api) -> dict[str, Thing]:
    things, unseen = await look(api, "ml")
    assert unseen == []
    return {f"{thing.kind.name} {thing.meta.name}": thing for thing in things}


async def test_what_is_aimctrls_is_told_from_what_is_not(api: Api) -> None:
    mine, managed = {"app.kubernetes.io/name": "aimctrl"}, {"app.kubernetes.io/managed-by": "aim"}
    api.put(DEPLOYMENTS, "aimctrl", metadata={"labels": mine})
    api.put(DEPLOYMENTS, "other")
    api.put(LEASES, "aimctrl")
    api.put(LEASES, "other")
    for name in ("aimservices.aim.silogen.ai", "services.example.org"):
        api.put(CRDS, name)
    api.put(INFERENCE_SERVICES, "chat", metadata=owned("AIMService", "chat"))
    api.put(INFERENCE_SERVICES, "theirs", metadata=owned("AIMService", "chat", group="example.org"))
    api.put(JOBS, "filling", metadata={"labels": managed} | owned("AIMModelCache", "whole"))
    api.put(JOBS, "unmanaged", metadata=owned("AIMModelCache", "whole"))
    for number in range(2 * PAGE + 1):
        api.put(AIM_SERVICE, f"s{number}", status={"status": "Running"})
    things = await found(api)
    assert set(things) == {
        "Deployment aimctrl",
        "Lease aimctrl",
        "CustomResourceDefinition aimservices.aim.silogen.ai",
        "InferenceService chat",
        "Job filling",
        *(f"AIMService s{number}" for number in range(2 * PAGE + 1)),
    }
    assert things["AIMService s0"].state == "Running"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Bound", "capacity": {"storage": "20Gi"}}, ("Bound", "20Gi")),
        ({"phase": "Pending"}, ("Pending", "18Gi")),
        ({}, ("", "18Gi")),
    ],
    ids=["bound", "pending", "new"],
)
async def test_a_claim_is_as_large_as_its_volume_or_else_as_it_wants(
    api: Api, status: Json, expected: tuple[str, str]
) -> None:
    metadata = {"labels": {"app.kubernetes.io/managed-by": "aim"}} | owned("AIMModelCache", "whole")
    api.put(PVCS, "x", metadata=metadata, spec={"resources": {"requests": {"storage": "18Gi"}}}, status=status)
    (claim,) = (await found(api)).values()
    assert (claim.state, claim.size) == expected


async def test_kinds_that_the_cluster_lacks_are_passed_over_and_those_it_hides_are_told(api: Api) -> None:
    api.put(AIM_SERVICE, "chat")
    lacking = {LEASES: NotFoundError(Answer(404)), INFERENCE_SERVICES: NotFoundError(Answer(404))}
    hidden = {
        PVCS: ForbiddenError(Answer(403, "Forbidden", "you may not list claims")),
        JOBS: ForbiddenError(Answer(403)),
    }
    answers: dict[Kind[Any], ApiError] = lacking | hidden
    api.refuse = lambda _verb, kind: answers.get(kind)
    things, unseen = await look(api, "ml")
    assert [thing.meta.name for thing in things] == ["chat"]
    assert "you may not list claims" in unseen
    assert len(unseen) == 2


@pytest.mark.looptime
async def test_what_is_held_goes_once_nobody_has_seen_to_it_for_a_while(api: Api) -> None:
    for name in ("a", "b"):
        api.put(AIM_SERVICE, name, metadata={"finalizers": [OURS]})
    told: list[str] = []
    remover = Remover(api, told.append)
    await remover.carry_out(Drain(AIM_SERVICE))
    assert api.objects == {}
    assert api.said == [
        *(f"delete AIMService {name} Background" for name in ("a", "b")),
        *(f"patch AIMService {name} []" for name in ("a", "b")),
    ]
    assert asyncio.get_running_loop().time() == pytest.approx(UNATTENDED, abs=1)
    api.put(AIM_SERVICE, "c", metadata={"finalizers": [OURS]})
    await remover.carry_out(Drain(AIM_SERVICE))
    assert asyncio.get_running_loop().time() == pytest.approx(UNATTENDED, abs=2)
    assert len(told) == 1


@pytest.mark.looptime
async def test_as_long_as_an_operator_gets_on_its_finalizers_are_its_own(api: Api) -> None:
    names = [f"s{number}" for number in range(10)]
    for name in names:
        api.put(AIM_SERVICE, name, metadata={"finalizers": [OURS]})

    async def operate() -> None:
        for name in names:
            await asyncio.sleep(UNATTENDED - 2)
            del api.objects[AIM_SERVICE, Key("ml", name)]

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(operate())
        tasks.create_task(Remover(api, pytest.fail).carry_out(Drain(AIM_SERVICE)))
    assert [words for words in api.said if "patch" in words] == []


@pytest.mark.looptime
async def test_others_finalizers_are_left_alone_and_named(api: Api) -> None:
    api.put(AIM_SERVICE, "chat", metadata={"finalizers": ["theirs", OURS]})
    with pytest.raises(StuckError, match=r"AIMService ml/chat \(theirs\) will not go"):
        await Remover(api, lambda _: None).carry_out(Drain(AIM_SERVICE))
    assert asyncio.get_running_loop().time() == pytest.approx(UNATTENDED + GIVING_UP, abs=2)


@pytest.mark.looptime
async def test_objects_made_meanwhile_are_deleted_too_unless_just_some_were_meant(api: Api) -> None:
    first = api.put(AIM_SERVICE, "first", metadata={"finalizers": ["theirs"]})
    job = api.put(JOBS, "job")

    async def meanwhile() -> None:
        await asyncio.sleep(2)
        api.put(AIM_SERVICE, "second")
        api.put(JOBS, "another")
        del api.objects[AIM_SERVICE, first.key]

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(meanwhile())
        tasks.create_task(Remover(api, pytest.fail).carry_out(Drain(AIM_SERVICE)))
    await Remover(api, pytest.fail).carry_out(Delete((job,)))
    assert [key.name for _, key in api.objects] == ["another"]


async def test_an_object_of_the_name_that_is_another_one_stays(api: Api) -> None:
    former = api.put(JOBS, "job", metadata={"uid": "former"})
    api.put(JOBS, "job")
    await Remover(api, pytest.fail).carry_out(Delete((former,)))
    assert api.said == []


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (Drain(AIM_MODEL_CACHE, orphan=True), ["delete AIMModelCache x Orphan"]),
        (Drain(AIM_MODEL_CACHE), ["delete AIMModelCache x Background"]),
        (HelmUninstall("x", "ml"), []),
    ],
    ids=["orphan", "background", "helm"],
)
async def test_how_things_are_deleted(api: Api, work: Any, said: list[str]) -> None:
    api.put(AIM_MODEL_CACHE, "x")
    await Remover(api, pytest.fail).carry_out(work)
    assert api.said == said


async def test_what_an_operators_deployment_owns_goes_before_it(api: Api) -> None:
    deployment = api.put(DEPLOYMENTS, "aimctrl")
    await Remover(api, pytest.fail).carry_out(Delete((deployment,), foreground=True))
    assert api.said == ["delete Deployment aimctrl Foreground"]


async def test_a_refusal_is_told_as_itself(api: Api) -> None:
    api.put(AIM_SERVICE, "chat")
    api.refuse = lambda verb, _: ForbiddenError(Answer(403)) if verb == "delete" else None
    with pytest.raises(ForbiddenError):
        await Remover(api, pytest.fail).carry_out(Drain(AIM_SERVICE))


@pytest.mark.parametrize(
    "asked",
    [
        Uninstall(Scope()),
        Uninstall(Scope(), dry_run=True, yes=True),
        Uninstall(Scope(), yes=True, output="json"),
    ],
    ids=["neither", "both", "json"],
)
def test_it_has_to_be_said_whether_it_is_meant(asked: Uninstall) -> None:
    with pytest.raises(SettingError, match="--dry-run"):
        uninstall(asked, Settings())


@pytest.fixture
def connected(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API server is reached by the command."""

    class Session:
        def __init__(self, _: Settings) -> None: ...
        async def __aenter__(self) -> Api:
            return api

        async def __aexit__(self, *_: object) -> None: ...

    monkeypatch.setattr(command, "reader", Session)
    monkeypatch.setattr(command, "writer", Session)
    return api


def test_the_json_has_every_object_and_every_command(connected: Api, capsys: pytest.CaptureFixture[str]) -> None:
    connected.put(AIM_SERVICE, "chat", metadata={"finalizers": [OURS]}, status={"status": "Running"})
    settings = Settings(kubeconfig="/a b", context="mine")
    assert uninstall(Uninstall(Scope(delete_crds=True), dry_run=True, output="json"), settings) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["items"] == [
        {
            "kind": "AIMService",
            "namespace": "ml",
            "name": "chat",
            "status": "Running",
            "size": "",
            "owner": "",
            "finalizers": [OURS],
            "fate": "deleted",
            "why": "",
        }
    ]
    (step,) = said["steps"]
    assert step["commands"] == [
        "kubectl --kubeconfig '/a b' --context mine delete aimservices.aim.silogen.ai --all-namespaces --all"
    ]
    assert len(step["ifHeld"]) == 1
    assert connected.said == []


def test_the_table_ends_with_the_command_that_does_it(connected: Api, capsys: pytest.CaptureFixture[str]) -> None:
    connected.put(AIM_SERVICE, "chat")
    asked = Uninstall(Scope(delete_crds=True, keep_data=True), dry_run=True)
    assert uninstall(asked, Settings()) == 0
    assert capsys.readouterr().out.endswith("aimctrl uninstall --delete-crds --keep-data --yes\n")


def test_what_may_not_be_seen_is_told_and_nothing_is_removed(
    connected: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    connected.put(AIM_SERVICE, "chat")
    connected.refuse = lambda _verb, kind: ForbiddenError(Answer(403, message="no claims")) if kind == PVCS else None
    assert uninstall(Uninstall(Scope(), dry_run=True), Settings()) == 0
    assert "not everything can be seen: no claims" in capsys.readouterr().err
    assert uninstall(Uninstall(Scope(delete_crds=True), yes=True), Settings()) == 3
    assert "nothing was removed" in capsys.readouterr().err
    assert connected.said == []


def test_each_step_is_told_as_it_begins_and_what_is_left_to_helm(
    connected: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {"app.kubernetes.io/name": "aimctrl"}
    annotations = {"meta.helm.sh/release-name": "mine", "meta.helm.sh/release-namespace": "ml"}
    connected.put(DEPLOYMENTS, "aimctrl", metadata={"labels": labels, "annotations": annotations})
    connected.put(AIM_SERVICE, "chat")
    connected.put(LEASES, "aimctrl")
    settings = Settings(operator_namespace="ml")
    assert uninstall(Uninstall(Scope(delete_crds=True), yes=True), settings) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:2] for line in lines] == ["1.", "2.", "Le"]
    assert lines[-1].endswith("helm uninstall mine --namespace ml")
    assert connected.said == ["delete AIMService chat Background", "delete Lease aimctrl Background"]


def test_a_removal_that_breaks_off_says_how_to_go_on(connected: Api, capsys: pytest.CaptureFixture[str]) -> None:
    connected.put(AIM_SERVICE, "chat")
    connected.refuse = lambda verb, _: ForbiddenError(Answer(403, message="no")) if verb == "delete" else None
    assert uninstall(Uninstall(Scope(delete_crds=True), yes=True), Settings()) == 1
    assert "by the same command" in capsys.readouterr().err


def test_where_there_is_nothing_that_is_said(connected: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert uninstall(Uninstall(Scope(delete_crds=True), yes=True), Settings()) == 0
    assert capsys.readouterr().out == "There is nothing to remove.\n"
    assert connected.said == []
