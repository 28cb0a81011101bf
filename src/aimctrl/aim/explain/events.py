"""The recent events about one object.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/.
"""

from datetime import UTC, datetime

import msgspec

from aimctrl.aim.explain.explanation import EventLine
from aimctrl.kube.core import EVENTS, Event
from aimctrl.kube.kinds import UndecodableObjectError
from aimctrl.kube.meta import Meta
from aimctrl.runtime.client import Client, Page
from aimctrl.runtime.errors import MendableError

SHOWN = 10
"""Events that are told, the latest."""

_LONG_AGO = datetime.fromtimestamp(0, UTC)

_decode = msgspec.json.Decoder(Page).decode


async def recent(client: Client, about: Meta) -> tuple[tuple[EventLine, ...], tuple[str, ...]]:
    """The latest events about an object, the latest last, and a warning where they cannot be read.

    Those about cluster-scoped objects are in the namespace `default` (SPEC §5). Raises TransientError where the API
    server does not answer.
    """
    path = EVENTS.path(about.namespace or "default")
    try:
        raw = await client.request("GET", path, query={"fieldSelector": f"regarding.uid={about.uid}", "limit": "500"})
    except MendableError as error:
        return (), (f"Events cannot be read: {error}",)
    lines = [_line(event) for item in _decode(raw).items if (event := _event(bytes(item))) is not None]
    return tuple(sorted(lines, key=_order)[-SHOWN:]), ()


def _event(raw: bytes) -> Event | None:
    try:
        return EVENTS.decode(raw)
    except UndecodableObjectError:
        return None


def _line(event: Event) -> EventLine:
    series = event.series
    last = (series.last_observed_time if series else None) or event.event_time or event.metadata.creation_timestamp
    return EventLine(last, event.type, event.reason, event.note, series.count if series else 1)


def _order(line: EventLine) -> tuple[datetime, str, str]:
    return line.at or _LONG_AGO, line.reason, line.message
