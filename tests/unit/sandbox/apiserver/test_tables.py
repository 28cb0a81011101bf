"""Rows of custom resources, and of kinds that nothing peculiar is shown of."""

from datetime import UTC, datetime

from aimctrl.sandbox.apiserver.resources import Column, ResourceType
from aimctrl.sandbox.apiserver.tables import column_definitions, row

NOW = datetime(2026, 1, 2, tzinfo=UTC)
META = {"name": "w", "creationTimestamp": "2026-01-01T23:59:00Z"}


def widgets(*columns: Column, custom: bool = True) -> ResourceType:
    return ResourceType(
        "example.org", "v1", "Widget", "widgets", "widget", namespaced=True, columns=columns, custom=custom
    )


def test_a_custom_resource_shows_what_its_crd_says():
    type_ = widgets(
        Column("Replicas", "integer", ".spec.replicas"),
        Column("Tags", "string", ".spec.tags"),
        Column("Up", "string", '.status.conditions[?(@.type=="Up")].status'),
        Column("Since", "date", ".status.since", priority=1),
        Column("Absent", "string", ".spec.absent"),
    )
    thing = {
        "metadata": META,
        "spec": {"replicas": 2, "tags": ["a", "b"]},
        "status": {"since": "2026-01-01T22:00:00Z", "conditions": [{"type": "Up", "status": "True"}]},
    }
    assert row(type_, thing, NOW) == {"cells": ["w", 2, '["a","b"]', "True", "120m", None]}
    assert [(column["name"], column["priority"]) for column in column_definitions(type_)][3:5] == [
        ("Up", 0),
        ("Since", 1),
    ]


def test_a_custom_resource_without_columns_shows_its_age():
    assert row(widgets(), {"metadata": META}, NOW) == {"cells": ["w", "60s"]}


def test_a_kind_of_the_server_without_columns_shows_when_it_was_made():
    type_ = widgets(custom=False)
    assert row(type_, {"metadata": META}, NOW) == {"cells": ["w", META["creationTimestamp"]]}
    assert [column["name"] for column in column_definitions(type_)] == ["Name", "Created At"]
