"""Informers against an API server in memory: what handlers hear, and how informers are shared; time is virtual."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.index import Index, NoView
from aimctrl.runtime.informer import RESYNC_SECONDS
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.lister import Available
from support.fake_api import FakeApi, failure
from support.following import Log, following, keys, quiet, running

pytestmark = pytest.mark.looptime

PODS = Kind("", "v1", "Pod", "pods", dict)
NODES = Kind("", "v1", "Node", "nodes", dict, namespaced=False)
WIDGETS = Kind("example.com", "v1", "Widget", "widgets", dict)
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

GONE = failure(404, message="404 page not found")
FORBIDDEN = failure(403, reason="Forbidden", message="pods is forbidden: User x cannot list resource pods")
DOWN = failure(500, message="etcdserver: leader changed")


@pytest.fixture(params=[True, False], ids=["streamed list", "paged list"])
def api(request):
    return FakeApi(streams=request.param, page_size=2)


async def test_the_first_list_is_told_oldest_first_then_by_key_and_marked(api):
    api.put("pods", "c", "x", created="2026-01-01T00:00:02Z")
    api.put("pods", "b", "x", created="2026-01-01T00:00:02Z")
    api.put("pods", "a", "x", created="2026-01-01T00:00:03Z")
    async with following(api, PODS) as (informer, log):
        assert log == ["b:->2 initial", "c:->1 initial", "a:->3 initial"]
        assert informer.synced.is_set()
        assert informer.lister.availability == Available()


async def test_changes_that_come_with_the_end_of_a_streamed_list_follow_it():
    api = FakeApi()
    stream = api.stream

    @asynccontextmanager
    async def late(path, query, **rest):
        async with stream(path, query, **rest) as lines:
            api.put("pods", "a", "x")
            api.put("pods", "b", "x")
            yield lines

    api.put("pods", "a", "x")
    api.stream = late
    async with following(api, PODS) as (_, log):
        await quiet()
        assert log == ["a:->1 initial", "a:1->2", "b:->3"]
        assert len(api.asked) == 1


async def test_changes_are_told_as_they_come_and_the_cache_is_ahead_of_the_handlers(api):
    async with following(api, PODS) as (informer, log):
        informer.add_handler(lambda change: seen.append(informer.lister.entry(change.key) is change.new))
        seen = []
        api.put("pods", "a", "x")
        api.put("pods", "a", "x")
        api.remove("pods", "a", "x")
        await quiet()
        assert log == ["a:->1", "a:1->2", "a:2->"]
        assert seen == [True, True, True]


async def test_a_bookmark_moves_the_version_a_watch_resumes_from(api):
    async with following(api, PODS):
        api.version = 150
        api.bookmark()
        await quiet()
        api.send(None)
        await quiet()
        assert api.asked[-1][1]["resourceVersion"] == "150"


async def test_crds_are_not_watched_while_no_kind_is_missing(api):
    async with following(api, PODS):
        await asyncio.sleep(1)
        assert not any(path == CRD_PATH for path, _ in api.asked)


async def test_a_handler_that_raises_is_logged_and_neither_the_others_nor_the_watch_suffer(api):
    def broken(_change):
        raise RuntimeError("oops")

    async with following(api, PODS) as (informer, log):
        informer._handlers.insert(0, broken)
        with capture_logs() as logs:
            api.put("pods", "a", "x")
            api.put("pods", "b", "x")
            await quiet()
        assert log == ["a:->1", "b:->2"]
        assert [entry["key"] for entry in logs if entry["log_level"] == "error"] == ["x/a", "x/b"]


async def test_a_handler_added_late_hears_of_everything_that_is_there(api):
    api.put("pods", "a", "x", created="2026-01-01T00:00:05Z")
    api.put("pods", "b", "x")
    async with following(api, PODS) as (informer, _):
        late = Log()
        informer.add_handler(late)
        assert late == ["b:->2 initial", "a:->1 initial"]


@pytest.mark.parametrize(
    ("options", "every"), [({}, RESYNC_SECONDS), ({"resync_seconds": 90.0}, 90.0)], ids=["by default", "as told"]
)
async def test_now_and_then_handlers_look_at_everything_again(api, options, every):
    api.put("pods", "a", "x")
    async with following(api, PODS, **options) as (informer, log):
        again = []
        informer.add_handler(lambda change: again.append(change.old is change.new and not change.initial))
        api.send(None)
        bookmarks = asyncio.create_task(_bookmarks(api))
        await asyncio.sleep(every - 1)
        assert again == [False]
        await asyncio.sleep(every * 0.1 + 2)
        bookmarks.cancel()
        assert again == [False, True]
        assert log[1:] == ["a:1->1"]


async def _bookmarks(api):
    while True:
        await asyncio.sleep(60)
        api.bookmark()


async def test_each_namespace_is_watched_by_itself_and_cluster_kinds_as_a_whole():
    api = FakeApi()
    for namespace in "xyz":
        api.put("pods", "a", namespace)
    api.put("nodes", "n")
    informers = Informers(api, namespaces=("y", "x", "y"))
    pods, nodes = informers.informer(PODS), informers.informer(NODES)
    async with running(informers):
        await informers.wait_settled()
        assert keys(pods) == ["x/a", "y/a"]
        assert keys(nodes) == ["n"]
        assert api.open_watches() == ["/api/v1/namespaces/x/pods", "/api/v1/namespaces/y/pods", "/api/v1/nodes"]
        assert [(f.kind, f.scope, f.objects) for f in informers.freshness()] == [
            ("nodes", "", 1),
            ("pods", "x", 1),
            ("pods", "y", 1),
        ]
        told = []
        pods.store.when_at_least(Key("x", "a"), api.version + 1, lambda: told.append("x"))
        api.put("pods", "b", "y")
        await quiet()
        assert told == []
        api.put("pods", "b", "x")
        await quiet()
        assert told == ["x"]


async def test_an_informer_is_as_available_as_the_worst_of_its_watches():
    api = FakeApi()
    informers = Informers(api, namespaces=("x", "y"))
    pods = informers.informer(PODS)
    stream = api.stream

    def only_x(path, query, **rest):
        if "/y/" in path:
            raise FORBIDDEN
        return stream(path, query, **rest)

    api.stream = only_x
    async with running(informers):
        await informers.wait_settled()
        assert pods.lister.availability.reason == "Forbidden"
        assert not pods.synced.is_set()


async def test_informers_are_shared_by_kind_and_selector_and_late_ones_start():
    api = FakeApi()
    api.put("nodes", "n")
    informers = Informers(api)
    async with running(informers):
        await quiet()
        chosen = informers.informer(PODS, selector="app=x")
        assert informers.find(PODS) is chosen
        assert informers.informer(PODS) is informers.informer(PODS) is informers.find(PODS)
        assert informers.find(NODES) is None
        nodes = informers.informer(NODES)
        await informers.wait_settled()
        assert keys(nodes) == ["n"]
        selectors = [query.get("labelSelector") for path, query in api.asked if path.endswith("pods")]
        assert sorted(selectors, key=str) == [None, "app=x"]


async def test_freshness_counts_from_the_last_word_of_the_server(api):
    informers = Informers(api)
    informers.informer(PODS)
    assert informers.freshness()[0].seconds == float("inf")
    async with running(informers):
        await informers.wait_settled()
        await asyncio.sleep(30)
        assert informers.freshness()[0].seconds == pytest.approx(30, abs=1)
        api.bookmark()
        await quiet()
        assert informers.freshness()[0].seconds == 0


async def test_own_writes_are_seen_through_a_relist_too(api):
    async with following(api, PODS) as (informer, _):
        told = []
        informer.store.when_at_least(Key("x", "a"), api.version + 1, lambda: told.append("seen"))
        api.send(DOWN)
        api.forget()
        api.put("pods", "a", "x")
        api.remove("pods", "a", "x", quietly=True)
        api.forget()
        await asyncio.sleep(5)
        assert told == ["seen"]


async def test_indexes_and_managed_fields_are_the_informers_to_choose(api):
    by_name = Index("name", NoView, lambda meta, _: [meta.name])
    informers = Informers(api)
    pods = informers.informer(PODS)
    pods.keep_managed_fields = True
    pods.add_index(by_name)
    api.put("pods", "a", "x")
    async with running(informers):
        await informers.wait_settled()
        assert pods.lister.keys_by_index("name", "a") == [Key("x", "a")]
