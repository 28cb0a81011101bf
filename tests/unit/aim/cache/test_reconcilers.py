"""What is read for a cache and what makes it look again, on a fake cluster."""

import pytest

from aimctrl.api.kinds import (
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL_CACHE,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.kube.core import JOBS, PODS, PVCS, STORAGE_CLASSES
from aimctrl.kube.kinds import Key
from aimctrl.runtime.errors import ForbiddenError, InvalidError
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.request import Request
from support.fake_cluster import refused
from unit.aim.cache.cluster import SOURCE, World
from unit.aim.cache.samples import NOW

FINALIZER = "aim.silogen.ai/template-cache"
COMPLETE, FAILED = ({"conditions": [{"type": kind, "status": "True"}]} for kind in ("Complete", "Failed"))


async def bound(world: World) -> None:
    """The model cache `llama` with its volume."""
    world.storage()
    world.model_cache()
    await world.look()
    world.change(PVCS, "llama-cache", status={"phase": "Bound"})


async def downloaded(world: World) -> None:
    """The model cache `llama` with its artifact."""
    await bound(world)
    await world.look()
    world.change(JOBS, "llama-cache-download", status=COMPLETE)
    assert (await world.look())[0] == "Available"


async def test_a_model_cache_comes_up_step_by_step_and_then_costs_nothing():
    world = World()
    world.storage()
    world.model_cache()
    assert (await world.look())[0] == "Pending"
    assert (await world.look())[0] == "Pending"
    world.change(PVCS, "llama-cache", status={"phase": "Bound"})
    assert (await world.look())[0] == "Progressing"
    world.change(JOBS, "llama-cache-download", status=COMPLETE)
    state, result = await world.look()
    assert (state, result.requeue_after) == ("Available", 1.0)
    await world.look()
    assert world.live(JOBS, "llama-cache-download")["spec"]["ttlSecondsAfterFinished"] == 600
    world.cluster.calls.clear()
    assert (await world.look())[0] == "Available"
    world.cluster.drop(JOBS, Key("ns", "llama-cache-download"))
    assert (await world.look())[0] == "Available"
    assert world.cluster.calls == []
    assert world.recorder.reasons == ["DefaultRuntimeConfigNotFound"]


async def test_a_volume_that_is_replaced_is_filled_again():
    world = World()
    await downloaded(world)
    world.cluster.drop(PVCS, Key("ns", "llama-cache"))
    assert (await world.look())[0] == "Pending"
    world.change(PVCS, "llama-cache", status={"phase": "Bound"})
    assert (await world.look())[0] == "Progressing"
    assert world.names(JOBS) == ["llama-cache-download"]
    assert "status" not in world.live(JOBS, "llama-cache-download")


async def test_a_volume_is_lost_only_where_the_api_server_says_so_too():
    world = World()
    await downloaded(world)
    world.informers.informer(PVCS).store.remove(Key("ns", "llama-cache"))
    assert (await world.look())[0] == "Available"


@pytest.mark.parametrize("kind", [PVCS, JOBS], ids=["volume", "job"])
async def test_what_is_somebody_else_s_is_not_used(kind):
    world = World()
    await bound(world)
    name = "llama-cache" if kind is PVCS else "llama-cache-download"
    if (kind.resource, Key("ns", name)) in world.cluster.objects:
        world.cluster.drop(kind, Key("ns", name))
    world.put(kind, name, status={"phase": "Bound", **COMPLETE})
    assert (await world.look())[0] == "Failed"
    conditions = world.live(AIM_MODEL_CACHE, "llama")["status"]["conditions"]
    assert "NameConflict" in {condition["reason"] for condition in conditions}


async def test_the_newest_default_storage_class_is_used():
    world = World()
    world.storage("older", created="2029-01-01T00:00:00Z")
    world.storage("newer", created="2029-06-01T00:00:00Z")
    world.storage("newest", default=False, created="2029-12-01T00:00:00Z")
    world.model_cache()
    await world.look()
    assert world.live(PVCS, "llama-cache")["spec"]["storageClassName"] == "newer"


@pytest.mark.parametrize(
    ("spec", "available", "told"),
    [
        ({"storageClassName": "x"}, True, 'there is no StorageClass "x"'),
        ({}, True, "the cluster has no default StorageClass: set spec.storageClassName, or defaultStorageClassName in the runtime config"),
        ({}, False, 'PersistentVolumeClaim "llama-cache" is being made'),
    ],
    ids=["named", "default", "not-known"],
)  # fmt: skip
async def test_a_storage_class_that_is_not_there_is_told(spec, available, told):
    world = World()
    if not available:
        world.informers.informer(STORAGE_CLASSES).availability = Unavailable("Forbidden", "forbidden")
    world.model_cache(**spec)
    await world.look()
    ready = next(c for c in world.live(AIM_MODEL_CACHE, "llama")["status"]["conditions"] if c["type"] == "Ready")
    assert ready["message"] == told


async def test_the_log_of_a_failed_download_is_read_once():
    world = World()
    await bound(world)
    await world.look()
    job = world.live(JOBS, "llama-cache-download")
    world.change(JOBS, "llama-cache-download", status=FAILED)
    owned = {
        "labels": job["metadata"]["labels"],
        "ownerReferences": [{"uid": job["metadata"]["uid"], "controller": True}],
    }
    world.put(PODS, "p", metadata=owned, status={"phase": "Failed"})
    world.cluster.logs["p"] = b"INFO begins\n401 Unauthorized\n"
    assert (await world.look())[0] == "Failed"
    status = world.live(AIM_MODEL_CACHE, "llama")["status"]
    assert "the download failed: 401 Unauthorized" in {condition["message"] for condition in status["conditions"]}
    world.cluster.logs.clear()
    assert (await world.look())[1].requeue_after == 60
    assert world.live(AIM_MODEL_CACHE, "llama")["status"] == status


async def test_a_download_whose_log_is_gone_has_failed_all_the_same():
    world = World()
    await bound(world)
    await world.look()
    job = world.live(JOBS, "llama-cache-download")
    world.change(JOBS, "llama-cache-download", status=FAILED)
    owned = {
        "labels": job["metadata"]["labels"],
        "ownerReferences": [{"uid": job["metadata"]["uid"], "controller": True}],
    }
    world.put(PODS, "p", metadata=owned, status={"phase": "Failed"})
    assert (await world.look())[0] == "Failed"


@pytest.mark.parametrize(
    "error",
    [refused(ForbiddenError, 403), refused(InvalidError, 400, "container is not available")],
    ids=["403", "400"],
)
async def test_so_has_one_whose_log_may_not_be_read(error: Exception):
    world = World()
    await bound(world)
    await world.look()
    job = world.live(JOBS, "llama-cache-download")
    world.change(JOBS, "llama-cache-download", status=FAILED)
    owned = {
        "labels": job["metadata"]["labels"],
        "ownerReferences": [{"uid": job["metadata"]["uid"], "controller": True}],
    }
    world.put(PODS, "p", metadata=owned, status={"phase": "Failed"})
    world.cluster.logs["p"] = error
    assert (await world.look())[0] == "Failed"
    world.cluster.logs["p"] = b"never read"
    assert (await world.look())[0] == "Failed"


async def test_a_template_cache_comes_up_with_its_parts_and_then_costs_nothing():
    world = World()
    world.template(AIM_CLUSTER_SERVICE_TEMPLATE, "fast", SOURCE, "hf://meta/tokenizer")
    world.model_cache("mine", status="Available")
    world.template_cache()
    assert (await world.look(AIM_TEMPLATE_CACHE, "all"))[0] == "Pending"
    assert world.names(AIM_MODEL_CACHE) == ["mine", "tokenizer"]
    assert world.live(AIM_TEMPLATE_CACHE, "all")["metadata"]["finalizers"] == [FINALIZER]
    world.change(
        AIM_MODEL_CACHE, "tokenizer", status={"status": "Available", "persistentVolumeClaim": "tokenizer-cache"}
    )
    assert (await world.look(AIM_TEMPLATE_CACHE, "all"))[0] == "Available"
    world.cluster.calls.clear()
    await world.look(AIM_TEMPLATE_CACHE, "all")
    assert world.cluster.calls == []


async def test_a_template_of_the_namespace_hides_the_cluster_s():
    world = World()
    world.template(AIM_CLUSTER_SERVICE_TEMPLATE, "fast", SOURCE)
    world.template(AIM_SERVICE_TEMPLATE, "fast", "hf://meta/other")
    world.template_cache()
    await world.look(AIM_TEMPLATE_CACHE, "all")
    assert world.names(AIM_MODEL_CACHE) == ["other"]


async def test_what_discovery_found_for_former_inputs_is_not_cached():
    world = World()
    world.template(AIM_SERVICE_TEMPLATE, "fast", SOURCE, discovered=False)
    world.template_cache()
    assert (await world.look(AIM_TEMPLATE_CACHE, "all"))[0] == "Pending"
    assert world.names(AIM_MODEL_CACHE) == []


async def test_templates_that_cannot_be_read_are_not_missing():
    world = World()
    world.template_cache()
    world.informers.informer(AIM_SERVICE_TEMPLATE).availability = Unavailable("Unreachable", "no answer")
    assert (await world.look(AIM_TEMPLATE_CACHE, "all"))[0] == "Pending"
    world.informers.informer(AIM_SERVICE_TEMPLATE).availability = Unavailable("KindMissing", "no CRD")
    assert (await world.look(AIM_TEMPLATE_CACHE, "all"))[0] == "Failed"


@pytest.mark.parametrize("reason", ["Unreachable", "Syncing", "Forbidden"])
async def test_model_caches_that_cannot_be_read_are_neither_made_nor_missing(reason):
    world = World()
    world.template(AIM_SERVICE_TEMPLATE, "fast", SOURCE)
    world.model_cache("by-hand", status="Available", metadata={"labels": {}})
    world.template_cache()
    assert (await world.look(AIM_TEMPLATE_CACHE, "all"))[0] == "Available"
    before = world.live(AIM_TEMPLATE_CACHE, "all")["status"]
    models = world.informers.informer(AIM_MODEL_CACHE)
    models.store.remove(Key("ns", "by-hand"))
    models.availability = Unavailable(reason, "no answer")
    state, result = await world.look(AIM_TEMPLATE_CACHE, "all")
    assert (state, result.requeue_after) == ("Available", 30)
    assert world.live(AIM_TEMPLATE_CACHE, "all")["status"] == before
    world.template_cache("new")
    assert (await world.look(AIM_TEMPLATE_CACHE, "new"))[0] == "Pending"
    resolved = next(c for c in world.live(AIM_TEMPLATE_CACHE, "new")["status"]["conditions"] if c["type"] == "Resolved")
    assert (resolved["status"], resolved["message"]) == ("Unknown", "AIMModelCache cannot be read: no answer")
    assert world.names(AIM_MODEL_CACHE) == ["by-hand"]


async def test_of_default_storage_classes_of_one_age_the_first_by_name_is_used():
    world = World()
    for name in ("b", "a", "c"):
        world.storage(name, created="2029-01-01T00:00:00Z")
    world.model_cache()
    await world.look()
    assert world.live(PVCS, "llama-cache")["spec"]["storageClassName"] == "a"


async def test_model_caches_of_other_namespaces_are_not_used():
    world = World()
    world.template(AIM_SERVICE_TEMPLATE, "fast", SOURCE)
    world.model_cache("mine", "elsewhere", status="Available")
    world.template_cache()
    assert (await world.look(AIM_TEMPLATE_CACHE, "all"))[0] == "Pending"


async def test_a_template_cache_that_goes_removes_leaves_and_hands_over():
    world = World()
    world.template(AIM_SERVICE_TEMPLATE, "fast", "hf://a", "hf://b", "hf://c")
    world.template_cache(status={"conditions": []})
    await world.look(AIM_TEMPLATE_CACHE, "all")
    world.change(AIM_MODEL_CACHE, "a", status={"status": "Available"})
    world.template_cache("heir", modelSources=[{"name": "b", "sourceURI": "hf://b", "size": 1}])
    await world.look(AIM_TEMPLATE_CACHE, "heir")
    live = world.live(AIM_TEMPLATE_CACHE, "all")
    dying = {**live["metadata"], "deletionTimestamp": "2030-01-01T11:59:00Z"}
    world.change(AIM_TEMPLATE_CACHE, "all", metadata=dying)
    await world.look(AIM_TEMPLATE_CACHE, "all")
    assert world.names(AIM_MODEL_CACHE) == ["a", "b"]
    label = "aim.silogen.ai/template-cache"
    assert [world.live(AIM_MODEL_CACHE, name)["metadata"]["labels"][label] for name in "ab"] == ["all", "heir"]
    assert world.live(AIM_TEMPLATE_CACHE, "all")["metadata"]["finalizers"] == []


async def test_what_a_template_cache_made_that_went_before_its_finalizer_was_asked_goes_too():
    world = World()
    world.template(AIM_SERVICE_TEMPLATE, "fast", "hf://a", "hf://b", "hf://c")
    world.template_cache(status={"conditions": []})
    await world.look(AIM_TEMPLATE_CACHE, "all")
    world.change(AIM_MODEL_CACHE, "a", status={"status": "Available"})
    world.template_cache("heir", modelSources=[{"name": "b", "sourceURI": "hf://b", "size": 1}])
    await world.look(AIM_TEMPLATE_CACHE, "heir")
    world.cluster.drop(AIM_TEMPLATE_CACHE, Key("ns", "all"))
    world.cluster.calls.clear()
    await world.templates.reconcile(Request(Key("ns", "all"), NOW))
    assert world.names(AIM_MODEL_CACHE) == ["a", "b"]
    assert [call.split()[0] for call in world.cluster.calls] == ["patch", "delete"]
    await world.templates.reconcile(Request(Key("ns", "all"), NOW))
    assert [call.split()[0] for call in world.cluster.calls] == ["patch", "delete"]


@pytest.mark.parametrize("kind", [AIM_MODEL_CACHE, AIM_TEMPLATE_CACHE], ids=["model", "template"])
async def test_a_cache_that_is_gone_is_nothing_to_look_at(kind):
    world = World()
    reconciler = world.models if kind is AIM_MODEL_CACHE else world.templates
    assert await reconciler.observe(Request(Key("ns", "x"), NOW)) is None


async def test_a_model_cache_hears_of_what_it_owns_and_of_its_surroundings():
    world = World()
    await bound(world)
    await world.look()
    world.model_cache("other", "elsewhere", runtimeConfigName="big")
    job = world.live(JOBS, "llama-cache-download")
    world.put(PODS, "p", metadata={"labels": job["metadata"]["labels"]})
    world.put(AIM_RUNTIME_CONFIG, "default")
    world.put(AIM_CLUSTER_RUNTIME_CONFIG, "big")
    assert world.woken(AIM_MODEL_CACHE, PVCS, "llama-cache") == ["ns/llama"]
    assert world.woken(AIM_MODEL_CACHE, JOBS, "llama-cache-download") == ["ns/llama"]
    assert world.woken(AIM_MODEL_CACHE, PODS, "p") == ["ns/llama"]
    assert world.woken(AIM_MODEL_CACHE, STORAGE_CLASSES, "fast") == ["elsewhere/other", "ns/llama"]
    assert world.woken(AIM_MODEL_CACHE, AIM_RUNTIME_CONFIG, "default") == ["ns/llama"]
    assert world.woken(AIM_MODEL_CACHE, AIM_CLUSTER_RUNTIME_CONFIG, "big") == ["elsewhere/other"]


async def test_a_template_cache_hears_of_its_template_and_of_every_cache_of_its_artifacts():
    world = World()
    world.template(AIM_CLUSTER_SERVICE_TEMPLATE, "fast", SOURCE)
    world.template(AIM_SERVICE_TEMPLATE, "slow", "hf://meta/slow")
    for namespace in ("ns", "elsewhere"):
        world.template_cache("all", namespace)
    world.template_cache("own", templateRef="x", modelSources=[{"name": "a", "sourceURI": SOURCE, "size": 1}])
    world.template_cache("slow", templateRef="slow")
    world.model_cache()
    world.model_cache("slow", sourceURI="hf://meta/slow")
    assert world.woken(AIM_TEMPLATE_CACHE, AIM_CLUSTER_SERVICE_TEMPLATE, "fast") == ["elsewhere/all", "ns/all"]
    assert world.woken(AIM_TEMPLATE_CACHE, AIM_SERVICE_TEMPLATE, "slow") == ["ns/slow"]
    assert world.woken(AIM_TEMPLATE_CACHE, AIM_MODEL_CACHE, "llama") == ["ns/all", "ns/own"]
    assert world.woken(AIM_TEMPLATE_CACHE, AIM_MODEL_CACHE, "slow") == ["ns/slow"]
    world.put(AIM_RUNTIME_CONFIG, "default")
    assert world.woken(AIM_TEMPLATE_CACHE, AIM_RUNTIME_CONFIG, "default") == ["ns/all", "ns/own", "ns/slow"]
