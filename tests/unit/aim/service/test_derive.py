"""What overrides make of a template, and who holds on to it."""

from dataclasses import replace

from aimctrl.aim.service.decide import decide
from aimctrl.api.kinds import AIM_SERVICE_TEMPLATE
from aimctrl.runtime.plan import Child, Refusal
from unit.aim.service.derivation import DERIVED, derived, overriding, resolved
from unit.aim.service.samples import (
    CREATED,
    after,
    cluster_template,
    isvc,
    kinds,
    manifest,
    said,
    seen,
    service,
    template,
    told,
)


def test_a_derived_template_is_created_without_owners_and_joined_once_it_is_there() -> None:
    world = seen(overriding(templateRef="fast"), template())
    plan = decide(world)
    assert kinds(plan) == [f"create AIMServiceTemplate {DERIVED}"]
    assert plan.requeue_after == 1.0
    assert said(plan, "RuntimeReady") == ("False", "TemplateNotReady")
    made = manifest(plan, "AIMServiceTemplate")
    assert made == {
        "apiVersion": "aim.silogen.ai/v1alpha1",
        "kind": "AIMServiceTemplate",
        "metadata": {
            "name": DERIVED,
            "namespace": "ml",
            "labels": {"app.kubernetes.io/managed-by": "aim", "aim.silogen.ai/derived-template": "true"},
            "annotations": {"aim.silogen.ai/overrides": '{"metric":"throughput"}'},
        },
        "spec": {
            "modelName": "llama",
            "metric": "throughput",
            "precision": "fp16",
            "gpuSelector": {"count": 1, "model": "MI300X"},
        },
    }
    there = derived(state="Pending", owners=())
    second = after(plan, world, templates=(template(), there))
    plan = decide(second)
    assert kinds(plan) == [f"apply AIMServiceTemplate {DERIVED}"]
    join = plan.children[0]
    assert (join.manager, join.uid) == ("aim-service-chat-uid", there.uid)
    reference = {"apiVersion": "aim.silogen.ai/v1alpha1", "kind": "AIMService", "name": "chat", "uid": "chat-uid"}
    assert join.manifest["metadata"] == {"name": DERIVED, "namespace": "ml", "ownerReferences": [reference]}
    assert "spec" not in join.manifest
    assert kinds(decide(replace(second, templates=(template(), derived(state="Pending"))))) == []


def test_a_derived_template_has_the_bases_fields_but_those_of_its_profile() -> None:
    base = cluster_template(
        runtimeConfigName="rc",
        serviceAccountName="sa",
        resources={"limits": {"cpu": "1"}},
        profileId="p",
        modelSources=[{"name": "m", "sourceURI": "hf://m"}],
    )
    env = [{"name": "HF_TOKEN", "value": "x"}]
    world = seen(
        overriding({"gpuSelector": {"count": 4}}, templateRef="fast", env=env, imagePullSecrets=[{"name": "s"}]), base
    )
    made = manifest(decide(world), "AIMServiceTemplate")
    assert made["metadata"]["namespace"] == "ml"
    assert made["spec"] == {
        "modelName": "llama",
        "runtimeConfigName": "rc",
        "metric": "latency",
        "precision": "fp16",
        "gpuSelector": {"count": 4, "model": "MI300X"},
        "serviceAccountName": "sa",
        "resources": {"limits": {"cpu": "1"}, "requests": {}},
        "env": env,
        "imagePullSecrets": [{"name": "s"}],
    }


def test_what_the_base_says_of_env_and_secrets_is_not_the_services_to_change() -> None:
    base = template(
        env=[{"name": "A", "value": "base"}], imagePullSecrets=[{"name": "base"}], caching={"enabled": True}
    )
    subject = overriding(templateRef="fast", env=[{"name": "B", "value": "s"}], imagePullSecrets=[{"name": "s"}])
    spec = manifest(decide(seen(subject, base)), "AIMServiceTemplate")["spec"]
    assert spec["env"] == [{"name": "A", "value": "base"}]
    assert spec["imagePullSecrets"] == [{"name": "base"}]
    assert spec["caching"] == {"enabled": True}


def test_each_part_of_the_gpu_selector_is_merged_on_its_own() -> None:
    base = template(gpuSelector={"count": 1, "model": "MI300X", "resourceName": "amd.com/x"})
    plan = decide(seen(overriding({"gpuSelector": {"model": "MI325X"}}, templateRef="fast"), base))
    assert manifest(plan, "AIMServiceTemplate")["spec"]["gpuSelector"] == {
        "count": 1, "model": "MI325X", "resourceName": "amd.com/x",
    }  # fmt: skip


def test_another_spelling_of_the_bases_gpu_is_not_a_change_of_it() -> None:
    overrides = {"gpuSelector": {"model": "Instinct MI300X", "count": 2}}
    plan = decide(seen(overriding(overrides, templateRef="fast"), template()))
    assert manifest(plan, "AIMServiceTemplate")["spec"]["gpuSelector"] == {"count": 2, "model": "MI300X"}


def test_a_taken_name_gets_a_hash_of_the_spec() -> None:
    stranger = template(DERIVED, precision="int4")
    name = manifest(decide(seen(overriding(templateRef="fast"), template(), stranger)), "AIMServiceTemplate")[
        "metadata"
    ]["name"]
    assert name.startswith(f"{DERIVED}-")
    assert len(name) == len(DERIVED) + 5


def test_another_models_template_takes_the_name_as_well() -> None:
    plan = decide(seen(overriding(templateRef="fast"), template(), taken=frozenset({"fast", DERIVED})))
    assert manifest(plan, "AIMServiceTemplate")["metadata"]["name"] != DERIVED


