from dataclasses import dataclass, field
from typing import Any

import pytest

from aimctrl.aim.resolution import (
    CatalogueEntry,
    DefaultNotFound,
    RuntimeConfig,
    config_spec,
    find_model,
    resolve_config,
)
from aimctrl.api.common import Scope
from aimctrl.api.kinds import (
    AIM_CLUSTER_IMAGE,
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_IMAGE,
    AIM_MODEL,
    AIM_RUNTIME_CONFIG,
)
from aimctrl.kube.kinds import Key, UndecodableObjectError
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.kube.meta import Meta
from aimctrl.runtime.lister import Available, Unavailable

FORBIDDEN = Unavailable("Forbidden", "may not list")
NO_CRD = Unavailable("KindMissing", "no such kind")


@dataclass
class FakeLookup:
    kind: Any
    objects: dict[Key, Any] = field(default_factory=dict)
    availability: Any = field(default_factory=Available)

    def get(self, namespace, name):
        found = self.objects.get(Key(namespace, name))
        if isinstance(found, Exception):
            raise found
        return found

    def add(self, namespace, name, **spec):
        meta = Meta(name=name, namespace=namespace, uid=f"{self.kind.name}-{namespace}-{name}")
        self.objects[Key(namespace, name)] = self.kind.model(metadata=meta, spec=spec)


class Catalogue:
    def __init__(self):
        self.model, self.image = FakeLookup(AIM_MODEL), FakeLookup(AIM_IMAGE)
        self.cluster_model, self.cluster_image = FakeLookup(AIM_CLUSTER_MODEL), FakeLookup(AIM_CLUSTER_IMAGE)
        self.all = (self.model, self.image, self.cluster_model, self.cluster_image)

    def find(self, name="m", namespace="ns"):
        return find_model(name, namespace, self.all)


@pytest.fixture
def catalogue():
    return Catalogue()


@pytest.mark.parametrize("first", range(4), ids=["AIMModel", "AIMImage", "AIMClusterModel", "AIMClusterImage"])
def test_the_kinds_are_asked_in_order(catalogue, first):
    for lookup in catalogue.all[first:]:
        lookup.add("ns" if lookup.kind.namespaced else "", "m", image="i")
    found = catalogue.find()
    assert isinstance(found, Found)
    assert found.value.kind == catalogue.all[first].kind.name


def test_a_cluster_object_sees_only_the_cluster_kinds(catalogue):
    catalogue.model.add("", "m", image="wrong")
    catalogue.cluster_image.add("", "m", image="right")
    found = catalogue.find(namespace="")
    assert isinstance(found, Found)
    assert found.value.spec.image == "right"


def test_another_namespaces_model_is_not_seen(catalogue):
    catalogue.model.add("other", "m", image="i")
    assert catalogue.find() == Missing(
        'AIMModel "m" in namespace ns or AIMImage "m" in namespace ns or AIMClusterModel "m" or AIMClusterImage "m"'
    )


def test_what_a_cluster_object_misses_names_the_cluster_kinds_alone(catalogue):
    assert catalogue.find(namespace="") == Missing('AIMClusterModel "m" or AIMClusterImage "m"')


def test_an_entry_says_where_it_came_from(catalogue):
    catalogue.cluster_model.add("", "m", image="i")
    found = catalogue.find()
    assert isinstance(found, Found)
    entry = found.value
    assert isinstance(entry, CatalogueEntry)
    assert entry.key == Key("", "m")
    assert entry.reference.wire() == {
        "name": "m",
        "scope": "Cluster",
        "kind": "AIMClusterModel",
        "uid": "AIMClusterModel--m",
    }
    assert not entry.deleting


