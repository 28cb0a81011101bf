"""Informers through every fault an API server knows; time is virtual."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest
from structlog.testing import capture_logs

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.lister import Available, Unavailable
from aimctrl.runtime.reflector import HOPELESS_FAILURES, IDLE_SECONDS, LIST_IDLE_SECONDS
from aimctrl.runtime.watch import Backoff
from support.fake_api import FakeApi, failure, no_answer
from support.following import following, keys, quiet, running

pytestmark = pytest.mark.looptime

PODS = Kind("", "v1", "Pod", "pods", dict)
NODES = Kind("", "v1", "Node", "nodes", dict, namespaced=False)
WIDGETS = Kind("example.com", "v1", "Widget", "widgets", dict)
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

GONE = failure(404, message="404 page not found")
FORBIDDEN = failure(403, reason="Forbidden", message="pods is forbidden: User x cannot list resource pods")
UNAUTHORIZED = failure(401, reason="Unauthorized", message="Unauthorized")
DOWN = failure(500, message="etcdserver: leader changed")


@pytest.fixture(params=[True, False], ids=["streamed list", "paged list"])
def api(request):
    return FakeApi(streams=request.param, page_size=2)


async def one_recovers(api):
    """Until a watch is open again, and what follows on that: others that have just asked wait a moment first."""
    for _ in range(300):
        await asyncio.sleep(0.1)
        if api.open_watches():
            break
    await asyncio.sleep(Backoff.FIRST)
    await quiet()


async def test_no_page_is_lost_and_a_token_that_expires_starts_the_list_over():
    api = FakeApi(streams=False, page_size=2)
    for name in "abcde":
        api.put("pods", name, "x")
    asked = api.list_page

    async def expires_once(kind, namespace="", *, token="", **rest):
        if token == "4" and not api.forgotten:
            api.forget()
            raise failure(410, reason="Expired")
        api.forgotten = api.forgotten and 1
        return await asked(kind, namespace, token=token, **rest)

    api.list_page = expires_once
    async with following(api, PODS) as (informer, log):
        assert keys(informer) == ["x/a", "x/b", "x/c", "x/d", "x/e"]
        assert len(log) == 5


async def test_a_watch_that_breaks_goes_on_where_it_was(api):
    async with following(api, PODS) as (informer, log):
        api.put("pods", "a", "x")
        await quiet()
        api.send(failure(500))
        await quiet()
        api.put("pods", "b", "x")
        await asyncio.sleep(2)
        assert log == ["a:->1", "b:->2"]
        assert api.asked[-1][1]["resourceVersion"] == "101"
        assert informer.freshness(0)[0].relists == 1


async def test_a_watch_closed_in_good_order_is_opened_again_at_once(api):
    async with following(api, PODS):
        api.bookmark()
        api.send(None)
        began = asyncio.get_running_loop().time()
        await quiet()
        assert api.open_watches() == ["/api/v1/pods"]
        assert asyncio.get_running_loop().time() == began


async def test_a_server_that_closes_every_watch_at_once_is_not_hammered(api):
    async with following(api, PODS):
        before = len(api.asked)
        for _ in range(60):
            await asyncio.sleep(1)
            api.send(None)
        assert len(api.asked) - before < 12


async def test_when_versions_expired_the_cache_is_kept_until_the_new_list_replaces_it(api):
    for name in "abc":
        api.put("pods", name, "x")
    async with following(api, PODS) as (informer, log):
        log.clear()
        api.remove("pods", "a", "x", quietly=True)
        api.send(DOWN)
        api.forget()
        await quiet()
        assert keys(informer) == ["x/a", "x/b", "x/c"]
        await asyncio.sleep(5)
        assert keys(informer) == ["x/b", "x/c"]
        assert log == ["a:1->"]
        assert informer.freshness(0)[0].relists == 2


async def test_an_expiry_told_inside_the_watch_lists_again(api):
    async with following(api, PODS) as (informer, _):
        api.put("pods", "a", "x")
        status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
        api.send(msgspec.json.encode({"type": "ERROR", "object": status}))
        await asyncio.sleep(3)
        assert informer.freshness(0)[0].relists == 2


async def test_versions_from_a_future_the_server_has_lost_list_again():
    api = FakeApi()
    async with following(api, PODS) as (informer, _):
        status = {"kind": "Status", "code": 504, "message": "Too large resource version: 900, current: 12"}
        api.send(msgspec.json.encode({"type": "ERROR", "object": status}))
        await asyncio.sleep(3)
        assert informer.freshness(0)[0].relists == 2


async def test_a_silent_watch_is_given_up_and_what_was_missed_arrives(api):
    async with following(api, PODS) as (_, log):
        api.bookmark()
        await quiet()
        watches, api._open[:] = list(api._open), []  # the connection is half open: nothing comes any more
        api.put("pods", "a", "x")
        await asyncio.sleep(IDLE_SECONDS - 1)
        assert log == []
        api._open.extend(watches)
        await asyncio.sleep(3)
        assert log == ["a:->1"]


async def test_how_long_silence_may_last_is_an_option(api):
    informers = Informers(api, idle_seconds=5.0)
    informers.informer(PODS)
    async with running(informers):
        await informers.wait_settled()
        await quiet()
        asked = len(api.asked)
        await asyncio.sleep(4.0)
        assert len(api.asked) == asked
        await asyncio.sleep(4.0)
        assert len(api.asked) == asked + 1


async def test_a_server_that_ignores_the_wish_for_a_streamed_list_is_asked_for_pages():
    api = FakeApi()
    stream = api.stream

    @asynccontextmanager
    async def old(path, query, **rest):
        if "sendInitialEvents" in query:
            yield Silence()
        else:
            async with stream(path, query, **rest) as lines:
                yield lines

    class Silence:
        async def each(self, _take):
            await asyncio.Event().wait()

    api.stream = old
    api.put("pods", "a", "x")
    async with following(api, PODS) as (informer, _):
        assert asyncio.get_running_loop().time() >= LIST_IDLE_SECONDS
        assert keys(informer) == ["x/a"]


@pytest.mark.parametrize(
    "line",
    [
        b"<html>bad gateway</html>",
        b'{"type":"ADDED","object":{"metadata":{"na',
        b'{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"v2"}}}',
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"v2"}}}',
    ],
    ids=["no JSON", "cut off", "version no number", "a bookmark's version no number"],
)
async def test_a_line_that_cannot_be_read_is_counted_and_the_watch_opened_again(api, line):
    async with following(api, PODS) as (informer, log):
        api.send(line)
        await quiet()
        assert informer.freshness(0)[0].broken_lines == 1
        api.put("pods", "b", "x")
        await asyncio.sleep(2)
        assert log == ["b:->1"]


async def test_a_missing_kind_settles_and_starts_when_its_crd_appears():
    api = FakeApi()
    api.faults["widgets"] = GONE
    async with following(api, WIDGETS) as (informer, log):
        assert informer.lister.availability.reason == "KindMissing"
        assert not informer.synced.is_set()
        await asyncio.sleep(200)
        assert api.open_watches() == [CRD_PATH]
        api.put("customresourcedefinitions", "gadgets.example.com")
        asked = len(api.asked)
        await quiet()
        assert len(api.asked) == asked
        del api.faults["widgets"]
        api.put("widgets", "a", "x")
        now = asyncio.get_running_loop().time()
        api.put("customresourcedefinitions", "widgets.example.com")
        await quiet()
        assert asyncio.get_running_loop().time() == now
        assert informer.synced.is_set()
        assert informer.lister.availability == Available()
        assert log == ["a:->2 initial"]


async def test_a_crd_that_is_there_but_not_served_yet_is_tried_again_soon():
    api = FakeApi()
    api.faults["widgets"] = GONE
    async with following(api, WIDGETS) as (informer, _):
        await asyncio.sleep(200)
        api.put("customresourcedefinitions", "widgets.example.com")
        await quiet()
        del api.faults["widgets"]
        await asyncio.sleep(1.6)
        assert informer.synced.is_set()


async def test_without_the_right_to_watch_crds_a_missing_kind_is_tried_every_half_minute():
    api = FakeApi()
    api.faults["widgets"] = GONE
    api.faults["customresourcedefinitions"] = FORBIDDEN
    async with following(api, WIDGETS) as (informer, _):
        await asyncio.sleep(300)
        del api.faults["widgets"]
        await asyncio.sleep(30)
        assert informer.synced.is_set()


async def test_a_kind_deleted_while_running_empties_the_cache_and_comes_back():
    api = FakeApi()
    api.put("widgets", "a", "x")
    async with following(api, WIDGETS) as (informer, log):
        api.faults["widgets"] = GONE
        api.send(None)
        await asyncio.sleep(6)
        assert log[1:] == ["a:1->"]
        assert keys(informer) == []
        assert not informer.synced.is_set()
        assert informer.lister.availability.reason == "KindMissing"
        del api.faults["widgets"]
        api.put("customresourcedefinitions", "widgets.example.com")
        await quiet()
        assert log[2:] == ["a:->1 initial"]
        assert informer.synced.is_set()


async def test_a_server_that_denies_a_kind_once_while_it_starts_deletes_nothing():
    api = FakeApi()
    api.put("widgets", "a", "x")
    async with following(api, WIDGETS) as (informer, log):
        api.faults["widgets"] = GONE
        api.send(None)
        await quiet()
        del api.faults["widgets"]
        await asyncio.sleep(6)
        assert keys(informer) == ["x/a"]
        assert informer.lister.availability == Available()
        assert len(log) == 1


async def test_a_forbidden_kind_settles_says_so_and_starts_when_allowed(api):
    api.faults["pods"] = FORBIDDEN
    api.put("pods", "a", "x")
    async with following(api, PODS) as (informer, log):
        state = informer.lister.availability
        assert isinstance(state, Unavailable)
        assert state.reason == "Forbidden"
        assert "cannot list resource pods" in state.message
        await asyncio.sleep(300)
        del api.faults["pods"]
        await asyncio.sleep(30)
        assert informer.lister.availability == Available()
        assert log == ["a:->1 initial"]


async def test_rights_lost_while_running_keep_the_cache_and_rights_regained_go_on(api):
    api.put("pods", "a", "x")
    async with following(api, PODS) as (informer, log):
        api.faults["pods"] = FORBIDDEN
        api.send(None)
        await asyncio.sleep(5)
        assert keys(informer) == ["x/a"]
        assert informer.lister.availability.reason == "Forbidden"
        api.put("pods", "b", "x")
        del api.faults["pods"]
        await asyncio.sleep(30)
        assert informer.lister.availability == Available()
        assert log[1:] == ["b:->2"]


async def test_refused_credentials_are_not_taken_for_a_lack_of_rights_and_all_go_on_when_one_does(api):
    informers = Informers(api)
    kinds = [Kind("", "v1", f"Thing{n}", f"things{n}", dict) for n in range(8)]
    for kind in kinds:
        informers.informer(kind)
    async with running(informers):
        await informers.wait_settled()
        await quiet()
        api.faults.update(dict.fromkeys([kind.plural for kind in kinds], UNAUTHORIZED))
        api.send(None)
        await asyncio.sleep(600)
        assert {one.availability for one in informers.freshness()} == {Available()}
        assert min(one.seconds for one in informers.freshness()) > 500, "it shows in how long ago a word came"
        api.faults.clear()
        await one_recovers(api)
        assert len(api.open_watches()) == len(kinds)


async def test_without_good_credentials_nobody_settles_for_an_empty_cache(api):
    api.faults["pods"] = UNAUTHORIZED
    api.put("pods", "a", "x")
    async with following(api, PODS, settle=False) as (informer, log):
        await asyncio.sleep(1)
        assert not informer.settled.is_set()
        del api.faults["pods"]
        await informer.synced.wait()
        await quiet()
        assert log == ["a:->1 initial"]


async def test_an_object_that_a_new_schema_shows_otherwise_is_another_though_its_version_is_the_same(api):
    api.put("widgets", "a", "x", spec={"size": 1})
    api.put("widgets", "b", "x", spec={"size": 2, "colour": "red"})
    async with following(api, WIDGETS) as (informer, log):
        api.objects("widgets")["x", "a"]["spec"]["colour"] = "red"
        api.version += 1
        api.forget()
        api.send(failure(410, reason="Expired"))
        await asyncio.sleep(5)
        assert informer.lister.get("x", "a")["spec"] == {"size": 1, "colour": "red"}
        assert log[2:] == ["a:1->1"]


async def test_a_list_of_pages_that_leaves_out_the_type_of_its_objects_changes_nothing():
    api = FakeApi(streams=False)
    type_ = b'"kind":"Pod","apiVersion":"v1",'
    async with following(api, PODS) as (informer, log):
        thing = api.put("pods", "a", "x", status={})
        await quiet()
        api.send(b'{"type":"MODIFIED","object":{' + type_ + _next_version(api, thing) + b"}")
        await quiet()
        assert informer.lister.entry(Key("x", "a")).raw.startswith(b"{" + type_)
        api.forget()
        api.send(failure(410, reason="Expired"))
        await asyncio.sleep(5)
        assert informer.freshness(0)[0].relists == 2
        assert log == ["a:->1", "a:1->2"]


def _next_version(api, thing):
    """The object's JSON after one more change that no watch was told of, without the brace it begins with."""
    api.version += 1

    thing["metadata"]["resourceVersion"] = str(api.version)
    return msgspec.json.encode(thing)[1:]


