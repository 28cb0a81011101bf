"""How large the volume of an artifact is made, and of which class."""

from dataclasses import replace

import pytest

from aimctrl.aim.cache.model_cache_decide import decide
from aimctrl.aim.cache.volume import volume_size
from aimctrl.kube.lookup import Found, Missing, Unreachable
from unit.aim.cache.samples import available, claim, config, does, seen, storage_class


@pytest.mark.parametrize(
    ("size", "headroom", "expected"),
    [
        pytest.param("16Gi", 10, "18Gi", id="rounded-up"),
        pytest.param("10Gi", 10, "11Gi", id="exact"),
        pytest.param("10Gi", 0, "10Gi", id="without-headroom"),
        pytest.param("1", 0, "1Gi", id="tiny"),
        pytest.param("0", 10, "1Gi", id="empty"),
        pytest.param(10 * 2**30, 100, "20Gi", id="bytes"),
        pytest.param("100G", 10, "103Gi", id="decimal-gigabytes"),
        pytest.param("1.5Ti", 1000, "16896Gi", id="large"),
    ],
)
def test_a_volume_has_room_for_the_artifact_and_the_headroom_in_whole_gi(size, headroom, expected):
    assert str(volume_size(size, headroom)) == expected


def made(**parts):
    (child,) = decide(seen(claim=None, **parts)).children
    return child


def test_the_claim_is_the_documented_one():
    child = made()
    assert (child.mode, child.kind.name) == ("create", "PersistentVolumeClaim")
    assert child.manifest == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "llama-cache",
            "namespace": "ns",
            "labels": {
                "app.kubernetes.io/managed-by": "aim",
                "app.kubernetes.io/component": "download",
                "aim.silogen.ai/model-cache": "llama",
            },
            "ownerReferences": [
                {
                    "apiVersion": "aim.silogen.ai/v1alpha1",
                    "kind": "AIMModelCache",
                    "name": "llama",
                    "uid": "llama-uid",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "18Gi"}},
            "storageClassName": "fast",
        },
    }


@pytest.mark.parametrize(
    ("spec", "default", "found", "expected"),
    [
        pytest.param("own", "configs", Unreachable("no"), "own", id="its-own-first"),
        pytest.param(None, "configs", Unreachable("no"), "configs", id="then-the-runtime-config's"),
        pytest.param(None, None, Found(storage_class("clusters")), "clusters", id="then-the-cluster's-default"),
        pytest.param(None, None, Unreachable("no"), None, id="else-it-is-left-to-the-cluster"),
    ],
)
def test_the_storage_class_is_the_first_that_is_named(spec, default, found, expected):
    child = made(
        spec={"storageClassName": spec} if spec else {},
        config=config(defaultStorageClassName=default) if default else config(),
        storage_class=found,
    )
    assert child.manifest["spec"].get("storageClassName") == expected


def test_the_headroom_is_the_runtime_config_s():
    child = made(config=config(pvcHeadroomPercent=50))
    assert child.manifest["spec"]["resources"]["requests"]["storage"] == "24Gi"


def test_labels_are_propagated_to_volume_and_job():
    rules = config(labelPropagation={"enabled": True, "match": ["team*"]})
    labels = {"labels": {"team": "a", "other": "b", "teams/x": "c"}}
    volume = decide(seen(claim=None, config=rules, spec=labels)).children[0].manifest
    job = decide(seen(config=rules, spec=labels)).children[0].manifest
    for part in (volume, job, job["spec"]["template"]):
        assert part["metadata"]["labels"]["team"] == "a"
        assert part["metadata"]["labels"]["teams/x"] == "c"
        assert "other" not in part["metadata"]["labels"]


GROWING = Found(storage_class(allowVolumeExpansion=True))


@pytest.mark.parametrize(
    ("size", "storage", "phase", "patched"),
    [
        pytest.param("10Gi", GROWING, "Bound", True, id="too-small"),
        pytest.param("18Gi", GROWING, "Bound", False, id="as-large"),
        pytest.param("30Gi", GROWING, "Bound", False, id="larger-is-not-shrunk"),
        pytest.param("10Gi", Found(storage_class()), "Bound", False, id="class-does-not-allow-it"),
        pytest.param("10Gi", Missing("gone"), "Bound", False, id="class-is-gone"),
        pytest.param("10Gi", GROWING, "Pending", False, id="not-bound"),
    ],
)
def test_a_volume_that_turned_out_too_small_is_made_larger_where_that_can_be(size, storage, phase, patched):
    plan = decide(seen(claim=claim(phase, size=size), storage_class=storage))
    patches = [child.manifest["spec"] for child in plan.children if child.mode == "patch"]
    assert patches == ([{"resources": {"requests": {"storage": "18Gi"}}}] if patched else [])


def test_a_volume_that_holds_its_artifact_is_large_enough():
    assert does(decide(seen(available(), claim=claim(size="10Gi"), storage_class=GROWING))) == []


def test_labels_that_somebody_took_off_the_volume_are_put_back():
    (child,) = decide(seen(available(), claim=claim(labels={"mine": "1"}))).children
    assert (child.mode, child.uid) == ("patch", "pvc-uid")
    assert child.manifest["metadata"]["labels"]["aim.silogen.ai/model-cache"] == "llama"
    assert "mine" not in child.manifest["metadata"]["labels"]


def test_nothing_else_of_a_claim_is_ever_written():
    reclassed = seen(spec={"storageClassName": "other"}, claim=claim(size="18Gi"), storage_class=GROWING)
    assert does(decide(reclassed)) == ["create Job llama-cache-download"]
    assert does(decide(replace(reclassed, config=config(defaultStorageClassName="x")))) == does(decide(reclassed))
