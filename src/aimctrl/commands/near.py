"""What somebody may have meant who named something that is not there."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import ForbiddenError, NotFoundError
from aimctrl.runtime.index import decode_meta

SHOWN = 3
"""Names that are offered."""

LISTED = 2000
"""Names of a kind that are compared; more than that nobody mistypes."""


async def near(client: Client, kinds: Sequence[Kind[Any]], asked: Key) -> tuple[Key, ...]:
    """The objects of these kinds that were most likely meant.

    Raises TransientError where the API server does not answer. What may not be listed is left out.
    """
    found: set[Key] = set()
    for kind in kinds:
        names = await _names(client, kind, "")
        if names is None and asked.namespace:
            names = await _names(client, kind, asked.namespace)
        found |= names or set()
    return nearest(asked, found)


def nearest(asked: Key, there: Iterable[Key]) -> tuple[Key, ...]:
    """The keys most like the one that was asked for, the likeliest first: of the same namespace, else of that name."""
    keys = sorted(there)
    same = [key for key in keys if key.name == asked.name]
    names = get_close_matches(asked.name, sorted({key.name for key in keys}), SHOWN)
    order = {name: place for place, name in enumerate(names)}
    like = sorted((key for key in keys if key.name in order), key=lambda key: (order[key.name], key))
    here = [key for key in like if key.namespace == asked.namespace]
    return tuple((here or same or like)[:SHOWN])


async def _names(client: Client, kind: Kind[Any], namespace: str) -> set[Key] | None:
    """The first names of a kind, in a namespace or everywhere; None where they may not be listed."""
    found: set[Key] = set()
    token = ""
    try:
        while len(found) < LISTED:
            page = await client.list_page(kind, namespace, token=token)
            metas = (decode_meta(bytes(item)) for item in page.items)
            found |= {Key(meta.namespace, meta.name) for meta in metas}
            token = page.token
            if not token:
                break
    except ForbiddenError:
        return None
    except NotFoundError:
        return set()
    return found