async def test_a_minute_of_server_errors_is_outlasted_and_its_retry_after_honoured(api):
    async with following(api, PODS) as (informer, log):
        api.faults["pods"] = failure(503, retry_after=20)
        api.send(DOWN)
        before = len(api.asked)
        await asyncio.sleep(60)
        assert len(api.asked) - before <= 4
        assert informer.lister.availability == Available()
        api.put("pods", "a", "x")
        del api.faults["pods"]
        await asyncio.sleep(30)
        assert log == ["a:->1"]


@pytest.mark.parametrize("busy", [failure(429, retry_after=20), failure(503, retry_after=20)], ids=["429", "503"])
async def test_that_others_were_answered_while_it_was_asked_does_not_shorten_the_servers_retry_after(busy):
    api = FakeApi()
    stream = api.stream
    async with following(api, PODS) as (informer, log):
        asking = asyncio.Event()

        @asynccontextmanager
        async def slow(path, query, **rest):
            asking.set()
            await asyncio.sleep(1)
            async with stream(path, query, **rest) as lines:
                yield lines

        api.stream = slow
        api.faults["pods"] = busy
        api.send(no_answer())
        await asking.wait()
        informer.nudge()
        await asyncio.sleep(2)
        before = len(api.asked)
        for _ in range(15):
            informer.nudge()
            await asyncio.sleep(1)
        assert len(api.asked) == before
        del api.faults["pods"]
        api.put("pods", "a", "x")
        await asyncio.sleep(7)
        assert log == ["a:->1"]


