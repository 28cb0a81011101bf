"""Events are told once per transition or change, and never again for the same."""

from dataclasses import replace
from typing import Any

import pytest

from aimctrl.aim.resolution import DefaultNotFound
from aimctrl.aim.service.decide import decide
from aimctrl.aim.service.observed import Observed
from aimctrl.kube.lookup import Missing
from aimctrl.runtime.plan import Plan
from unit.aim.service.samples import after, cluster_template, config, seen, service, template

BROKEN = {"routing": {"enabled": True, "gatewayRef": {"name": "g"}, "routeTemplate": "/{.none}"}}
NO_TEMPLATE = {"templateRef": "gone"}


def events(plan: Plan) -> list[str]:
    return [f"{note.type[0]} {note.reason}" for note in plan.notes]


def then(world: Observed, **parts: Any) -> Observed:
    """The next look, after the status of this one was written."""
    return after(decide(world), world, **parts)


def bare(subject: Any = None, *templates: Any, **parts: Any) -> Observed:
    """A service without a template, with a runtime config: nothing to tell but what the test is about."""
    return seen(subject or service(**NO_TEMPLATE), *templates, **{"config": config(), **parts})


FIRST: dict[str, tuple[Observed, list[str]]] = {
    "a runtime config": (bare(), ["N RuntimeConfigResolved"]),
    "no runtime config": (bare(config=DefaultNotFound()), ["W DefaultRuntimeConfigNotFound"]),
    "a named runtime config missing": (bare(config=Missing('AIMRuntimeConfig "x"')), ["W RuntimeConfigMissing"]),
    "a template": (bare(service(), template()), ["N RuntimeConfigResolved", "N TemplateResolved"]),
    "a template to derive": (
        bare(service(templateRef="fast", overrides={"precision": "fp8"}), template()),
        ["N RuntimeConfigResolved", "N TemplateResolved"],
    ),
    "a broken route template": (
        bare(service(**NO_TEMPLATE, **BROKEN)), ["N RuntimeConfigResolved", "W RouteTemplateInvalid"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("world", "expected"), FIRST.values(), ids=list(FIRST))
def test_the_first_look_tells_and_the_second_does_not(world: Observed, expected: list[str]) -> None:
    assert events(decide(world)) == expected
    assert events(decide(then(world))) == []


def moved(before: Observed, **parts: Any) -> list[str]:
    return events(decide(then(before, **parts)))


def test_another_runtime_config_is_told() -> None:
    assert moved(bare(), config=config("other", uid="o")) == ["N RuntimeConfigResolved"]
    assert moved(bare(), config=config(uid="made anew")) == ["N RuntimeConfigResolved"]


def test_another_content_of_the_same_runtime_config_is_not_told() -> None:
    assert moved(bare(), config=config(env=[{"name": "A", "value": "1"}])) == []


def test_a_runtime_config_that_goes_is_told_as_what_it_leaves() -> None:
    assert moved(bare(), config=DefaultNotFound()) == ["W DefaultRuntimeConfigNotFound"]
    assert moved(bare(), config=Missing("x")) == ["W RuntimeConfigMissing"]


def test_going_without_one_where_a_named_one_was_missing_is_told() -> None:
    assert moved(bare(config=Missing("x")), config=DefaultNotFound()) == ["W DefaultRuntimeConfigNotFound"]


def test_another_missing_runtime_config_is_told() -> None:
    assert moved(bare(config=Missing("x")), config=Missing("y")) == ["W RuntimeConfigMissing"]


def test_a_runtime_config_that_comes_back_is_told() -> None:
    assert moved(bare(config=Missing("x")), config=config()) == ["N RuntimeConfigResolved"]


def test_another_template_is_told() -> None:
    before = bare(service(), template("a"))
    assert moved(before, templates=(template("b"),)) == ["N TemplateResolved"]
    assert moved(before, templates=(template("a", uid="made anew"),)) == ["N TemplateResolved"]
    assert moved(before, templates=(cluster_template("a"),)) == ["N TemplateResolved"]


def test_a_template_that_becomes_unready_is_not_told() -> None:
    before = bare(service(templateRef="a"), template("a"))
    assert moved(before, templates=(template("a", state="Failed"),)) == []


def test_a_derived_template_is_told_when_it_is_decided_on_and_not_when_it_is_there() -> None:
    subject = service(templateRef="fast", overrides={"precision": "fp8"})
    before = bare(subject, template())
    plan = decide(before)
    assert plan.status is not None
    name = plan.status["resolvedTemplate"]["name"]
    there = template(name, state="Pending", made_for={"precision": "fp8"}, precision="fp8")
    assert moved(before, templates=(template(), there)) == []


def test_another_fault_of_the_route_template_is_told() -> None:
    before = bare(service(**NO_TEMPLATE, **BROKEN))
    spec = {**BROKEN["routing"], "routeTemplate": "/{.other}"}
    subject = service(**NO_TEMPLATE, routing=spec, status=decide(before).status)
    assert events(decide(replace(before, service=subject))) == ["W RouteTemplateInvalid"]


def test_a_route_template_that_is_mended_and_breaks_again_is_told_again() -> None:
    broken = bare(service(**NO_TEMPLATE, **BROKEN))
    mended = service(**NO_TEMPLATE, status=decide(broken).status)
    fine = replace(broken, service=mended)
    assert events(decide(fine)) == []
    again = service(**NO_TEMPLATE, **BROKEN, status=decide(fine).status)
    assert events(decide(replace(broken, service=again))) == ["W RouteTemplateInvalid"]
