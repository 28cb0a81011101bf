"""The list-watch machine, without I/O: what it asks for, and what each thing that can happen does to the cache."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.runtime.watch import (
    TRANSITIONS,
    Backoff,
    BrokenLineError,
    Effect,
    Machine,
    PageAsk,
    Phase,
    Signal,
    StreamAsk,
    read_bookmark,
    read_event,
)

FAILURES = (Signal.BROKEN, Signal.EXPIRED, Signal.REFUSED, Signal.FORBIDDEN, Signal.ABSENT)


def in_phase(phase):
    machine = Machine()
    if phase is Phase.PAGING:
        machine.ask()
        machine.feed(Signal.REFUSED)
        machine.ask()
    elif phase is not Phase.EMPTY:
        machine.ask()
        if phase in {Phase.WATCHING, Phase.DOUBTING}:
            machine.feed(Signal.SYNCED, version="7")
        if phase is Phase.DOUBTING:
            machine.feed(Signal.ABSENT)
    assert machine.phase is phase
    return machine


@pytest.mark.parametrize(
    ("phase", "signal", "after", "effect", "then"),
    [
        (Phase.STREAMING, Signal.SYNCED, Phase.WATCHING, Effect.SWAP, StreamAsk("9")),
        (Phase.STREAMING, Signal.PROGRESS, Phase.STREAMING, Effect.NOTHING, StreamAsk()),
        (Phase.STREAMING, Signal.ENDED, Phase.EMPTY, Effect.DISCARD, StreamAsk()),
        (Phase.STREAMING, Signal.BROKEN, Phase.EMPTY, Effect.DISCARD, StreamAsk()),
        (Phase.STREAMING, Signal.EXPIRED, Phase.EMPTY, Effect.DISCARD, StreamAsk()),
        (Phase.STREAMING, Signal.REFUSED, Phase.EMPTY, Effect.DISCARD, PageAsk()),
        (Phase.STREAMING, Signal.FORBIDDEN, Phase.EMPTY, Effect.DISCARD, StreamAsk()),
        (Phase.STREAMING, Signal.ABSENT, Phase.EMPTY, Effect.CLEAR, StreamAsk()),
        (Phase.PAGING, Signal.MORE, Phase.PAGING, Effect.NOTHING, PageAsk("next")),
        (Phase.PAGING, Signal.LISTED, Phase.WATCHING, Effect.SWAP, StreamAsk("9")),
        (Phase.PAGING, Signal.BROKEN, Phase.EMPTY, Effect.DISCARD, PageAsk()),
        (Phase.PAGING, Signal.EXPIRED, Phase.EMPTY, Effect.DISCARD, PageAsk()),
        (Phase.PAGING, Signal.REFUSED, Phase.EMPTY, Effect.DISCARD, PageAsk()),
        (Phase.PAGING, Signal.FORBIDDEN, Phase.EMPTY, Effect.DISCARD, PageAsk()),
        (Phase.PAGING, Signal.ABSENT, Phase.EMPTY, Effect.CLEAR, PageAsk()),
        (Phase.WATCHING, Signal.PROGRESS, Phase.WATCHING, Effect.NOTHING, StreamAsk("9")),
        (Phase.WATCHING, Signal.ENDED, Phase.WATCHING, Effect.NOTHING, StreamAsk("9")),
        (Phase.WATCHING, Signal.BROKEN, Phase.WATCHING, Effect.NOTHING, StreamAsk("9")),
        (Phase.WATCHING, Signal.FORBIDDEN, Phase.WATCHING, Effect.NOTHING, StreamAsk("9")),
        (Phase.WATCHING, Signal.EXPIRED, Phase.EMPTY, Effect.NOTHING, StreamAsk()),
        (Phase.WATCHING, Signal.REFUSED, Phase.EMPTY, Effect.NOTHING, StreamAsk()),
        (Phase.WATCHING, Signal.ABSENT, Phase.DOUBTING, Effect.NOTHING, StreamAsk("9")),
        (Phase.DOUBTING, Signal.PROGRESS, Phase.WATCHING, Effect.NOTHING, StreamAsk("9")),
        (Phase.DOUBTING, Signal.ENDED, Phase.WATCHING, Effect.NOTHING, StreamAsk("9")),
        (Phase.DOUBTING, Signal.BROKEN, Phase.DOUBTING, Effect.NOTHING, StreamAsk("9")),
        (Phase.DOUBTING, Signal.FORBIDDEN, Phase.DOUBTING, Effect.NOTHING, StreamAsk("9")),
        (Phase.DOUBTING, Signal.EXPIRED, Phase.EMPTY, Effect.NOTHING, StreamAsk()),
        (Phase.DOUBTING, Signal.REFUSED, Phase.EMPTY, Effect.NOTHING, StreamAsk()),
        (Phase.DOUBTING, Signal.ABSENT, Phase.EMPTY, Effect.CLEAR, StreamAsk()),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Phase | Signal | Effect) else "",
)
def test_each_signal_leads_on_and_decides_what_is_asked_next(phase, signal, after, effect, then):
    machine = in_phase(phase)
    assert machine.feed(signal, version="9", token="next") is effect
    assert machine.phase is after
    assert machine.ask() == then


def test_the_table_above_covers_every_transition_but_the_two_that_begin():
    [mark] = [m for m in test_each_signal_leads_on_and_decides_what_is_asked_next.pytestmark if m.name == "parametrize"]
    covered = {(case[0], case[1]) for case in mark.args[1]}
    begin = {(Phase.EMPTY, Signal.BEGIN_STREAM), (Phase.EMPTY, Signal.BEGIN_PAGES)}
    assert covered | begin == set(TRANSITIONS)


@pytest.mark.parametrize("phase", [p for p in Phase if p is not Phase.EMPTY])
def test_every_failure_is_survived_in_every_phase_that_makes_requests(phase):
    for signal in FAILURES:
        assert (phase, signal) in TRANSITIONS


def test_a_signal_that_cannot_come_is_a_bug_and_says_so():
    with pytest.raises(KeyError):
        in_phase(Phase.WATCHING).feed(Signal.LISTED)


def test_a_server_that_once_refused_to_stream_the_list_is_asked_for_pages_ever_after():
    machine = in_phase(Phase.PAGING)
    machine.feed(Signal.LISTED, version="3")
    machine.feed(Signal.EXPIRED)
    assert machine.ask() == PageAsk()


@given(st.lists(st.sampled_from(list(Signal)), max_size=40))
def test_whatever_happens_the_cache_is_only_swapped_by_whole_lists_and_cleared_by_absence(signals):
    machine = Machine()
    for number, signal in enumerate(signals):
        ask = machine.ask()
        before = machine.phase
        if (before, signal) not in TRANSITIONS:
            continue
        effect = machine.feed(signal, version=str(number + 1), token="t")
        assert (effect is Effect.SWAP) == (signal in {Signal.SYNCED, Signal.LISTED})
        assert effect is not Effect.CLEAR or signal is Signal.ABSENT
        if machine.phase is Phase.WATCHING:
            assert machine.version
        if before in {Phase.WATCHING, Phase.DOUBTING}:
            assert isinstance(ask, StreamAsk)
            assert ask.version


def test_a_streamed_list_asks_for_initial_events_and_a_watch_for_what_follows_a_version():
    first = StreamAsk().query(selector="app=x", seconds=300)
    assert first == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "300",
        "labelSelector": "app=x",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
    }
    assert StreamAsk("12").query(seconds=250) == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "250",
        "resourceVersion": "12",
    }


@pytest.mark.parametrize(
    "line", [b"", b"<html>", b'{"type":"ADDED"}', b'{"type":1,"object":{}}', b'{"type":"ADDED","object":{"a"'], ids=repr
)
def test_a_line_that_is_no_watch_event_is_broken(line):
    with pytest.raises(BrokenLineError):
        read_event(line)


def test_a_bookmark_tells_its_version_and_whether_it_ends_the_list():
    plain = read_event(b'{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"5"}}}')
    assert read_bookmark(plain) == ("5", False)
    end = {"metadata": {"resourceVersion": "6", "annotations": {"k8s.io/initial-events-end": "true"}}}
    assert read_bookmark(read_event(msgspec.json.encode({"type": "BOOKMARK", "object": end}))) == ("6", True)
    with pytest.raises(BrokenLineError):
        read_bookmark(read_event(b'{"type":"BOOKMARK","object":{}}'))


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_pauses_double_from_under_a_second_to_half_a_minute_and_start_over_when_it_works(chance):
    backoff = Backoff(lambda: chance)
    pauses = [backoff.pause() for _ in range(2000)]
    assert 0.8 <= pauses[0] <= 1.6
    assert all(a <= b for a, b in pairwise(pauses))
    assert pauses[-1] == 30.0
    backoff.reset()
    assert backoff.pause() == pauses[0]
