"""The operator with its generated rights and no others; that each of them is used, `test_vocabulary.py` looks back at.

Every other test here, too, has its operators run with the generated roles (`support.identity`).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aimctrl.aim.operator import add_controllers
from aimctrl.api.kinds import (
    AIM_CLUSTER_IMAGE,
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_IMAGE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    GROUP,
)
from aimctrl.kube.core import CONFIGMAPS, PVCS
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Kind
from aimctrl.kube.meta import Meta
from aimctrl.rbac import operator_roles
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from aimctrl.runtime.errors import Answer, ConnectionFailedError, ForbiddenError, InvalidError, MendableError
from aimctrl.runtime.manager import Manager, ManagerOptions
from aimctrl.runtime.plan import Target
from e2e.conftest import Stage
from e2e.homes import GATEWAY, SOURCES, Home, storage_class
from support import identity
from support.embedded import EmbeddedPlane, Plane
from support.program import account, run, user_of
from support.rights import Right, granted, log, operators, shown
from support.world import KINDS, RBAC, World, becomes_equal, eventually, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

OF_TOMORROW = Kind(GROUP, "v9", "AIMService", "aimservices", dict)
"""A version that is not served: as good as a kind that is missing."""


class Unlucky(Client):
    """An API server that cannot stream lists yet, and a network that loses the answer to each first write."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        send, lost = self._transport.send, set[tuple[str, str]]()

        async def lossy(call: Any) -> bytes:
            answer = await send(call)
            if call.method != "GET" and (call.method, call.path) not in lost:
                lost.add((call.method, call.path))
                raise ConnectionFailedError(Answer(reason="Lost", message="the answer was lost"))
            return answer

        self._transport.send = lossy

    @asynccontextmanager
    async def stream(self, path: str, query: Any, **more: Any) -> AsyncGenerator[AsyncIterator[list[bytes]]]:
        if "sendInitialEvents" in query:
            raise InvalidError(Answer(422, "Invalid", "sendInitialEvents is forbidden for watch"))
        async with super().stream(path, query, **more) as lines:
            yield lines


@asynccontextmanager
async def operator(client: Client) -> AsyncIterator[None]:
    manager = Manager(client, options=ManagerOptions(grace_period=10.0))
    add_controllers(manager)
    manager.informers.informer(OF_TOMORROW)
    async with running(manager):
        yield


@pytest.fixture
def home(unmanned: Stage, namespace: str) -> Home:
    return Home(unmanned.world, namespace)


async def a_bit_of_everything(home: Home) -> None:
    """A model of each kind, templates that are discovered and cached or not, and a service with a cache and a route."""
    world, name = home.world, home.namespace
    await world.put(storage_class("default-of-rights", default=True))
    await home.model()
    await world.have(AIM_IMAGE, "image", name, image=home.image)
    await home.discovered(caching={"enabled": True})
    await home.service(templateRef="fast", cacheModel=True, routing={"enabled": True, "gatewayRef": GATEWAY})


async def test_rights_that_only_trouble_makes_it_use_are_used(control_plane: Plane, home: Home):
    """What a good network, a new API server and well-behaved users leave unused."""
    world, name = home.world, home.namespace
    seldom = {right for right in shown(control_plane, operators()) if right.verb in {"get", "list", "watch"}}
    seldom -= {right for right in seldom if right.resource in {"pods/log", "secrets", "leases"}}
    seldom.add(Right(PVCS.group, PVCS.plural, "patch"))

    async def unused() -> list[str]:
        return sorted(map(str, seldom - log(control_plane, identity.user()).used))

    async with Unlucky(await connect(str(identity.of(control_plane)))) as client, operator(client):
        await a_bit_of_everything(home)
        await world.have(AIM_CLUSTER_IMAGE, f"i-{name}", image=home.image)
        await world.have(AIM_CLUSTER_MODEL, f"m-{name}", image=home.image)
        await world.have(AIM_CLUSTER_SERVICE_TEMPLATE, f"t-{name}", modelName=f"m-{name}", modelSources=SOURCES)
        await home.runs()
        await world.reaches(AIM_MODEL, "llama", name, status="Ready")
        await world.reaches(AIM_IMAGE, "image", name, status="Ready")
        await world.reaches(AIM_CLUSTER_IMAGE, f"i-{name}", status="Ready")
        await world.reaches(AIM_CLUSTER_SERVICE_TEMPLATE, f"t-{name}", status="Ready")
        await lose_labels(world, PVCS, name)
        await becomes_equal(unused, [], every=2.0)