UNSURE = {
    "a kind that may hide it": ((FORBIDDEN, None, None, None), 2, Unreachable),
    "a kind asked later": ((None, None, FORBIDDEN, None), 0, Found),
    "the kind itself, while its cache still has it": ((None, None, FORBIDDEN, None), 2, Found),
    "a kind that is not installed": ((NO_CRD, NO_CRD, None, None), 2, Found),
    "nothing but kinds not installed": ((NO_CRD, NO_CRD, NO_CRD, NO_CRD), None, Missing),
    "still syncing": ((None, None, None, Unavailable("Syncing", "first list")), None, Unreachable),
}


@pytest.mark.parametrize(("states", "where", "outcome"), UNSURE.values(), ids=UNSURE)
def test_absence_is_only_believed_of_kinds_that_can_be_read(catalogue, states, where, outcome):
    for lookup, state in zip(catalogue.all, states, strict=True):
        lookup.availability = state or Available()
    if where is not None:
        lookup = catalogue.all[where]
        lookup.add("ns" if lookup.kind.namespaced else "", "m", image="i")
    assert isinstance(catalogue.find(), outcome)


def test_an_object_that_cannot_be_read_is_not_passed_over(catalogue):
    catalogue.model.objects[Key("ns", "m")] = UndecodableObjectError("AIMModel: spec.image")
    catalogue.cluster_model.add("", "m", image="i")
    assert catalogue.find() == Unreachable("AIMModel: spec.image")


class Configs:
    def __init__(self):
        self.namespaced, self.cluster = FakeLookup(AIM_RUNTIME_CONFIG), FakeLookup(AIM_CLUSTER_RUNTIME_CONFIG)

    def resolve(self, name=None, namespace="ns"):
        return resolve_config(name, namespace, "kaiwo-system", (self.namespaced, self.cluster))


@pytest.fixture
def configs():
    return Configs()


def resolved(outcome):
    assert isinstance(outcome, Found)
    assert isinstance(outcome.value, RuntimeConfig)
    return outcome.value


def test_the_namespaces_config_is_used_exclusively(configs):
    configs.namespaced.add("ns", "default", serviceAccountName="a")
    configs.cluster.add("", "default", defaultStorageClassName="fast")
    config = resolved(configs.resolve())
    assert config.reference.scope is Scope.NAMESPACE
    assert config.spec.default_storage_class_name is None
    assert config.spec.service_account_name == "a"


def test_the_clusters_config_is_used_where_the_namespace_has_none(configs):
    configs.cluster.add("", "big", defaultStorageClassName="fast")
    config = resolved(configs.resolve("big"))
    assert config.reference.wire() | {"hash": ""} == {
        "name": "big", "scope": "Cluster", "kind": "AIMClusterRuntimeConfig", "uid": "AIMClusterRuntimeConfig--big", "hash": ""
    }  # fmt: skip


def test_a_cluster_object_uses_the_operator_namespaces_config(configs):
    configs.namespaced.add("kaiwo-system", "default", serviceAccountName="a")
    assert resolved(configs.resolve(namespace="")).reference.namespace == "kaiwo-system"


@pytest.mark.parametrize("name", [None, "", "default"])
def test_a_missing_default_is_no_error(configs, name):
    outcome = configs.resolve(name)
    assert outcome == DefaultNotFound()
    assert config_spec(outcome).pvc_headroom_percent == 10


def test_a_missing_config_that_was_named_is_one(configs):
    assert configs.resolve("big") == Missing('AIMRuntimeConfig "big" in namespace ns or AIMClusterRuntimeConfig "big"')


def test_a_default_that_cannot_be_read_is_not_taken_for_missing(configs):
    configs.namespaced.availability = FORBIDDEN
    assert isinstance(configs.resolve(), Unreachable)


def test_the_hash_follows_what_the_config_says(configs):
    hashes = []
    for spec in ({}, {"pvcHeadroomPercent": 10}, {"pvcHeadroomPercent": 20}, {"env": [{"name": "A", "value": "1"}]}):
        configs.namespaced.add("ns", "default", **spec)
        hashes.append(resolved(configs.resolve()).reference.hash)
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    assert len(hashes[0]) == 16
