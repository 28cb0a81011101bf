"""Whatever goes wrong between an API server and an informer, once it is over the cache equals the server's list.

The faults come in any order, as often as they like: the watch breaks, ends, says nonsense, falls silent; versions are
forgotten; lists are refused, forbidden, or fail; the kind vanishes. Time is virtual.
"""

import asyncio
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.index import Index
from aimctrl.runtime.informer import Informer
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.lister import Available
from aimctrl.runtime.store import Change, Entry
from support.fake_api import FakeApi, failure, no_answer
from support.virtual import UNSHRUNK, VirtualTime


class View(msgspec.Struct):
    team: str = ""


def team_of(_: object, view: View) -> list[str]:
    return [view.team]


BY_TEAM = Index("team", View, team_of)
PODS: Kind[dict[str, Any]] = Kind("", "v1", "Pod", "pods", dict)
SPACES = ("x", "y")
DEEP = b'{"type":"MODIFIED","object":' + b"[" * 3000 + b"]" * 3000 + b"}"

FAULTS = {
    "no answer": no_answer(),
    "server error": failure(500),
    "busy": failure(429, retry_after=3),
    "gone": failure(410, reason="Expired"),
    "forbidden": failure(403, reason="Forbidden"),
    "no such kind": failure(404),
    "too new": failure(504, message="Too large resource version: 900, current: 12"),
}
LINES = {
    "ended": None,
    "cut": no_answer(),
    "nonsense": b"<html>",
    "half a line": b'{"type":"ADDED","object":{"metadata":{"na',
    "no version": b'{"type":"ADDED","object":{"metadata":{"name":"z","namespace":"x"}}}',
    "version no number": b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"new"}}}',
    "too deep": DEEP,
    "an unknown type": b'{"type":"WHAT","object":[]}',
    "expired": msgspec.json.encode({"type": "ERROR", "object": {"kind": "Status", "code": 410}}),
    "a faulty error": b'{"type":"ERROR","object":{"code":"x"}}',
}

names = st.sampled_from("abcd")
spaces = st.sampled_from(SPACES)


class WatchMachine(VirtualTime):
    """`mirror` is what one holds who was told of nothing but the informer's changes."""

    @initialize(streams=st.booleans(), page=st.integers(1, 3), split=st.booleans(), there=st.lists(names, max_size=3))
    def begin(self, *, streams: bool, page: int, split: bool, there: list[str]) -> None:
        self.api = FakeApi(streams=streams, page_size=page)
        for name in there:
            self.api.put("pods", name, "x")
        self.mirror: dict[Key, Entry] = {}
        self.wrong: list[str] = []
        self.informer = self.do(self.start(split=split))
        self.settle()

    async def start(self, *, split: bool) -> Informer[Any]:
        informers = Informers(self.api, namespaces=SPACES if split else (), resync_seconds=40.0)
        informer = informers.informer(PODS)
        informer.add_index(BY_TEAM)
        informer.add_handler(self.hear)
        self.running = asyncio.create_task(informers.run())
        return informer

    @rule(name=names, space=spaces, team=st.sampled_from(["red", "blue"]))
    def put(self, name: str, space: str, team: str) -> None:
        self.api.put("pods", name, space, team=team)
        self.settle()

    @rule(name=names, space=spaces)
    def delete(self, name: str, space: str) -> None:
        if (space, name) in self.api.objects("pods"):
            self.api.remove("pods", name, space)
            self.settle()

    @rule(name=names, space=spaces)
    def delete_and_make_anew_in_one_go(self, name: str, space: str) -> None:
        if (space, name) in self.api.objects("pods"):
            self.api.remove("pods", name, space)
        self.api.put("pods", name, space)

    @rule()
    def bookmark(self) -> None:
        self.api.bookmark()

    @rule(line=st.sampled_from(sorted(LINES)))
    def watches_hear(self, line: str) -> None:
        self.api.send(LINES[line])
        self.settle()

    @rule(fault=st.sampled_from(sorted(FAULTS)))
    def requests_fail(self, fault: str) -> None:
        self.api.faults["pods"] = FAULTS[fault]

    @rule()
    def requests_succeed(self) -> None:
        self.api.faults.clear()

    @rule()
    def versions_are_forgotten_and_watches_end(self) -> None:
        self.api.version += 1
        self.api.forget()
        self.api.send(None)

    @rule()
    def lists_are_no_longer_streamed_or_are_again(self) -> None:
        self.api.streams = not self.api.streams

    @rule(seconds=st.sampled_from([0.5, 5.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @invariant()
    def handlers_were_told_of_every_change_and_of_no_other(self) -> None:
        assert self.wrong == []
        assert self.mirror == dict(self.informer.store.items())

    @invariant()
    def the_informer_runs(self) -> None:
        assert not self.running.done()

    def teardown(self) -> None:
        try:
            if hasattr(self, "informer"):
                self.heal()
        finally:
            super().teardown()

    def heal(self) -> None:
        """Let everything be well again, and compare."""
        self.api.faults.clear()
        self.api.version += 1  # the fake's page tokens are good again
        self.pass_time(300.0)
        self.api.put("pods", "last", "y")
        self.pass_time(40.0)
        assert self.informer.lister.availability == Available()
        assert self.informer.synced.is_set()
        there = self.api.objects("pods")
        held = {(k.namespace, k.name): msgspec.json.decode(e.raw) for k, e in self.informer.store.items()}
        assert held == there
        self.handlers_were_told_of_every_change_and_of_no_other()
        for team in ("red", "blue"):
            members = sorted(key for key, thing in there.items() if thing.get("team") == team)
            assert [tuple(key) for key in self.informer.store.find(BY_TEAM.name, team)] == members

    def hear(self, change: Change) -> None:
        if change.old is not change.new and self.mirror.get(change.key) != change.old:
            self.wrong.append(repr(change))
        self.mirror.pop(change.key, None)
        if change.new is not None:
            self.mirror[change.key] = change.new


TestWatch = WatchMachine.TestCase
TestWatch.settings = UNSHRUNK