async def lose_labels(world: World, kind: Kind[Any], namespace: str) -> None:
    """Take from the objects of a kind what they are found by."""
    for found in await world.all(kind, namespace):
        labels = dict.fromkeys(found.metadata.labels)
        await world.client.patch(kind, found.key, {"metadata": {"labels": labels}})


async def test_an_operator_of_namespaces_serves_models_there_with_roles_there_and_one_that_reads(
    control_plane: Plane, home: Home
):
    places = [Home(home.world, f"{home.namespace}-{letter}") for letter in "ab"]
    first, second = (place.namespace for place in places)
    await home.world.namespace(second)
    with identity.identity(control_plane, (first, second), home=first) as kubeconfig:
        where = (f"--namespace={first},{second}", f"--operator-namespace={first}", "--leader-elect")
        async with run(control_plane, *where, kubeconfig=kubeconfig) as running:
            for place in places:
                await a_bit_of_everything(place)
            for place in places:
                await place.runs()
            assert await running.terminate() == 0, running.output
    found = log(control_plane, identity.user(first))
    assert not found.missed, sorted(map(str, found.missed))
    assert found.used <= granted(operator_roles((first, second), first))
    assert Right(INFERENCE_SERVICES.group, INFERENCE_SERVICES.plural, "create") in found.used


async def test_only_its_roles_give_the_operator_its_rights(control_plane: Plane, home: Home, tmp_path: Path):
    """An account without a rule has none of them: nothing that everybody may do makes up for a rule that is gone."""
    file = await account(home.world, control_plane, tmp_path, home.namespace)
    rights = sorted(operators())
    async with Client(await connect(str(file))) as nobody, asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(may(nobody, right, home.namespace)) for right in rights]
    allowed = [str(right) for right, answer in zip(rights, asked, strict=True) if answer.result()]
    assert not allowed
    assert log(control_plane, user_of(home.namespace)).missed >= set(rights)


async def may(client: Client, right: Right, namespace: str) -> bool:
    """Whether the API server lets a client make a request for which it needs the right."""
    plural, _, subresource = right.resource.partition("/")
    kind = next(kind for kind in KINDS.values() if (kind.group, kind.plural) == (right.group, plural))
    name = "" if right.verb in {"create", "list", "watch"} else right.name or "any"
    path = kind.path(namespace if kind.namespaced else "", name, subresource)
    method = {"create": "POST", "delete": "DELETE", "patch": "PATCH", "update": "PUT"}.get(right.verb, "GET")
    try:
        await client.request(
            method,
            path,
            body={} if method in {"POST", "PATCH", "PUT"} else None,
            query={"watch": "true", "timeoutSeconds": "1"} if right.verb == "watch" else None,
            content_type=f"application/{'merge-patch+' if method == 'PATCH' else ''}json",
        )
    except ForbiddenError:
        return False
    except MendableError:
        return True
    return True


async def test_without_the_right_to_finalize_an_owner_it_may_have_no_children(
    control_plane: Plane, home: Home, tmp_path: Path
):
    """That an owner waits for a child is asked by admission (the embedded API server has no such plug-in)."""
    owners = sorted(right for right in operators() if right.resource.endswith("/finalizers"))
    makes, user = Right("", "configmaps", "create"), user_of(home.namespace)
    file = await account(home.world, control_plane, tmp_path, home.namespace, rule_of(makes))
    assert await eventually(lambda: is_allowed(home, user, "create", "configmaps", group=""))
    async with Client(await connect(str(file))) as client:
        refused = [right for right in owners if not await may_own(client, right, home.namespace)]
    assert refused == ([] if isinstance(control_plane, EmbeddedPlane) else owners)
    assert len(owners) == len(OWNERS)