def test_two_taken_names_are_a_conflict() -> None:
    world = seen(overriding(templateRef="fast"), template())
    both = frozenset(
        {
            DERIVED,
            manifest(decide(replace(world, taken=frozenset({DERIVED}))), "AIMServiceTemplate")["metadata"]["name"],
        }
    )
    plan = decide(replace(world, taken=both))
    assert plan.status is not None
    assert plan.status["status"] == "Degraded"
    assert said(plan, "Resolved") == ("True", "Resolved")
    assert said(plan, "RuntimeReady") == ("False", "NameConflict")
    assert kinds(plan) == []


def test_services_with_different_env_derive_templates_of_their_own() -> None:
    mine = derived(env=[{"name": "A", "value": "1"}], owners=("other-uid",))
    subject = overriding(templateRef="fast", env=[{"name": "A", "value": "2"}])
    plan = decide(seen(subject, template(), mine))
    assert manifest(plan, "AIMServiceTemplate")["metadata"]["name"].startswith(f"{DERIVED}-")


def test_a_derived_template_that_is_refused_degrades_the_service() -> None:
    world = seen(overriding(templateRef="fast"), template())
    child = Child(AIM_SERVICE_TEMPLATE, {"metadata": {"name": DERIVED, "namespace": "ml"}})
    plan = decide(replace(world, refusals=(Refusal(child, "Forbidden", "quota exceeded"),)))
    assert plan.status is not None
    assert plan.status["status"] == "Degraded"
    assert said(plan, "RuntimeReady") == ("False", "TemplateNotReady")
    assert "quota exceeded" in told(plan, "RuntimeReady")


# Who holds on to it.


def test_a_service_joins_a_derived_template_that_others_use() -> None:
    plan = decide(seen(overriding(templateRef="fast"), template(), derived(owners=("other",))))
    assert kinds(plan) == [f"apply AIMServiceTemplate {DERIVED}", "apply InferenceService chat"]


def test_a_service_that_names_a_derived_template_joins_it_too() -> None:
    plan = decide(seen(service(templateRef=DERIVED), derived(owners=("other",))))
    assert kinds(plan) == [f"apply AIMServiceTemplate {DERIVED}", "apply InferenceService chat"]


def test_a_template_that_somebody_wrote_gets_no_owner() -> None:
    plan = decide(seen(overriding(templateRef="fast"), template(), template("other", metric="throughput")))
    assert kinds(plan) == ["apply InferenceService chat"]


def test_a_service_leaves_its_derived_template_when_its_overrides_go() -> None:
    mine = derived(owners=("chat-uid", "other"), resourceVersion="7")
    plan = decide(seen(service(templateRef="fast"), template(), mine, joined=(mine.template,)))
    assert kinds(plan) == ["apply InferenceService chat", f"apply AIMServiceTemplate {DERIVED}"]
    leave = plan.children[-1]
    assert leave.manifest["metadata"] == {"name": DERIVED, "namespace": "ml", "resourceVersion": "7"}
    assert (leave.manager, leave.uid) == ("aim-service-chat-uid", mine.uid)


def test_the_last_to_leave_deletes_the_derived_template() -> None:
    mine = derived()
    plan = decide(seen(service(templateRef="fast"), template(), mine, joined=(mine.template,)))
    assert kinds(plan) == ["apply InferenceService chat", f"remove AIMServiceTemplate {DERIVED}"]
    assert plan.removals[0].uid == mine.uid


def test_other_overrides_leave_one_template_for_the_other() -> None:
    mine = derived()
    plan = decide(
        seen(
            overriding({"metric": "throughput", "precision": "fp8"}, templateRef="fast"),
            template(),
            mine,
            joined=(mine.template,),
        )
    )
    assert [kind.split()[0] for kind in kinds(plan)] == ["create", "remove"]


def test_a_derived_template_is_not_left_while_its_runtime_serves() -> None:
    mine = derived()
    world = seen(service(templateRef="fast"), template(), mine, joined=(mine.template,), runtime=isvc(runtime=DERIVED))
    assert kinds(decide(world)) == ["apply InferenceService chat"]
    moved = replace(world, runtime=isvc(runtime="fast"))
    assert kinds(decide(moved)) == ["apply InferenceService chat", f"remove AIMServiceTemplate {DERIVED}"]


def test_a_derived_template_is_not_left_while_nothing_else_is_decided_on() -> None:
    mine = derived(state="Failed")
    world = seen(overriding(templateRef="gone"), mine, joined=(mine.template,))
    assert kinds(decide(world)) == []


def test_a_derived_template_for_former_overrides_is_left_though_nothing_is_decided_on() -> None:
    mine = derived()
    world = seen(service(templateRef="gone"), mine, joined=(mine.template,))
    assert kinds(decide(world)) == [f"remove AIMServiceTemplate {DERIVED}"]


def test_a_derived_template_that_is_being_deleted_is_not_left() -> None:
    mine = derived(deletionTimestamp=CREATED)
    world = seen(service(templateRef="fast"), template(), joined=(mine.template,))
    assert kinds(decide(world)) == ["apply InferenceService chat"]


def test_a_service_without_a_decision_forgets_its_template_unless_it_serves() -> None:
    mine = {"resolvedTemplate": {"name": "old", "namespace": "ml", "uid": "u"}}
    world = seen(service(templateRef="gone", status=mine), template())
    assert resolved(decide(world)) == "-"
    assert resolved(decide(replace(world, runtime=isvc(ready=True, runtime="old")))) == "N/old"