async def test_a_server_that_never_answered_is_waited_for_but_not_forever():
    api = FakeApi()
    api.faults["pods"] = DOWN
    async with following(api, PODS, settle=False) as (informer, _):
        await asyncio.sleep(1)
        assert informer.lister.availability.reason == "Unreachable"
        assert not informer.settled.is_set()
        await informer.settled.wait()
        assert informer.freshness(0)[0].failures == HOPELESS_FAILURES
        assert not informer.synced.is_set()


async def test_an_error_nobody_foresaw_is_logged_and_the_watch_goes_on(api):
    stream = api.stream
    surprises = [ValueError("what")]

    def surprising(path, query, **rest):
        if "resourceVersion" in query and surprises:
            raise surprises.pop()
        return stream(path, query, **rest)

    async with following(api, PODS) as (_, log):
        api.stream = surprising
        with capture_logs() as logs:
            api.send(None)
            api.put("pods", "a", "x")
            await asyncio.sleep(5)
        assert "watch failed unexpectedly" in [entry["event"] for entry in logs]
        assert log == ["a:->1"]


async def test_when_the_server_answers_one_watch_again_the_others_need_not_wait(api):
    informers = Informers(api)
    kinds = [Kind("", "v1", f"Thing{n}", f"things{n}", dict) for n in range(8)]
    for kind in kinds:
        informers.informer(kind)
    async with running(informers):
        await informers.wait_settled()
        await quiet()
        api.faults.update(dict.fromkeys([kind.plural for kind in kinds], no_answer()))
        api.send(no_answer())
        await asyncio.sleep(600)
        api.faults.clear()
        await one_recovers(api)
        assert len(api.open_watches()) == len(kinds)


async def test_a_watch_is_urged_on_only_now_and_then(api):
    async with following(api, PODS) as (informer, _):
        assert informer.open_since("x") is not None
        api.faults["pods"] = no_answer()
        api.send(no_answer())
        await asyncio.sleep(60)
        assert informer.open_since("x") is None
        asked = len(api.asked)
        for _ in range(100):
            informer.nudge()
            await asyncio.sleep(0.01)
        assert 1 <= len(api.asked) - asked <= 3
        api.faults.clear()
        await asyncio.sleep(1)
        informer.nudge()
        await quiet()
        assert informer.open_since("x") is not None


async def test_after_an_outage_an_expired_version_lists_again_without_a_long_pause(api):
    async with following(api, PODS) as (informer, _):
        api.faults["pods"] = no_answer()
        api.send(no_answer())
        await asyncio.sleep(600)
        api.version += 1
        api.forget()
        api.faults.clear()
        informer.nudge()
        await asyncio.sleep(2)
        assert informer.freshness(0)[0].relists == 2
