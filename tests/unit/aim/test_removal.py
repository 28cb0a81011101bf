"""What goes, what stays and why, and in which order."""

from typing import Any

import pytest

from aimctrl.aim.removal import (
    DEPLOYMENTS,
    INSTALLED,
    MADE,
    Fate,
    Removal,
    Scope,
    Thing,
    command,
    release_command,
    removal,
)
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
    ALL,
)
from aimctrl.kube.core import CRDS, JOBS, LEASES, NAMESPACES, PVCS
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Kind
from aimctrl.kube.meta import Meta, OwnerReference

OPERATOR, EVERYTHING, ALL_BUT_DATA = Scope(), Scope(delete_crds=True), Scope(delete_crds=True, keep_data=True)
SERVICE_CACHE, TEMPLATE_CACHE = "aim.silogen.ai/service-cache", "aim.silogen.ai/template-cache"


def thing(kind: Kind[Any], name: str = "x", *, owner: Thing | None = None, state: str = "", **meta: Any) -> Thing:
    owners: tuple[OwnerReference, ...] = ()
    if owner is not None:
        of = owner.kind
        owners = (OwnerReference(of.api_version, of.name, owner.meta.name, owner.meta.uid, controller=True),)
    namespace = "ml" if kind.namespaced else ""
    uid = f"{kind.name}/{name}"
    return Thing(kind, Meta(name=name, namespace=namespace, uid=uid, owner_references=owners, **meta), state)


SERVICE = thing(AIM_SERVICE, "chat", finalizers=(SERVICE_CACHE,))
WHOLE = thing(AIM_MODEL_CACHE, "whole", state="Available")
PARTIAL = thing(AIM_MODEL_CACHE, "partial", state="Progressing")
FOUND = (
    thing(CRDS, "aimservices.aim.silogen.ai"),
    thing(PVCS, "whole-cache", owner=WHOLE),
    thing(PVCS, "partial-cache", owner=PARTIAL),
    thing(JOBS, "whole-cache-download", owner=WHOLE),
    thing(INFERENCE_SERVICES, "chat", owner=SERVICE),
    WHOLE,
    PARTIAL,
    thing(AIM_TEMPLATE_CACHE, "fast", finalizers=("theirs", TEMPLATE_CACHE)),
    thing(AIM_RUNTIME_CONFIG),
    thing(AIM_SERVICE_TEMPLATE, "fast"),
    thing(AIM_MODEL, "llama"),
    thing(AIM_CLUSTER_MODEL, "llama"),
    SERVICE,
    thing(LEASES, "aimctrl"),
    thing(DEPLOYMENTS, "aimctrl"),
    thing(NAMESPACES, "kaiwo-system"),
)


def fates(plan: Removal) -> dict[str, Fate]:
    return {f"{item.thing.kind.name} {item.thing.meta.name}": item.fate for item in plan.items}


def commands(plan: Removal) -> list[list[str]]:
    return [[command(work) for work in step.work] for step in plan.steps]


def test_of_the_operator_alone_nothing_goes_that_is_not_its_own() -> None:
    plan = removal(FOUND, OPERATOR)
    gone = {name for name, fate in fates(plan).items() if fate is not Fate.STAYS}
    assert gone == {"Deployment aimctrl", "Lease aimctrl"}
    assert all(item.why for item in plan.items if item.fate is Fate.STAYS)
    assert commands(plan) == [
        [
            "kubectl delete deployments.apps --namespace ml aimctrl --cascade=foreground",
            "kubectl delete leases.coordination.k8s.io --namespace ml aimctrl",
        ]
    ]


def test_what_makes_others_goes_before_them_and_the_definitions_go_last() -> None:
    assert commands(removal(FOUND, EVERYTHING)) == [
        ["kubectl delete aimservices.aim.silogen.ai --all-namespaces --all"],
        [
            "kubectl delete aimmodels.aim.silogen.ai --all-namespaces --all",
            "kubectl delete aimclustermodels.aim.silogen.ai --all",
        ],
        ["kubectl delete aimservicetemplates.aim.silogen.ai --all-namespaces --all"],
        ["kubectl delete aimtemplatecaches.aim.silogen.ai --all-namespaces --all"],
        ["kubectl delete aimmodelcaches.aim.silogen.ai --all-namespaces --all"],
        ["kubectl delete aimruntimeconfigs.aim.silogen.ai --all-namespaces --all"],
        [
            "kubectl delete deployments.apps --namespace ml aimctrl --cascade=foreground",
            "kubectl delete leases.coordination.k8s.io --namespace ml aimctrl",
        ],
        ["kubectl delete customresourcedefinitions.apiextensions.k8s.io aimservices.aim.silogen.ai"],
    ]


