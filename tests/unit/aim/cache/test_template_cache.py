"""A template cache's decision: what is to be cached, how far that is, and what it takes along when it goes."""

from dataclasses import replace

import pytest

from aimctrl.aim.cache.artifacts import Artifact
from aimctrl.aim.cache.template_cache_decide import decide
from aimctrl.kube.lookup import Missing, Unreachable
from unit.aim.cache.samples import (
    LLAMA,
    NO_CONFIG,
    SOURCE,
    condition,
    config,
    does,
    made_by_it,
    model_cache,
    outcome,
    refusing,
    said,
    template,
    told,
)
from unit.aim.cache.samples import seen_template_cache as seen

TOKENIZER = Artifact("tokenizer", "hf://meta/tokenizer", "1Gi")
CREATE = "create AIMModelCache meta-llama"
NO_TEMPLATE = Missing('AIMServiceTemplate or AIMClusterServiceTemplate "fast"')
FINALIZER = "aim.silogen.ai/template-cache"
LEAVING = {"deletionTimestamp": "2030-01-01T11:59:00Z", "finalizers": ["other/one", FINALIZER]}


def failed(message: str) -> dict[str, object]:
    return {"status": "Failed", "conditions": [condition("Failure", "True", "DownloadFailed", message)]}


@pytest.mark.parametrize(
    ("parts", "state", "resolved", "actions"),
    [
        pytest.param(
            {"config": NO_CONFIG}, ("Failed", "RuntimeConfigMissing"), ("False", "RuntimeConfigMissing"), [],
            id="runtime-config-missing",
        ),
        pytest.param(
            {"config": NO_CONFIG, "template": NO_TEMPLATE}, ("Failed", "RuntimeConfigMissing"),
            ("False", "RuntimeConfigMissing"), [], id="the-runtime-config-comes-first",
        ),
        pytest.param(
            {"config": Unreachable("no")}, ("Pending", "RuntimeConfigMissing"), ("Unknown", "RuntimeConfigMissing"), [],
            id="runtime-config-not-known-yet",
        ),
        pytest.param(
            {"template": NO_TEMPLATE}, ("Failed", "TemplateNotFound"), ("False", "TemplateNotFound"), [],
            id="template-missing",
        ),
        pytest.param(
            {"template": Unreachable("no")}, ("Pending", "TemplateNotFound"), ("Unknown", "TemplateNotFound"), [],
            id="template-not-known-yet",
        ),
        pytest.param(
            {"template": template(found=False)}, ("Pending", "TemplateNotReady"), ("False", "TemplateNotReady"), [],
            id="not-discovered-yet",
        ),
        pytest.param(
            {"template": template()}, ("Pending", "CachePending"), ("True", "Resolved"), [CREATE], id="new",
        ),
        pytest.param(
            {"template": NO_TEMPLATE, "spec": {"modelSources": [{"name": "a", "sourceURI": SOURCE, "size": 1}]}},
            ("Pending", "CachePending"), ("True", "Resolved"), ["create AIMModelCache a"],
            id="its-own-sources-need-no-template",
        ),
        pytest.param(
            {"held": (model_cache(),)}, ("Pending", "CachePending"), ("True", "Resolved"), [],
            id="an-empty-part-counts-as-pending",
        ),
        pytest.param(
            {"held": (model_cache(status="Progressing"),)}, ("Progressing", "CacheWarming"), ("True", "Resolved"), [],
            id="downloading",
        ),
        pytest.param(
            {"held": (model_cache(status="Failed"),)}, ("Failed", "CacheFailed"), ("True", "Resolved"), [],
            id="failed",
        ),
        pytest.param(
            {"held": (model_cache(status="Available"),)}, ("Available", "CacheWarm"), ("True", "Resolved"), [],
            id="available",
        ),
        pytest.param(
            {"held": (model_cache(status="Available"),), "config": NO_CONFIG},
            ("Available", "CacheWarm"), ("False", "RuntimeConfigMissing"), [],
            id="what-is-cached-needs-no-runtime-config",
        ),
        pytest.param(
            {"template": template(Artifact("a", SOURCE))}, ("Failed", "CacheFailed"), ("True", "Resolved"), [],
            id="size-not-known",
        ),
        pytest.param(
            {"template": template(Artifact("a", SOURCE)), "held": (model_cache(status="Available"),)},
            ("Available", "CacheWarm"), ("True", "Resolved"), [],
            id="size-not-known-but-cached-by-somebody",
        ),
    ],
)  # fmt: skip
def test_the_outcomes(parts, state, resolved, actions):
    plan = decide(seen(**parts))
    assert outcome(plan) == state
    assert said(plan, "Resolved") == resolved
    assert said(plan, "CacheWarm") == (str(state[0] == "Available"), state[1])
    assert said(plan, "Failure")[0] == str(state[0] == "Failed")
    assert said(plan, "Progressing")[0] == str(state[0] in {"Pending", "Progressing"})
    assert does(plan) == actions


