"""The store, its indexes and those who wait for versions, against dictionaries and lists, whatever the order of things."""

from collections.abc import Callable

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aimctrl.kube.kinds import Key
from aimctrl.runtime.index import BY_OWNER, Index
from aimctrl.runtime.store import Change, Entry, Store
from support.virtual import UNSHRUNK


class View(msgspec.Struct):
    tags: list[str] = []


def tags_of(_: object, view: View) -> list[str]:
    return view.tags


BY_TAG = Index("tag", View, tags_of)
SPACES = ("x", "y")
TAGS = ("p", "q", "r")

keys = st.builds(Key, st.sampled_from(SPACES), st.sampled_from("abc"))
uids = st.sampled_from(["u1", "u2"])
versions = st.integers(1, 12)


@st.composite
def entries(draw: Callable[..., object]) -> Entry:
    version, uid = draw(versions), draw(uids)
    tags, owners = draw(st.lists(st.sampled_from(TAGS), max_size=3)), draw(st.lists(st.sampled_from(["o", "p"])))
    refs = [{"uid": owner, "name": owner, "kind": "K", "apiVersion": "v1"} for owner in owners]  # type: ignore[attr-defined]
    meta = {"name": "n", "uid": uid, "resourceVersion": str(version), "ownerReferences": refs}
    return Entry(msgspec.json.encode({"metadata": meta, "tags": tags}), version, 1)  # type: ignore[arg-type]


class Wait:
    """A callback that counts how often it was called."""

    def __init__(self, key: Key, version: int = 0, uid: str = "") -> None:
        self.key, self.version, self.uid = key, version, uid
        self.called = 0

    def __call__(self) -> None:
        self.called += 1


class StoreMachine(RuleBasedStateMachine):
    """`model` is what the store is to hold, `mirror` what one has who was told only of its changes."""

    @initialize(split=st.booleans())
    def begin(self, *, split: bool) -> None:
        self.split = split
        self.store = Store(split=split)
        self.store.add_index(BY_OWNER)
        self.model: dict[Key, Entry] = {}
        self.mirror: dict[Key, Entry] = {}
        self.seen: dict[str, int] = {}
        self.tagged = False
        self.for_version: list[Wait] = []
        self.for_end: list[Wait] = []

    @rule(key=keys, entry=entries())
    def put(self, key: Key, entry: Entry) -> None:
        held = self.model.get(key)
        news = held is None or held.uid != entry.uid or held.version < entry.version
        if news:
            self.model[key] = entry
        change = self.store.put(key, entry)
        assert (change is not None) is news
        self.hear([change] if change is not None else [])

    @rule(key=keys)
    def remove(self, key: Key) -> None:
        change = self.store.remove(key)
        assert (change is not None) is (self.model.pop(key, None) is not None)
        self.hear([change] if change is not None else [])

    @rule(listed=st.dictionaries(keys, entries(), max_size=6), space=st.sampled_from(SPACES), initial=st.booleans())
    def relist(self, listed: dict[Key, Entry], space: str, *, initial: bool) -> None:
        scope = space if self.split else ""
        listed = {key: entry for key, entry in listed.items() if scope in {"", key.namespace}}
        kept = {key: entry for key, entry in self.model.items() if scope not in {"", key.namespace}}
        self.model = kept | listed
        if self.store.count(scope):
            changes = self.store.replace(listed, scope, initial=initial)
            assert [change.key for change in changes] == sorted(change.key for change in changes)
            assert all(change.initial is initial for change in changes)
        else:
            self.store.fill(listed.items())
            changes = [Change(key, None, entry) for key, entry in listed.items()]
        self.hear(changes)

    @precondition(lambda self: not self.tagged)
    @rule()
    def index_by_tag_from_now_on(self) -> None:
        self.tagged = True
        self.store.add_index(BY_TAG)

    @rule(version=versions, space=st.sampled_from(SPACES))
    def advance(self, version: int, space: str) -> None:
        scope = space if self.split else ""
        self.seen[scope] = max(self.seen.get(scope, 0), version)
        self.store.advance(version, scope)

    @rule(key=keys, version=versions)
    def wait_for_version(self, key: Key, version: int) -> None:
        wait = Wait(key, version)
        self.for_version.append(wait)
        self.store.when_at_least(key, version, wait)

    @rule(key=keys, uid=st.sampled_from(["", "u1", "u2"]))
    def wait_for_end(self, key: Key, uid: str) -> None:
        wait = Wait(key, uid=uid)
        self.for_end.append(wait)
        self.store.when_gone(key, uid, wait)
        self.call_gone()

    @invariant()
    def holds_what_it_was_given(self) -> None:
        assert dict(self.store.items()) == self.model == self.mirror
        assert self.store.keys() == sorted(self.model)
        assert len(self.store) == len(self.model)
        for space in SPACES:
            there = sorted(key for key in self.model if key.namespace == space)
            assert self.store.keys(space) == there
            assert self.store.count(space) == len(there)

    @invariant()
    def indexes_find_what_a_look_at_everything_finds(self) -> None:
        for owner in ("o", "p"):
            owned = sorted(key for key, entry in self.model.items() if entry.meta().owned_by(owner))
            assert self.store.find(BY_OWNER.name, owner) == owned
        for tag in TAGS if self.tagged else ():
            tagged = sorted(k for k, e in self.model.items() if tag in msgspec.json.decode(e.raw, type=View).tags)
            assert self.store.find(BY_TAG.name, tag) == tagged

    @invariant()
    def who_waits_is_called_once_and_when_it_is_so(self) -> None:
        for wait in self.for_version:
            scope = wait.key.namespace if self.split else ""
            assert wait.called == int(self.seen.get(scope, 0) >= wait.version)
        self.call_gone()

    def call_gone(self) -> None:
        still = []
        for wait in self.for_end:
            held = self.model.get(wait.key)
            over = held is None or wait.uid not in {"", held.uid}
            assert wait.called == int(over) or (wait.called == 1 and self.went)
            if not wait.called:
                still.append(wait)
        self.for_end = still

    went = False

    def hear(self, changes: list[Change]) -> None:
        """Take in what changed; an object may go and a namesake come in one step, which ends a wait as well."""
        for change in changes:
            assert self.mirror.get(change.key) == change.old
            self.mirror.pop(change.key, None)
            if change.new is not None:
                self.mirror[change.key] = change.new
        self.went = any(change.new is None for change in changes)
        self.call_gone()
        self.went = False


TestStore = StoreMachine.TestCase
TestStore.settings = UNSHRUNK
