"""Objects whole, as rows of a Table, and as only their metadata."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from aimctrl.sandbox.apiserver.cluster import Answer
from aimctrl.sandbox.apiserver.negotiation import Form
from aimctrl.sandbox.apiserver.reading import Page
from aimctrl.sandbox.apiserver.request import Call, Place, User
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.storage import Stored
from aimctrl.sandbox.apiserver.views import event_body, object_body, page_body

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TYPE = ResourceType("example.org", "v1", "Widget", "widgets", "widget", namespaced=True, custom=True)
META = {"name": "w", "resourceVersion": "7", "creationTimestamp": "2026-01-01T23:59:00Z"}
THING = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": META, "spec": {}}
STORED = Stored("w", 7, THING, msgspec.json.encode(THING))
PARTIAL = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": META}


def call(kind: str = "", **query: str) -> Call:
    place = Place("example.org", "v1", "widgets")
    return Call("get", TYPE, place, User("me"), query, form=Form(kind=kind))


def test_an_object_is_sent_as_it_is_stored():
    assert object_body(call(), Answer(THING, raw=b"raw"), NOW) == b"raw"


def test_only_metadata_is_sent_to_those_who_ask():
    assert msgspec.json.decode(object_body(call("PartialObjectMetadata"), Answer(THING), NOW)) == PARTIAL


def test_a_status_is_always_whole():
    status = {"kind": "Status", "status": "Success"}
    assert msgspec.json.decode(object_body(call("Table"), Answer(status), NOW)) == status


ROWS: dict[str, Any] = {"": PARTIAL, "Metadata": PARTIAL, "Object": THING, "None": None}


@pytest.mark.parametrize(("included", "thing"), ROWS.items())
def test_a_row_brings_as_much_of_the_object_as_is_asked_for(included: str, thing: Any):
    query = {"includeObject": included} if included else {}
    table = msgspec.json.decode(object_body(call("Table", **query), Answer(THING), NOW))
    assert table["rows"] == [{"cells": ["w", "60s"], "object": thing}]
    assert table["metadata"] == {"resourceVersion": "7"}


def test_a_list_is_a_table_too():
    table = msgspec.json.decode(page_body(call("Table"), Page(TYPE, 9, (STORED, STORED)), NOW))
    assert (len(table["rows"]), table["metadata"]) == (2, {"resourceVersion": "9"})


def test_a_list_is_sent_as_its_objects_are_stored():
    page = msgspec.json.decode(page_body(call(), Page(TYPE, 9, (STORED,)), NOW))
    assert (page["kind"], page["items"], page["metadata"]) == (
        "WidgetList",
        [THING],
        {"resourceVersion": "9", "continue": ""},
    )


def test_only_the_first_row_of_a_watch_brings_its_columns():
    first, next_ = (msgspec.json.decode(event_body(call("Table"), STORED, NOW, first=first)) for first in (True, False))
    assert [column["name"] for column in first["columnDefinitions"]] == ["Name", "Age"]
    assert next_["columnDefinitions"] is None
