"""`aimctrl explain`: why an object is as it is, and what can be done about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from aimctrl.aim.explain.explainer import Explainer
from aimctrl.aim.explain.explanation import Explanation
from aimctrl.aim.explain.kinds import EXPLAINED
from aimctrl.aim.options import OperatorOptions
from aimctrl.api.config import TemplateSelection
from aimctrl.commands.near import near
from aimctrl.commands.session import (
    NOT_FOUND,
    UnseenError,
    complain,
    following,
    look,
    may_list_everywhere,
    reader,
    run,
    say,
)
from aimctrl.kube.kinds import Key, Kind, UndecodableObjectError
from aimctrl.render.explanation import tree
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import NotFoundError
from aimctrl.runtime.manager import Manager
from aimctrl.settings import SettingError, Settings

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be explained: a word of `EXPLAINED`; `name` as it was given; the namespace besides."""

    what: str
    name: str
    namespace: str = ""
    output: Literal["tree", "json"] = "tree"


def explain(question: Question, settings: Settings) -> int:
    """Explain one object; the exit code.

    Raises SettingError where the name cannot be one.
    """
    return run(_explain(question, _parse(question), settings))


def _parse(question: Question) -> Key:
    """The namespace, `""` where none was given, and the name."""
    before, slash, after = question.name.rpartition("/")
    key = Key(before if slash else question.namespace, after)
    if (slash and not before) or not all(_NAME.fullmatch(part) for part in key if part) or not key.name:
        raise SettingError(f"{question.name!r} is not NAME or NAMESPACE/NAME")
    return key


async def _explain(question: Question, asked: Key, settings: Settings) -> int:
    async with reader(settings) as client:
        kinds = EXPLAINED[question.what]
        if not asked.namespace and all(kind.namespaced for kind in kinds):
            asked = Key(client.connection.namespace, asked.name)
        found = await _locate(client, kinds, asked)
        told = await explanation(client, *found, settings) if found else None
        if told is None:
            complain(_absent(kinds, asked, await near(client, kinds, asked)))
            return NOT_FOUND
    say(_json(told) if question.output == "json" else tree(told, datetime.now(UTC), look()))
    return 0


async def _locate(client: Client, kinds: Sequence[Kind[Any]], asked: Key) -> tuple[Kind[Any], Key] | None:
    """The first kind that has an object of that name.

    Raises UnseenError where the API server knows none of the kinds.
    """
    known = False
    for kind, key in _places(kinds, asked):
        try:
            await client.get(kind, key)
        except NotFoundError as error:
            known |= bool(error.answer.details.get("name"))
        else:
            return kind, key
    if not known:
        names = ", ".join(kind.resource for kind in kinds)
        raise UnseenError(
            f"the API server at {client.connection.server} does not know {names}: "
            "install the definitions with `aimctrl crds | kubectl apply --server-side -f -`"
        )
    return None


def _places(kinds: Sequence[Kind[Any]], asked: Key) -> list[tuple[Kind[Any], Key]]:
    """Where to look: in the namespace first, where there is one, then in the cluster."""
    seen = [kind for kind in kinds if asked.namespace or not kind.namespaced]
    return [(kind, asked if kind.namespaced else Key("", asked.name)) for kind in seen]


def _absent(kinds: Sequence[Kind[Any]], asked: Key, meant: Sequence[Key]) -> str:
    told = " and no ".join(f'{kind.name} "{key}"' for kind, key in _places(kinds, asked))
    hint = "" if asked.namespace else "; one of a namespace is named NAMESPACE/NAME"
    near_ones = f"; did you mean {' or '.join(map(str, meant))}?" if meant else ""
    return f"there is no {told}{near_ones or hint}"


async def explanation(client: Client, kind: Kind[Any], key: Key, settings: Settings) -> Explanation | None:
    """What is to be told about one object; None where it is not there.

    Raises UnseenError where it cannot be told, TransientError where the API server does not answer.
    """
    namespaces, warnings = await _scope(client, kind, key, settings.namespaces)
    manager = Manager(client, namespaces=namespaces)
    options = OperatorOptions(
        operator_namespace=settings.operator_namespace,
        max_discovery_jobs=settings.max_discovery_jobs,
        template_selection=TemplateSelection(settings.template_selection),
    )
    explainer = Explainer(manager, options, kind)
    try:
        return await following(manager.informers, lambda: explainer.explain(key, datetime.now(UTC), warnings))
    except UndecodableObjectError as error:
        raise UnseenError(f"{kind.name} {key} is not as its definition wants it: {error}") from error


async def _scope(
    client: Client, kind: Kind[Any], key: Key, watched: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The namespaces to look at, none for all, and what is to be said about that.

    They are those that the operator watches, as far as we may see them.
    """
    if watched:
        return tuple({*watched, key.namespace} - {""}), _unwatched(kind, key, watched)
    if not kind.namespaced or await may_list_everywhere(client, kind):
        return (), ()
    return (key.namespace,), (f"You may only look at namespace {key.namespace}; the operator sees others too.",)


def _unwatched(kind: Kind[Any], key: Key, watched: tuple[str, ...]) -> tuple[str, ...]:
    """Why the operator, as it is configured here, would not look at the object at all."""
    told = f"AIM_WATCH_NAMESPACES is {','.join(watched)}"
    if not kind.namespaced:
        return (f"{told}: such an operator does not look after cluster-scoped objects.",)
    return () if key.namespace in watched else (f"{told}: such an operator does not look at {key.namespace}.",)


def _json(told: Explanation) -> str:
    raw = msgspec.json.encode(told, order="sorted")
    return msgspec.json.format(raw, indent=2).decode() + "\n"
