"""`aimctrl uninstall`: what removing the operator deletes, what stays and why, in which order; and doing it."""

import shlex
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from aimctrl.aim.removal import HelmUninstall, Item, Removal, Scope, Step, command, release_command, removal
from aimctrl.commands.session import UnseenError, complain, reader, run, say, writer
from aimctrl.commands.session import look as how
from aimctrl.commands.uninstalling import Remover, look
from aimctrl.render.removal import Shown, report
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import ControllerError
from aimctrl.settings import SettingError, Settings

_BROKEN = 1


@dataclass(frozen=True, slots=True)
class Uninstall:
    """How much is to go, and whether that is only to be shown, or was said to be meant."""

    scope: Scope
    dry_run: bool = False
    yes: bool = False
    output: Literal["table", "json"] = "table"


def uninstall(asked: Uninstall, settings: Settings) -> int:
    """Show what would be removed, or remove it; the exit code.

    Raises SettingError where it was not said which, or both.
    """
    if asked.dry_run == asked.yes:
        raise SettingError("uninstall: look at it with --dry-run first, then give --yes and not --dry-run to do it")
    if asked.yes and asked.output == "json":
        raise SettingError("uninstall: --output json is what --dry-run shows")
    return run(_show(asked, settings) if asked.dry_run else _remove(asked, settings))


async def _show(asked: Uninstall, settings: Settings) -> int:
    async with reader(settings) as client:
        found, unseen = await look(client, settings.operator_namespace)
    for words in unseen:
        complain(f"not everything can be seen: {words}")
    plan, kubectl = removal(found, asked.scope), _kubectl(settings)
    say(_json(plan, kubectl) if asked.output == "json" else report(_shown(plan, kubectl), _again(asked), how()))
    return 0


async def _remove(asked: Uninstall, settings: Settings) -> int:
    async with writer(settings) as client:
        found, unseen = await look(client, settings.operator_namespace)
        if unseen:
            raise UnseenError(f"nothing was removed, since not everything can be seen: {'; '.join(unseen)}")
        plan = removal(found, asked.scope)
        for warning in plan.warnings:
            complain(warning)
        try:
            await _carry_out(client, plan)
        except ControllerError as error:
            complain(f"{error}; what is done is done, and may be gone on with by the same command")
            return _BROKEN
    for work in (work for step in plan.steps for work in step.work if isinstance(work, HelmUninstall)):
        say(f"Left to you, since Helm keeps a record of it: {command(work)}\n")
    return 0


async def _carry_out(client: Client, plan: Removal) -> None:
    if not plan.steps:
        say("There is nothing to remove.\n")
    remover = Remover(client, complain)
    for number, step in enumerate(plan.steps, 1):
        say(f"{number}. {step.what}\n")
        for work in step.work:
            await remover.carry_out(work)


def _kubectl(settings: Settings) -> str:
    """What kubectl is called as, so that it speaks to the same cluster."""
    words = ["kubectl"]
    if settings.kubeconfig:
        words += ["--kubeconfig", settings.kubeconfig]
    if settings.context:
        words += ["--context", settings.context]
    return shlex.join(words)


def _again(asked: Uninstall) -> str:
    """The command that does what is shown."""
    scope = asked.scope
    more = (" --delete-crds" if scope.delete_crds else "") + (" --keep-data" if scope.keep_data else "")
    return f"aimctrl uninstall{more} --yes"


def _shown(plan: Removal, kubectl: str) -> Shown:
    steps = tuple((step.what, _commands(step, kubectl), _releases(step, kubectl)) for step in plan.steps)
    return Shown(plan.items, steps, plan.warnings)


def _commands(step: Step, kubectl: str) -> tuple[str, ...]:
    return tuple(command(work, kubectl) for work in step.work)


def _releases(step: Step, kubectl: str) -> tuple[str, ...]:
    return tuple(release_command(thing, kubectl) for thing in step.held)


def _json(plan: Removal, kubectl: str) -> str:
    steps = [
        {"what": step.what, "commands": _commands(step, kubectl), "ifHeld": _releases(step, kubectl)}
        for step in plan.steps
    ]
    told = {"items": [_item(item) for item in plan.items], "steps": steps, "warnings": plan.warnings}
    raw = msgspec.json.encode(told, order="sorted")
    return msgspec.json.format(raw, indent=2).decode() + "\n"


def _item(item: Item) -> dict[str, Any]:
    thing = item.thing
    return {
        "kind": thing.kind.name,
        "namespace": thing.meta.namespace,
        "name": thing.meta.name,
        "status": thing.state,
        "size": thing.size,
        "owner": f"{thing.owner.kind}/{thing.owner.name}" if thing.owner else "",
        "finalizers": thing.meta.finalizers,
        "fate": item.fate,
        "why": item.why,
    }