def test_a_template_without_artifacts_has_nothing_to_wait_for():
    nothing = replace(template().value, artifacts=())
    plan = decide(seen(template=replace(template(), value=nothing)))
    assert (outcome(plan), told(plan)) == (("Available", "CacheWarm"), "the template has no artifacts")


STATES = ["Available", "Progressing", "Pending", "Failed"]


@pytest.mark.parametrize("one", STATES)
@pytest.mark.parametrize("other", STATES)
def test_the_whole_is_as_its_worst_part(one, other):
    held = (model_cache("a", status=one), model_cache("b", status=other, sourceURI=TOKENIZER.source))
    plan = decide(seen(held=held, template=template(LLAMA, TOKENIZER)))
    assert plan.status["status"] == max(one, other, key=STATES.index)


def test_a_part_that_is_to_be_made_counts_as_pending():
    plan = decide(seen(held=(model_cache(status="Available"),), template=template(LLAMA, TOKENIZER)))
    assert outcome(plan) == ("Pending", "CachePending")
    assert does(plan) == ["create AIMModelCache tokenizer"]


def test_the_status_says_where_each_artifact_is():
    done = model_cache(status={"status": "Available", "persistentVolumeClaim": "llama-cache"})
    status = decide(seen(held=(done,), template=template(LLAMA, TOKENIZER))).status
    assert status["modelCaches"] == {
        "meta/llama": {
            "name": "llama",
            "uid": "llama-uid",
            "status": "Available",
            "model": "meta/llama",
            "persistentVolumeClaim": "llama-cache",
            "mountPoint": "/workspace/model-cache/meta/llama",
        },
        "tokenizer": {
            "name": "tokenizer",
            "uid": "",
            "status": "Pending",
            "model": "tokenizer",
            "mountPoint": "/workspace/model-cache/tokenizer",
        },
    }
    assert status["resolvedTemplate"]["uid"] == "template-uid"


def test_the_model_cache_it_makes_is_the_documented_one():
    token = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
    spec = {
        "storageClassName": "quick",
        "env": [token],
        "downloadImage": "mirror/storage-initializer",
        "imagePullSecrets": [{"name": "pull"}],
        "runtimeConfigName": "big",
    }
    rules = config(labelPropagation={"enabled": True, "match": ["team"]})
    (child,) = decide(seen(spec=spec, config=rules, labels={"team": "a", "x": "y"})).children
    assert child.mode == "create"
    assert child.manifest == {
        "apiVersion": "aim.silogen.ai/v1alpha1",
        "kind": "AIMModelCache",
        "metadata": {
            "name": "meta-llama",
            "namespace": "ns",
            "labels": {
                "team": "a",
                "app.kubernetes.io/managed-by": "aim",
                "aim.silogen.ai/template-cache": "fast",
            },
        },
        "spec": {
            "sourceURI": SOURCE,
            "size": "16Gi",
            "storageClassName": "quick",
            "env": [token],
            "modelDownloadImage": "mirror/storage-initializer",
            "imagePullSecrets": [{"name": "pull"}],
            "runtimeConfigName": "big",
        },
    }


@pytest.mark.parametrize(
    ("held", "patched"),
    [
        pytest.param(made_by_it(status="Failed"), True, id="its-own"),
        pytest.param(made_by_it(status="Available"), False, id="its-own-but-done"),
        pytest.param(model_cache(status="Failed"), False, id="somebody-else's"),
    ],
)
def test_a_mended_secret_reaches_the_downloads_it_asked_for(held, patched):
    plan = decide(seen(held=(held,), spec={"env": [{"name": "HF_TOKEN", "value": "new"}]}))
    patches = [(child.mode, child.uid, child.manifest["spec"]) for child in plan.children]
    spec = {
        "size": "16Gi",
        "storageClassName": None,
        "env": [{"name": "HF_TOKEN", "value": "new"}],
        "modelDownloadImage": "kserve/storage-initializer",
        "imagePullSecrets": None,
        "runtimeConfigName": None,
    }
    assert patches == ([("patch", "meta-llama-uid", spec)] if patched else [])


