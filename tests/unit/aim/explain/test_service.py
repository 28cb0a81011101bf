"""What a service stands on, and why."""

from typing import Any

import pytest

from aimctrl.aim.remedies import Care
from aimctrl.aim.service.decide import decide
from aimctrl.aim.service.observed import Observed, Several
from aimctrl.api.cache import AIMTemplateCache
from aimctrl.api.common import Scope
from aimctrl.api.reasons import ModelState
from aimctrl.kube.conditions import Condition
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Plan
from unit.aim.explain.look import explained, fact, words
from unit.aim.service.samples import (
    after,
    cluster_template,
    config,
    http_route,
    inventory,
    isvc,
    model,
    seen,
    service,
    template,
)

GATEWAY = {"name": "gw"}
LLAMA = 'AIMClusterModel "llama"'
NOWHERE = Missing('AIMModel "llama"')


def told(observed: Observed, **parts: Any) -> Any:
    return explained(observed, decide(observed), **parts)


@pytest.mark.parametrize(
    ("outcome", "spec", "expected"),
    [
        pytest.param(
            {}, {}, ("none", 'there is none named "default", so the operator\'s defaults apply', ""), id="defaults"
        ),
        pytest.param(
            {"config": config()}, {}, ('AIMRuntimeConfig "ml/default"', 'the one named "default"', ""), id="default"
        ),
        pytest.param(
            {"config": config("big")},
            {"runtimeConfigName": "big"},
            ('AIMRuntimeConfig "ml/big"', "named in spec.runtimeConfigName", ""),
            id="named",
        ),
        pytest.param(
            {"config": Missing('AIMRuntimeConfig "big"')},
            {"runtimeConfigName": "big"},
            ("none", 'named in spec.runtimeConfigName, but there is no AIMRuntimeConfig "big"', ""),
            id="missing",
        ),
        pytest.param({"config": Unreachable("no answer")}, {}, ("not known", "no answer", ""), id="not known"),
    ],
)
def test_the_runtime_config(outcome: dict[str, Any], spec: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert words(told(seen(service(**spec), **outcome)), "runtime config") == expected


@pytest.mark.parametrize(
    ("outcome", "spec", "expected"),
    [
        pytest.param(
            Found(model()), {}, (LLAMA, "named by the service; image ghcr.io/x/llama:1", "Ready"), id="by name"
        ),
        pytest.param(
            Found(model(scope=Scope.NAMESPACE)),
            {"model": {"image": "i"}},
            ('AIMModel "ml/llama"', "has the image i; image ghcr.io/x/llama:1", "Ready"),
            id="by image",
        ),
        pytest.param(NOWHERE, {}, ("none", 'there is no AIMModel "llama"', ""), id="missing"),
        pytest.param(
            NOWHERE,
            {"model": {"image": "i"}},
            ("none", "no model has the image i: one is created for it", ""),
            id="new",
        ),
        pytest.param(
            Several((model(), model(scope=Scope.NAMESPACE))),
            {"model": {"image": "i"}},
            (f'{LLAMA}, AIMModel "ml/llama"', "all of them have the image i", ""),
            id="several",
        ),
        pytest.param(Unreachable("no answer"), {}, ("not known", "no answer", ""), id="not known"),
    ],
)
def test_the_model(outcome: Any, spec: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert words(told(seen(service(**spec), model=outcome)), "model") == expected


def test_a_model_that_is_not_ready_says_why_itself() -> None:
    world = seen(service(), model=Found(model(ModelState.FAILED)))
    ready = Condition("Ready", "False", "ImageNotFound", "no such tag")
    trouble = fact(told(world, ready=ready), "model").trouble
    assert trouble is not None
    assert (trouble.reason, trouble.message, trouble.care) == ("ImageNotFound", "no such tag", Care.MEND)
    assert fact(told(world), "model").trouble is None


DERIVED = {"labels": {"aim.silogen.ai/derived-template": "true"}}
HINTED = {"model": Found(model(defaultServiceTemplate="fast"))}

REASONS: dict[str, tuple[Observed, tuple[str, str, str]]] = {
    "named": (
        seen(service(templateRef="fast"), template()),
        ('AIMServiceTemplate "ml/fast"', "named in spec.templateRef", "Ready"),
    ),
    "selected": (
        seen(service(), cluster_template()),
        ('AIMClusterServiceTemplate "fast"', "selected: the only one that fits", "Ready"),
    ),
    "hint": (
        seen(service(), template(), template("other"), **HINTED),
        ('AIMServiceTemplate "ml/fast"', "the model's default template", "Ready"),
    ),
    "to be derived": (
        seen(service(templateRef="fast", overrides={"metric": "throughput"}), template()),
        ('AIMServiceTemplate "ml/fast-ovr-5ba4ff2f"', "derived for spec.overrides", "not there"),
    ),
    "equal to the overrides": (
        seen(
            service(templateRef="fast", overrides={"metric": "throughput"}),
            template(),
            template("t", metric="throughput"),
        ),
        ('AIMServiceTemplate "ml/t"', "has the values of spec.overrides", "Ready"),
    ),
    "none": (seen(service()), ("none", "none is decided on", "")),
}


@pytest.mark.parametrize(("world", "expected"), REASONS.values(), ids=REASONS.keys())
def test_the_template_and_which_step_led_to_it(world: Observed, expected: tuple[str, str, str]) -> None:
    found = words(told(world), "template")
    assert found[1:] == expected[1:]
    assert found[0].partition("-ovr-")[0] == expected[0].partition("-ovr-")[0]


def test_a_template_that_is_kept_for_what_runs() -> None:
    world = seen(service(), template(), runtime=isvc(ready=True))
    broken = after(decide(world), world, config=Missing('AIMRuntimeConfig "default"'))
    assert words(told(broken), "template") == ('AIMServiceTemplate "ml/fast"', "the InferenceService runs it", "Ready")


def test_a_template_is_not_looked_for_without_its_model() -> None:
    world = seen(service(), template(), runtime=isvc(ready=True))
    broken = after(decide(world), world, model=NOWHERE, templates=())
    assert words(told(broken), "template") == ('AIMServiceTemplate "ml/fast"', "the InferenceService runs it", "")


def test_a_template_that_is_not_ready_says_why_itself() -> None:
    world = seen(service(templateRef="fast"), template(state="Failed", message="the log is junk"))
    trouble = fact(told(world), "template").trouble
    assert trouble is not None
    assert (trouble.reason, trouble.message) == ("R", "the log is junk")


CACHED = {"resolvedTemplateCache": {"name": "fast", "namespace": "ml", "kind": "AIMTemplateCache"}}


def cache(status: str, *conditions: dict[str, str]) -> AIMTemplateCache:
    raw = {"metadata": {"name": "fast", "namespace": "ml"}, "spec": {"templateRef": "fast"}}
    return AIMTemplateCache.model_validate(raw | {"status": {"status": status, "conditions": conditions}})


@pytest.mark.parametrize(
    ("caches", "state", "reason"),
    [
        pytest.param((), "not there", None, id="gone"),
        pytest.param((cache("Pending"),), "Pending", None, id="new"),
        pytest.param((cache("Available", {"type": "Ready", "status": "True"}),), "Available", None, id="there"),
        pytest.param(
            (cache("Failed", {"type": "Ready", "status": "False", "reason": "CacheFailed", "message": "no space"}),),
            "Failed",
            "CacheFailed",
            id="failed",
        ),
    ],
)
def test_the_cache_with_what_it_says_of_itself(
    caches: tuple[AIMTemplateCache, ...], state: str, reason: str | None
) -> None:
    world = seen(service(cacheModel=True, status=CACHED), template(), caches=caches)
    found = fact(explained(world, Plan(world.target)), "cache")
    assert (found.value, found.why) == ('AIMTemplateCache "ml/fast"', "asked for by spec.cacheModel")
    assert (found.state, found.trouble.reason if found.trouble else None) == (state, reason)


@pytest.mark.parametrize(
    ("ready", "expected"),
    [
        (None, ("none", "there is no InferenceService of the service", "")),
        (True, ('InferenceService "ml/chat"', "", "Ready")),
        (False, ('InferenceService "ml/chat"', "", "not Ready")),
    ],
)
def test_the_inference_service(ready: bool | None, expected: tuple[str, str, str]) -> None:
    parts = {} if ready is None else {"runtime": isvc(ready=ready)}
    assert words(told(seen(service(), template(), **parts)), "runtime") == expected


def test_an_inference_service_of_somebody_else_is_none() -> None:
    world = seen(service(), template(), runtime=isvc("other-uid", ready=True))
    assert words(told(world), "runtime")[0] == "none"


@pytest.mark.parametrize(
    ("routing", "route", "expected"),
    [
        pytest.param({"enabled": False}, {}, [], id="off"),
        pytest.param(
            {"enabled": True, "gatewayRef": GATEWAY},
            {"route": http_route(accepted="True")},
            [("/ml/chat-uid", "on Gateway ml/gw", "Ready")],
            id="accepted",
        ),
        pytest.param(
            {"enabled": True, "gatewayRef": GATEWAY, "routeTemplate": "{"},
            {},
            [("none", "on Gateway ml/gw", "not Ready")],
            id="invalid",
        ),
        pytest.param({"enabled": True}, {}, [("none", "there is no gateway", "not Ready")], id="no gateway"),
    ],
)
def test_the_route(routing: dict[str, Any], route: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    world = seen(service(routing=routing), template(), runtime=isvc(ready=True), **route)
    facts = [(one.value, one.why, one.state) for one in told(world).facts if one.name == "route"]
    assert facts == expected


def test_gpu_models_are_told_with_what_asks_for_them() -> None:
    world = seen(
        service(overrides={"gpuSelector": {"model": "Instinct MI210"}}),
        template("a"),
        cluster_template("b", gpuSelector={"model": "mi355x"}),
        inventory=inventory(),
    )
    assert [(gpu.model, gpu.nodes, gpu.count, gpu.wanted_by) for gpu in told(world, gpus=("MI300X", "MI100")).gpus] == [
        ("MI100", 1, 8, ()),
        ("MI210", 0, 0, ("spec.overrides",)),
        ("MI300X", 1, 8, ('AIMServiceTemplate "ml/a"',)),
        ("MI355X", 0, 0, ('AIMClusterServiceTemplate "b"',)),
    ]
