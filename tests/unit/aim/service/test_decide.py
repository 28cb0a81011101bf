"""The decision where SPEC's table of outcomes leaves something to say."""

from dataclasses import replace

import pytest

from aimctrl.aim.service.decide import decide
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.lookup import Missing, Unreachable
from unit.aim.service.samples import (
    CREATED,
    cluster_template,
    config,
    inventory,
    isvc,
    kinds,
    said,
    seen,
    service,
    template,
)
from unit.aim.service.test_outcomes import RUN, refused


def test_what_cannot_be_read_leaves_a_new_service_pending() -> None:
    plan = decide(seen(service(), model=Unreachable("AIMModel cannot be read")))
    assert plan.status is not None
    assert plan.status["status"] == "Pending"
    assert said(plan, "Resolved")[0] == "Unknown"
    assert plan.requeue_after == 30


@pytest.mark.parametrize("what", ["model", "config"])
def test_what_cannot_be_read_leaves_other_services_as_they_are(what: str) -> None:
    running = {"status": "Running", "conditions": [{"type": "Resolved", "status": "True", "reason": "Resolved"}]}
    plan = decide(seen(service(status=running), template(), runtime=isvc(ready=True), **{what: Unreachable("no")}))
    assert plan.status is None
    assert plan.children == ()
    assert plan.requeue_after == 30


def test_nothing_is_done_about_a_service_that_is_being_deleted() -> None:
    plan = decide(seen(service(deletionTimestamp=CREATED), template()))
    assert (plan.status, plan.children, plan.removals, plan.notes) == (None, (), (), ())


@pytest.mark.parametrize("reason", ["NamespaceTerminating", "NamespaceMissing"])
def test_a_namespace_that_goes_away_leaves_the_status_as_it_is(reason: str) -> None:
    plan = decide(refused(seen(service(), template()), INFERENCE_SERVICES, reason))
    assert plan.status is None


def test_a_former_services_inference_service_is_waited_for() -> None:
    plan = decide(seen(service(), template(), runtime=isvc(owner="a-former-uid", ready=True)))
    assert said(plan, "RuntimeReady") == ("False", "CreatingRuntime")
    assert kinds(plan) == RUN


def test_a_failed_runtime_outranks_broken_routing() -> None:
    failed = isvc(ready=False, modelStatus={"transitionStatus": "InvalidSpec"})
    plan = decide(seen(service(routing={"enabled": True}), template(), runtime=failed))
    assert plan.status is not None
    assert (plan.status["status"], said(plan, "Ready")[1]) == ("Failed", "RuntimeFailed")


def test_a_missing_config_outranks_a_missing_model() -> None:
    plan = decide(seen(service(), config=Missing("c"), model=Missing("m")))
    assert said(plan, "Resolved") == ("False", "RuntimeConfigMissing")


def test_the_references_say_what_was_resolved() -> None:
    plan = decide(seen(service(), cluster_template(), config=config()))
    assert plan.status is not None
    assert plan.status["resolvedRuntimeConfig"] == {
        "name": "default", "namespace": "ml", "scope": "Namespace", "kind": "AIMRuntimeConfig", "uid": "config-uid",
        "hash": "h",
    }  # fmt: skip
    assert plan.status["resolvedImage"] == {
        "name": "llama", "scope": "Cluster", "kind": "AIMClusterModel", "uid": "model-uid",
    }  # fmt: skip
    assert plan.status["resolvedTemplate"] == {
        "name": "fast", "scope": "Cluster", "kind": "AIMClusterServiceTemplate", "uid": "Cluster-fast-uid",
    }  # fmt: skip


@pytest.mark.parametrize("state", ["NotAvailable", "Ready"], ids=["template says so", "template has yet to say so"])
def test_a_gpu_that_leaves_degrades_a_running_service_and_its_return_mends_it(state: str) -> None:
    world = seen(service(templateRef="fast"), template(state=state, gpu_here=False), runtime=isvc(ready=True))
    plan = decide(world)
    assert plan.status is not None
    assert (plan.status["status"], said(plan, "RuntimeReady")[1]) == ("Degraded", "TemplateNotAvailable")
    back = decide(replace(world, templates=(template(),), inventory=inventory()))
    assert back.status is not None
    assert back.status["status"] == "Running"