OWNERS = (
    *(AIM_MODEL, AIM_CLUSTER_MODEL, AIM_IMAGE, AIM_CLUSTER_IMAGE),
    *(AIM_MODEL_CACHE, AIM_SERVICE, AIM_SERVICE_TEMPLATE, AIM_CLUSTER_SERVICE_TEMPLATE),
)


async def may_own(client: Client, right: Right, namespace: str) -> bool:
    """Whether the client may make something that an owner waits for whose finalizers the right is about."""
    kind = next(kind for kind in OWNERS if f"{kind.plural}/finalizers" == right.resource)
    owner = Target(kind, Meta(name="any", namespace=namespace, uid="0")).owner_reference()
    meta = {"name": kind.plural, "namespace": namespace, "ownerReferences": [owner]}
    try:
        await client.create(CONFIGMAPS, {"metadata": meta})
    except ForbiddenError as error:
        return "blockOwnerDeletion" not in str(error)
    return True


BY_APPLY = Right(HTTPROUTES.group, HTTPROUTES.plural, "create")
"""The embedded API server lets whoever may patch make an object, too."""

TAKEN_AWAY = (
    BY_APPLY,
    Right("", "pods/log", "get"),
    Right("", "persistentvolumeclaims", "create"),
    Right("aim.silogen.ai", "aimclusterimages", "watch"),
    Right("aim.silogen.ai", "aimimages/status", "patch"),
    Right("events.k8s.io", "events", "create"),
)
"""Of each sort one, such that none is in the way of another."""


async def test_a_right_that_is_taken_away_is_missed(control_plane: Plane, home: Home, tmp_path: Path):
    taken = {right for right in TAKEN_AWAY if right != BY_APPLY or not isinstance(control_plane, EmbeddedPlane)}
    rules = [rule_of(right) for right in sorted(operators() - taken)]
    file = await account(home.world, control_plane, tmp_path, home.namespace, *rules)

    async def missed() -> list[Right]:
        return sorted(log(control_plane, user_of(home.namespace)).missed)

    assert await eventually(lambda: is_allowed(home, user_of(home.namespace), "list", "aimservices"))
    async with Client(await connect(str(file))) as client, operator(client):
        await a_bit_of_everything(home)
        await home.template("warm", caching={"enabled": True})
        await home.template("plain")
        await home.service("talk", templateRef="plain", routing={"enabled": True, "gatewayRef": GATEWAY})
        await becomes_equal(missed, sorted(taken), every=1.0)


def rule_of(right: Right) -> dict[str, list[str]]:
    names = {"resourceNames": [right.name]} if right.name else {}
    return {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb], **names}


async def test_people_get_their_rights_with_the_roles_they_have_anyway(control_plane: Plane, home: Home):
    """The cluster's own `admin`, `edit` and `view`, given in a namespace."""
    for role in ("admin", "edit", "view"):
        await home.world.put(
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": role, "namespace": home.namespace},
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": RBAC, "kind": "User", "name": f"somebody-to-{role}"}],
            }
        )

    async def granted() -> dict[str, str]:
        return {
            f"{role} {verb} {plural}": str(await is_allowed(home, f"somebody-to-{role}", verb, plural))
            for role, verb, plural in expected
        }

    expected = {
        ("view", "list", "aimservices"): True,
        ("view", "create", "aimservices"): False,
        ("edit", "create", "aimservices"): True,
        ("edit", "list", "aimruntimeconfigs"): True,
        ("edit", "patch", "aimruntimeconfigs"): False,
        ("admin", "patch", "aimruntimeconfigs"): True,
        ("admin", "patch", "aimservices/status"): False,
    }
    await becomes_equal(granted, {" ".join(what): str(allowed) for what, allowed in expected.items()})


async def is_allowed(home: Home, user: str, verb: str, resource: str, *, group: str = GROUP) -> bool:
    plural, _, subresource = resource.partition("/")
    what = {"namespace": home.namespace, "group": group, "resource": plural, "subresource": subresource, "verb": verb}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": what},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = msgspec.json.decode(await home.world.client.request("POST", path, body=review))
    return bool(answer["status"]["allowed"])
