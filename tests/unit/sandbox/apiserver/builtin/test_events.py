from typing import Any

import pytest

from support.requests import Server

NEW = "/apis/events.k8s.io/v1/namespaces/here/events"
OLD = "/api/v1/namespaces/here/events"
EVENT = {
    "metadata": {"name": "e"},
    "eventTime": "2024-01-01T00:00:00.123456Z",
    "reportingController": "a.b/c",
    "reportingInstance": "i",
    "action": "Do",
    "reason": "Why",
    "type": "Normal",
    "note": "hey",
    "regarding": {"kind": "Pod", "name": "x", "namespace": "here"},
}

Json = dict[str, Any]


@pytest.fixture
def server() -> Server:
    return Server()


def content(body: Json) -> Json:
    return {key: value for key, value in body.items() if key != "metadata"}


def test_an_event_of_one_group_is_read_in_the_other(server: Server) -> None:
    server.post(NEW, EVENT)
    assert content(server.get(f"{OLD}/e").body) == {
        "apiVersion": "v1",
        "kind": "Event",
        "action": "Do",
        "eventTime": "2024-01-01T00:00:00.123456Z",
        "firstTimestamp": None,
        "involvedObject": {"kind": "Pod", "name": "x", "namespace": "here"},
        "lastTimestamp": None,
        "message": "hey",
        "reason": "Why",
        "reportingComponent": "a.b/c",
        "reportingInstance": "i",
        "source": {},
        "type": "Normal",
    }


def test_an_old_event_is_read_under_the_new_names(server: Server) -> None:
    old = {
        "involvedObject": {"kind": "Pod", "namespace": "here"},
        "message": "m",
        "count": 2,
        "source": {"component": "c"},
    }
    server.post(OLD, {"metadata": {"name": "e"}, **old})
    assert content(server.get(f"{NEW}/e").body) == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "deprecatedCount": 2,
        "deprecatedFirstTimestamp": None,
        "deprecatedLastTimestamp": None,
        "deprecatedSource": {"component": "c"},
        "eventTime": None,
        "note": "m",
        "regarding": {"kind": "Pod", "namespace": "here"},
    }


def test_both_groups_list_the_same_events(server: Server) -> None:
    server.post(NEW, EVENT)
    server.post(OLD, {"metadata": {"name": "f"}, "involvedObject": {"namespace": "here"}})
    assert [len(server.get(path).body["items"]) for path in (OLD, NEW)] == [2, 2]
    assert len(server.get(f"{OLD}?fieldSelector=involvedObject.name=x").body["items"]) == 1
    assert server.delete(f"{OLD}/e").code == 200
    assert server.get(f"{NEW}/e").code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"eventTime": None}, "eventTime: Required value", id="no-time"),
        pytest.param({"reportingInstance": ""}, "reportingInstance: Required value", id="no-instance"),
        pytest.param({"action": ""}, "action: Required value", id="no-action"),
        pytest.param({"reason": ""}, "reason: Required value", id="no-reason"),
        pytest.param({"type": "X"}, 'type: Invalid value: "": has invalid value: X', id="type"),
        pytest.param({"note": "x" * 1025}, 'message: Invalid value: "": can have at most 1024 characters', id="note"),
        pytest.param({"action": "x" * 129}, 'action: Invalid value: "": can have at most 128 characters', id="action"),
        pytest.param(
            {"series": {"count": 1, "lastObservedTime": None}},
            '[series.count: Invalid value: "": should be at least 2, series.lastObservedTime: Required value]',
            id="series",
        ),
        pytest.param({"deprecatedCount": 1}, 'count: Invalid value: "": needs to be unset', id="old-field"),
        pytest.param(
            {"regarding": {"kind": "Node", "name": "x"}},
            'involvedObject.namespace: Invalid value: "": does not match event.namespace',
            id="namespace",
        ),
    ],
)
def test_an_invalid_event_is_refused(server: Server, change: Json, words: str) -> None:
    reply = server.post(NEW, {**EVENT, **change})
    assert (reply.code, reply.message) == (422, f'Event "e" is invalid: {words}')


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"note": "z"}, 'message: Invalid value: "z": field is immutable'),
        ({"reason": "z"}, 'reason: Invalid value: "z": field is immutable'),
        ({"series": {"count": 2, "lastObservedTime": "2024-01-01T00:00:01.000000Z"}}, ""),
        ({"metadata": {"labels": {"a": "b"}}}, ""),
    ],
)
def test_only_the_series_of_an_event_changes(server: Server, change: Json, words: str) -> None:
    server.post(NEW, EVENT)
    reply = server.patch(f"{NEW}/e", change)
    assert reply.message == (f'Event "e" is invalid: {words}' if words else "")


def test_the_old_group_allows_what_it_always_has(server: Server) -> None:
    server.post(NEW, EVENT)
    assert server.patch(f"{OLD}/e", {"message": "z"}).code == 200
    assert server.get(f"{NEW}/e").body["note"] == "z"


def test_an_event_of_a_cluster_wide_object_is_in_the_default_namespace(server: Server) -> None:
    event = {"metadata": {"name": "n"}, "involvedObject": {"kind": "Node", "name": "n"}}
    assert server.post("/api/v1/namespaces/default/events", event).code == 201