@pytest.mark.parametrize("scope", [EVERYTHING, ALL_BUT_DATA], ids=["all", "but-data"])
def test_every_kind_of_ours_is_deleted_with_the_definitions(scope: Scope) -> None:
    plan = removal([thing(kind) for kind in ALL], scope)
    assert {command(work).split()[2] for step in plan.steps for work in step.work} == {kind.resource for kind in ALL}
    assert {item.fate for item in plan.items} == {Fate.DELETED}


def test_what_is_owned_is_collected_and_namespaces_stay() -> None:
    said = fates(removal(FOUND, EVERYTHING))
    collected = {name for name, fate in said.items() if fate is Fate.COLLECTED}
    assert collected == {
        "InferenceService chat",
        "Job whole-cache-download",
        "PersistentVolumeClaim partial-cache",
        "PersistentVolumeClaim whole-cache",
    }
    assert [name for name, fate in said.items() if fate is Fate.STAYS] == ["Namespace kaiwo-system"]


def test_whole_data_is_kept_without_an_owner_and_partial_data_is_not() -> None:
    plan = removal(FOUND, ALL_BUT_DATA)
    said = fates(plan)
    assert said["PersistentVolumeClaim whole-cache"] is Fate.STAYS
    assert said["PersistentVolumeClaim partial-cache"] is Fate.COLLECTED
    assert said["Job whole-cache-download"] is Fate.DELETED
    assert [
        "kubectl delete aimmodelcaches.aim.silogen.ai --namespace ml partial",
        "kubectl delete jobs.batch --namespace ml whole-cache-download",
        "kubectl delete aimmodelcaches.aim.silogen.ai --all-namespaces --all --cascade=orphan",
    ] in commands(plan)


def test_what_is_held_is_named_where_it_is_deleted_and_only_our_finalizers_are_taken_off() -> None:
    steps = removal(FOUND, EVERYTHING).steps
    held = {release_command(one, "kubectl --context c") for step in steps for one in step.held}
    assert held == {
        (
            "kubectl --context c patch aimservices.aim.silogen.ai --namespace ml chat --type=merge "
            """--patch '{"metadata":{"finalizers":[]}}'"""
        ),
        (
            "kubectl --context c patch aimtemplatecaches.aim.silogen.ai --namespace ml fast --type=merge "
            """--patch '{"metadata":{"finalizers":["theirs"]}}'"""
        ),
    }


def released(kind: Kind[Any], name: str = "aimctrl", **more: str) -> Thing:
    annotations = {"meta.helm.sh/release-name": "mine", "meta.helm.sh/release-namespace": "ml"}
    return thing(kind, name, annotations=annotations | more)


def test_what_helm_installed_is_left_to_helm() -> None:
    plan = removal([released(DEPLOYMENTS), thing(LEASES, "aimctrl")], OPERATOR)
    assert [item.why for item in plan.items] == ["by Helm, with its release mine", ""]
    lease = "kubectl delete leases.coordination.k8s.io --namespace ml aimctrl"
    assert commands(plan) == [["helm uninstall mine --namespace ml", lease]]
    assert plan.warnings == ()


def test_definitions_that_helm_would_take_along_are_warned_of() -> None:
    name = "aimservices.aim.silogen.ai"
    (warning,) = removal([released(DEPLOYMENTS), released(CRDS, name)], OPERATOR).warnings
    assert "crds.keep=true" in warning
    kept = released(CRDS, name, **{"helm.sh/resource-policy": "keep"})
    assert removal([released(DEPLOYMENTS), kept], OPERATOR).warnings == ()
    assert removal([released(DEPLOYMENTS), released(CRDS, name)], EVERYTHING).warnings == ()


def test_where_there_is_nothing_there_is_nothing_to_do() -> None:
    assert removal([], EVERYTHING) == Removal((), ())


def test_the_order_is_the_same_however_things_were_found() -> None:
    assert removal(reversed(FOUND), EVERYTHING) == removal(FOUND, EVERYTHING)


def test_each_kind_is_of_one_sort() -> None:
    assert len({*INSTALLED, *ALL, *MADE}) == len(INSTALLED) + len(ALL) + len(MADE)
    assert HTTPROUTES in MADE
