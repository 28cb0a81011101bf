"""Objects in trouble, all at once, each in a namespace of its own, and what `aimctrl explain` says of them.

What it says is asked for in this process, by a user who may only read; the command itself has tests of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from aimctrl.aim.explain.explanation import Explanation, Fact
from aimctrl.aim.remedies import REMEDIES, Care
from aimctrl.api.kinds import AIM_SERVICE
from aimctrl.commands.explain import explanation
from aimctrl.kube.kinds import Key, Kind
from aimctrl.render.explanation import tree
from aimctrl.render.tree import Look
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from aimctrl.settings import Settings
from controlplane import ControlPlane
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.homes import Home
from support.world import is_told
from support.world import reason as why

AT_ONCE = 6
"""Objects that are waited for and explained at a time."""

PATIENCE = 20
"""How often an object is explained that is still on its way."""

SETTINGS = Settings(operator_namespace=OPERATOR_NAMESPACE)


@dataclass(frozen=True)
class Scene(Home):
    """The home of one object in trouble."""

    stage: Stage

    @property
    def cluster(self) -> str:
        """The name of cluster-scoped objects of this scene."""
        return self.namespace


@dataclass(frozen=True)
class Case:
    """What is arranged, the state and reason that come of it, and the words that tell the cause.

    `also`: further reasons whose remedies have to be told. `about`: what is explained, the service `chat` if unset.
    `only_told`: what is decided now is another thing than what the status says.
    """

    arrange: Callable[[Scene], Awaitable[object]]
    status: str
    reason: str
    cause: tuple[str, ...]
    also: tuple[str, ...] = ()
    about: tuple[Kind[Any], str] = (AIM_SERVICE, "chat")
    only_told: bool = False

    @property
    def name(self) -> str:
        """The id of the test."""
        return self.arrange.__name__.replace("_", " ")

    def holds(self, found: Any) -> bool:
        """Whether the object has come to that state for that reason."""
        return is_told(found) and (found.status.status, why(found)) == (self.status, self.reason)


@dataclass(frozen=True)
class Told:
    """What was told of a case: as a value and as text; `found` is the object, `error` what went wrong before."""

    said: Explanation | None = None
    found: Any = None
    namespace: str = ""
    error: Exception | None = None

    @property
    def explanation(self) -> Explanation:
        """The explanation; raises what went wrong."""
        if self.error is not None:
            raise self.error
        assert self.said is not None
        return self.said

    @property
    def text(self) -> str:
        """The tree, as it is printed where nobody sets a width."""
        return tree(self.explanation, datetime.now(UTC), Look())


Scenes = Mapping[str, Told]


async def play(stage: Stage, plane: ControlPlane, cases: Iterable[Case]) -> Scenes:
    """Arrange all cases, wait for what comes of each, and have each explained."""
    told: dict[str, Told] = {}
    room = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(await connect(str(plane.kubeconfig))))
        client.fence = lambda: False
        async with asyncio.TaskGroup() as tasks:
            for case in cases:
                tasks.create_task(_play(stage, client, case, told, room))
    return told


async def _play(stage: Stage, client: Client, case: Case, told: dict[str, Told], room: asyncio.Semaphore) -> None:
    words = case.name.replace(" ", "-")[:30].strip("-")
    scene = Scene(stage.world, f"{words}-{uuid4().hex[:6]}", stage)
    kind, name = case.about
    key = Key(scene.namespace, name) if kind.namespaced else Key("", scene.cluster)
    try:
        async with room:
            await scene.world.namespace(scene.namespace)
            await case.arrange(scene)
            for _ in range(PATIENCE):
                found = await scene.world.until(kind, key.name, key.namespace, case.holds, timeout=90.0)
                told[case.name] = Told(await explanation(client, kind, key, SETTINGS), found, scene.namespace)
                if case.only_told or not complaints(case, told[case.name]):
                    break  # what is on its way says something else a moment later
    except Exception as error:  # noqa: BLE001 - it is the test of this very case that fails
        told[case.name] = Told(error=error)


def each(*cases: Case) -> pytest.MarkDecorator:
    """One test for each case."""
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def complaints(case: Case, told: Told) -> list[str]:
    """What is wrong with what was told: cause and remedy are in it, and the operator says so, too."""
    said, text = told.explanation, told.text
    ready = {c.type: c.message for c in told.found.status.conditions}["Ready"]
    remedies = [REMEDIES[reason].text for reason in (case.reason, *case.also)]
    checks = {
        "another state": (said.status, said.trouble.reason) == (case.status, case.reason),
        "another message": said.trouble.message == ready,
        "as if it were fine": said.trouble.care is not Care.NONE,
        "the cluster says something else": said.recorded is None and said.warnings == (),
        "the operator is not done": not said.next.writes_status,
        "control characters": "\x1b" not in text,
    } | {f"not told: {words}": words in text for words in (*case.cause, *remedies)}
    return [what for what, fine in checks.items() if not fine]


def parts(told: Explanation | Fact, *names: str) -> Fact:
    """The fact at the end of these names, each below the one before."""
    name, *rest = names
    facts = told.facts if isinstance(told, Explanation) else told.parts
    (found,) = [fact for fact in facts if fact.name == name]
    return parts(found, *rest) if rest else found
