"""A service that names an image gets the model that has it, or makes one."""

from dataclasses import replace
from typing import Any

import pytest

from aimctrl.aim.naming import model_name
from aimctrl.aim.resolution import ConfigOutcome, RuntimeConfig
from aimctrl.aim.service.decide import decide
from aimctrl.api.common import ResolvedConfig, Scope
from aimctrl.api.config import RuntimeConfigSpec
from aimctrl.api.kinds import AIM_MODEL
from aimctrl.kube.lookup import Found, Missing
from aimctrl.runtime.plan import Child, Refusal
from unit.aim.service.samples import config, kinds, manifest, said, seen, service, told

IMAGE = "ghcr.io/x/llama:1"


def world(config_: ConfigOutcome | None = None, **parts: Any) -> Any:
    subject = service(model={"image": IMAGE}, **parts)
    return seen(subject, model=Missing("a model"), **({"config": config_} if config_ else {}))


def cluster_config(**spec: Any) -> ConfigOutcome:
    reference = ResolvedConfig(name="rc", scope=Scope.CLUSTER, kind="AIMClusterRuntimeConfig", uid="u")
    return Found(RuntimeConfig(reference, RuntimeConfigSpec.model_validate(spec)))


def test_the_model_is_made_in_the_namespace_without_an_owner() -> None:
    plan = decide(world(imagePullSecrets=[{"name": "s"}], serviceAccountName="sa", runtimeConfigName="rc"))
    assert kinds(plan) == [f"create AIMModel {model_name(IMAGE)}"]
    assert manifest(plan, "AIMModel") == {
        "apiVersion": "aim.silogen.ai/v1alpha1",
        "kind": "AIMModel",
        "metadata": {
            "name": model_name(IMAGE),
            "namespace": "ml",
            "labels": {"aim.silogen.ai/auto-created": "true"},
        },
        "spec": {
            "image": IMAGE,
            "discovery": {"enabled": True},
            "runtimeConfigName": "rc",
            "imagePullSecrets": [{"name": "s"}],
            "serviceAccountName": "sa",
        },
    }


def test_the_runtime_config_says_where_and_whether_to_inspect_it() -> None:
    rules = {"model": {"creationScope": "Cluster", "autoDiscovery": False}}
    plan = decide(world(config(**rules), imagePullSecrets=[{"name": "s"}], runtimeConfigName="default"))
    made = manifest(plan, "AIMClusterModel")
    assert "namespace" not in made["metadata"]
    assert made["spec"] == {"image": IMAGE, "discovery": {"enabled": False}}


def test_a_cluster_model_shares_a_cluster_runtime_config() -> None:
    plan = decide(world(cluster_config(model={"creationScope": "Cluster"}), runtimeConfigName="rc"))
    assert manifest(plan, "AIMClusterModel")["spec"]["runtimeConfigName"] == "rc"


def test_the_model_gets_the_labels_that_are_propagated() -> None:
    rules = config(labelPropagation={"enabled": True, "match": ["team"]})
    labels = manifest(decide(world(rules, labels={"team": "a", "x": "y"})), "AIMModel")["metadata"]["labels"]
    assert labels == {"team": "a", "aim.silogen.ai/auto-created": "true"}


@pytest.mark.parametrize("reason", ["Forbidden", "Invalid", "KindMissing"])
def test_a_model_that_is_refused_degrades_the_service(reason: str) -> None:
    child = Child(AIM_MODEL, {"metadata": {"name": "m", "namespace": "ml"}})
    plan = decide(replace(world(), refusals=(Refusal(child, reason, "no"),)))
    assert plan.status is not None
    assert plan.status["status"] == "Degraded"
    assert said(plan, "Resolved") == ("False", "ModelNotReady")
    assert told(plan, "Resolved").endswith("cannot be created: no")