def test_messages_are_sorted_and_say_what_failed():
    held = (
        model_cache("b", status=failed("no space left"), sourceURI=TOKENIZER.source),
        model_cache("a", status=failed("401 Unauthorized")),
    )
    plan = decide(seen(held=held, template=template(TOKENIZER, LLAMA)))
    assert told(plan) == 'AIMModelCache "a" failed: 401 Unauthorized; AIMModelCache "b" failed: no space left'


def test_a_model_cache_that_is_refused_is_told():
    observed = seen()
    plan = decide(refusing(observed, decide(observed).children[0]))
    assert outcome(plan) == ("Failed", "CacheFailed")
    assert told(plan) == 'AIMModelCache "meta-llama" is refused: exceeded quota'


@pytest.mark.parametrize("reason", ["NamespaceTerminating", "NamespaceMissing"])
def test_nothing_is_said_where_the_namespace_is_going(reason):
    observed = seen()
    plan = decide(refusing(observed, decide(observed).children[0], reason))
    assert (plan.status, does(plan)) == (None, [])


@pytest.mark.parametrize("part", ["config", "template"])
def test_what_cannot_be_read_for_a_moment_changes_nothing(part):
    status = {"status": "Available", "conditions": [condition("Ready", "True", "CacheWarm")]}
    plan = decide(seen(status, **{part: Unreachable("no")}))
    assert (plan.status, does(plan), plan.requeue_after) == (None, [], 30.0)


def test_a_template_that_is_discovered_again_leaves_the_artifacts_in_status():
    before = decide(seen(held=(model_cache(status="Available"),))).status
    plan = decide(seen(before, template=template(found=False)))
    assert outcome(plan) == ("Pending", "TemplateNotReady")
    assert plan.status["modelCaches"] == before["modelCaches"]


def test_it_has_its_finalizer_before_it_makes_anything_and_keeps_those_of_others():
    assert decide(seen(finalizers=["other/one"])).finalizers == ("other/one", FINALIZER)
    assert decide(seen(finalizers=[FINALIZER])).finalizers == (FINALIZER,)


def test_when_it_goes_it_takes_along_what_it_made_in_vain():
    created = (
        made_by_it("a", status="Available"),
        made_by_it("b", status="Progressing"),
        made_by_it("c", status="Failed"),
        made_by_it("d"),
    )
    plan = decide(seen(created=created, **LEAVING))
    assert does(plan) == ["remove AIMModelCache b", "remove AIMModelCache c", "remove AIMModelCache d"]
    assert {(removal.uid, removal.version) for removal in plan.removals} == {
        ("b-uid", "7"),
        ("c-uid", "7"),
        ("d-uid", "7"),
    }
    assert plan.finalizers == ("other/one",)
    assert plan.status is None


def test_what_another_template_cache_has_too_is_left_to_that_one():
    created = (made_by_it("a", status="Progressing"), made_by_it("b", status="Progressing"))
    plan = decide(seen(created=created, heirs={"a": "slow"}, **LEAVING))
    assert does(plan) == ["patch AIMModelCache a", "remove AIMModelCache b"]
    assert plan.children[0].manifest["metadata"]["labels"] == {"aim.silogen.ai/template-cache": "slow"}


def test_without_its_finalizer_it_goes_as_it_is():
    plan = decide(seen(created=(made_by_it(status="Failed"),), **LEAVING | {"finalizers": ["other/one"]}))
    assert (does(plan), plan.finalizers) == ([], None)


@pytest.mark.parametrize("broken", [{"config": Unreachable("no")}, {"template": NO_TEMPLATE}, {"config": NO_CONFIG}])
def test_nothing_that_is_missing_keeps_it_from_going(broken):
    plan = decide(seen(created=(made_by_it(),), **LEAVING, **broken))
    assert does(plan) == ["remove AIMModelCache meta-llama"]
    assert plan.finalizers == ("other/one",)


def test_the_same_state_gives_the_same_status():
    held = (model_cache("b", status="Failed", sourceURI=TOKENIZER.source), model_cache("a", status="Failed"))
    observed = seen(held=held, template=template(LLAMA, TOKENIZER))
    first = decide(observed)
    turned = seen(first.status, held=held[::-1], template=template(LLAMA, TOKENIZER))
    assert decide(turned).status == first.status
    assert decide(turned).notes == ()
