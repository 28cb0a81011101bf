"""Events, which are one store under two groups with different names for the same fields.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/, and what a real API server
answers: the names in its messages are those of the old group, but for the controller's.
"""

from collections.abc import Iterator, Mapping

from aimctrl.sandbox.apiserver.builtin.checks import immutable, invalid, label_key, required
from aimctrl.sandbox.apiserver.errors import FieldError
from aimctrl.sandbox.apiserver.resources import Strategy
from aimctrl.sandbox.apiserver.schema.node import Object

NEW = "events.k8s.io/v1"

_TO_NEW: Mapping[str, str] = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_TO_OLD: Mapping[str, str] = {new: old for old, new in _TO_NEW.items()}

_ALWAYS_OLD: Mapping[str, object] = {"reportingComponent": "", "reportingInstance": ""}
_OMITTED_NEW = ("reportingController", "reportingInstance")

_LONGEST, _LONGEST_MESSAGE = 128, 1024
_TYPES = ("Normal", "Warning")
_UNSET = ("firstTimestamp", "lastTimestamp", "count", "source")
_FIXED = (
    "involvedObject",
    "reason",
    "message",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "reason",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingComponent",
    "reportingInstance",
)
"""What an update through the new group leaves as it is; the server checks the reason twice."""


class EventStrategy(Strategy):
    """An Event is where its object is; one of a cluster-wide object is in `default`."""

    def convert(self, thing: Object, api_version: str) -> Object:
        """The same Event with the other group's names."""
        if api_version == NEW:
            other = {_TO_NEW.get(key, key): value for key, value in thing.items()}
            other = {key: value for key, value in other.items() if value or key not in _OMITTED_NEW}
        else:
            other = {**_ALWAYS_OLD, **{_TO_OLD.get(key, key): value for key, value in thing.items()}}
        return {**other, "apiVersion": api_version}

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """That it is in the namespace of its object; more through the new group, or of one with a time of its own."""
        del subresource
        new_group = thing["apiVersion"] == NEW
        event = self.convert(thing, "v1") if new_group else thing
        errors = [*_namespace_errors(event)]
        if event.get("eventTime") is not None:
            errors += _reporter_errors(event, "reportingController" if new_group else "reportingComponent")
        if new_group and old is None:
            errors += _creation_errors(event)
        elif new_group and old is not None:
            errors += _change_errors(event, self.convert(old, "v1"))
        return errors


def _namespace_errors(event: Object) -> Iterator[FieldError]:
    about, namespace = event["involvedObject"].get("namespace", ""), event["metadata"].get("namespace", "")
    if about and event.get("eventTime") is not None:
        return
    if about != namespace and (about or namespace != "default"):
        yield invalid("involvedObject.namespace", about, "does not match event.namespace")


def _reporter_errors(event: Object, controller: str) -> Iterator[FieldError]:
    name = event.get("reportingComponent", "")
    if not name:
        yield required(controller)
    yield from label_key(controller, name)
    for key in ("reportingInstance", "action", "reason"):
        if not event.get(key):
            yield required(key)
        elif len(event[key]) > _LONGEST:
            yield invalid(key, "", f"can have at most {_LONGEST} characters")
    if len(event.get("message", "")) > _LONGEST_MESSAGE:
        yield invalid("message", "", f"can have at most {_LONGEST_MESSAGE} characters")


def _creation_errors(event: Object) -> Iterator[FieldError]:
    if event.get("eventTime") is None:
        yield required("eventTime")
    if event.get("type", "") not in _TYPES:
        yield invalid("type", "", f"has invalid value: {event.get('type', '')}")
    for key in _UNSET:
        if event.get(key):
            yield invalid(key, "", "needs to be unset")
    series = event.get("series")
    if series is not None:
        if series.get("count", 0) < 2:
            yield invalid("series.count", "", "should be at least 2")
        if series.get("lastObservedTime") is None:
            yield required("series.lastObservedTime")


def _change_errors(event: Object, old: Object) -> Iterator[FieldError]:
    for key in _FIXED:
        if event.get(key) != old.get(key):
            yield immutable("reportingController" if key == "reportingComponent" else key, event.get(key))
