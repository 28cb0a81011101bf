"""Which template a service runs: named, hinted at, selected, or derived."""

from dataclasses import replace
from typing import Any

import pytest

from aimctrl.aim.service.decide import decide
from aimctrl.aim.service.observed import Observed
from aimctrl.api.config import TemplateSelection
from aimctrl.kube.lookup import Found
from aimctrl.kube.names import canonical_json, short_hash
from unit.aim.service.derivation import DERIVED, THROUGHPUT, derived, overriding, resolved
from unit.aim.service.samples import (
    after,
    cluster_template,
    config,
    kinds,
    model,
    said,
    seen,
    service,
    template,
    told,
)

HINT = {"model": Found(model(defaultServiceTemplate="hint"))}


CHOICES: dict[str, tuple[Observed, str]] = {
    "the one named": (seen(service(templateRef="b"), template("a"), template("b")), "N/b"),
    "the one named, of the namespace first": (
        seen(service(templateRef="fast"), cluster_template(hidden=True, metric="throughput"), template()), "N/fast",
    ),
    "the one named, of the cluster": (seen(service(templateRef="fast"), cluster_template()), "C/fast"),
    "the one named, Ready or not": (seen(service(templateRef="b"), template("a"), template("b", state="Failed")), "N/b"),
    "the one named, unoptimized or not": (
        seen(service(templateRef="a", template={"allowUnoptimized": False}), template("a", profile={"type": "preview"})),
        "N/a",
    ),
    "the model's default": (seen(service(), template("a"), template("hint"), **HINT), "N/hint"),
    "the model's default, of the namespace first": (
        seen(service(), template("hint"), cluster_template("hint", hidden=True), **HINT), "N/hint",
    ),
    "the model's default, Ready or not": (
        seen(service(), template("a"), template("hint", state="Pending"), **HINT), "N/hint",
    ),
    "a default that is not there is no more than a hint": (seen(service(), template("a"), **HINT), "N/a"),
    "a default of another model is no more than a hint": (
        seen(service(), template("a"), template("hint", model_uid="other"), **HINT), "N/a",
    ),
    "a default that is not allowed is no more than a hint": (
        seen(
            service(template={"allowUnoptimized": False}), template("a"), template("hint", profile={"type": "preview"}),
            **HINT,
        ),
        "N/a",
    ),
    "a default with the overrides": (
        seen(overriding(), template("a", metric="throughput"), template("hint", metric="throughput"), **HINT), "N/hint",
    ),
    "a single match is used as it is": (
        seen(overriding(), template("a", metric="throughput"), template("hint"), **HINT), "N/a",
    ),
    "overrides that are the base's values derive nothing": (
        seen(overriding({"metric": "latency", "gpuSelector": {"count": 1}}, templateRef="fast"), template()), "N/fast",
    ),
    "overrides that say nothing derive nothing": (
        seen(overriding({"gpuSelector": {}}, templateRef="fast"), template()), "N/fast",
    ),
    "an equal template that somebody wrote": (
        seen(overriding(templateRef="fast"), template(), template("other", metric="throughput")), "N/other",
    ),
    "an equal template of the cluster": (
        seen(overriding(templateRef="fast"), template(), cluster_template("other", metric="throughput")), "C/other",
    ),
    "an equal of the namespace before one of the cluster": (
        seen(
            overriding(templateRef="fast"), template(), cluster_template("a", metric="throughput"),
            template("b", metric="throughput"),
        ),
        "N/b",
    ),
    "an equal that KServe would not run is none": (
        seen(overriding(templateRef="fast"), template(), cluster_template("other", metric="throughput", hidden=True)),
        f"N/{DERIVED}",
    ),
    "an equal need not be Ready": (
        seen(overriding(templateRef="fast"), template(), template("other", state="Failed", metric="throughput")), "N/other",
    ),
    "one with a profile of its own is no equal": (
        seen(overriding(templateRef="fast"), template(), template("other", metric="throughput", profileId="p")),
        f"N/{DERIVED}",
    ),
    "the base need not be Ready": (
        seen(overriding(templateRef="fast"), template(state="Failed")), f"N/{DERIVED}",
    ),
    "without a match the base is what selection gives": (
        seen(overriding(), template(), template("b", state="Failed", precision="fp8")), f"N/{DERIVED}",
    ),
    "without a match the base is the model's default": (
        seen(overriding(), template("a"), template("hint"), **HINT),
        f"N/hint-ovr-{short_hash(canonical_json(THROUGHPUT))}",
    ),
    "a single base need not be Ready": (seen(overriding(), template(state="NotAvailable")), f"N/{DERIVED}"),
    "of several that are not Ready none is a base": (
        seen(overriding(), template("a", state="Pending"), template("b", state="Pending", precision="fp8")), "-",
    ),
    "an ambiguous base": (seen(overriding(), template("a"), template("b", precision="fp8")), "-"),
    "a match that is not Ready is waited for": (
        seen(overriding(), template(), template("b", state="Progressing", metric="throughput")), "-",
    ),
    "what others derived with the same overrides is a candidate": (
        seen(overriding(), template("a"), template("b", precision="fp8"), derived("x-ovr-1", owners=("other",))), "N/x-ovr-1",
    ),
    "of several derived ones that of the base": (
        seen(overriding(), template(), derived("x-ovr-1", owners=("o",), precision="fp8"), derived(owners=("o",))),
        f"N/{DERIVED}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("world", "expected"), CHOICES.values(), ids=list(CHOICES))
def test_the_template_is(world: Observed, expected: str) -> None:
    assert resolved(decide(world)) == expected


@pytest.mark.parametrize("state", ["Pending", "Progressing", "NotAvailable", "Degraded", "Failed"])
def test_a_derived_template_is_kept_in_any_state_though_its_base_is_in_doubt_now(state: str) -> None:
    mine = {"resolvedTemplate": {"name": DERIVED, "namespace": "ml", "uid": f"Namespace-{DERIVED}-uid"}}
    world = seen(overriding(status=mine), template("a"), template("b", precision="fp8"), derived(state=state))
    plan = decide(world)
    assert resolved(plan) == f"N/{DERIVED}"
    assert said(plan, "Resolved") == ("True", "Resolved")


def test_a_template_in_use_stays_while_it_is_ready_and_matches() -> None:
    first = seen(service(), template("a"))
    plan = decide(first)
    second = after(plan, first, templates=(template("a"), template("b", precision="fp8")))
    assert resolved(decide(second)) == "N/a"
    third = replace(second, templates=(template("a", state="Failed"), template("b", precision="fp8")))
    assert resolved(decide(third)) == "N/b"


@pytest.mark.parametrize(
    ("default", "configured", "expected"),
    [
        ("Strict", None, "-"),
        ("Preferred", None, "N/a"),
        ("Strict", "Preferred", "N/a"),
        ("Preferred", "Strict", "-"),
    ],
)
def test_the_runtime_config_outranks_the_operators_way_of_selection(
    default: str, configured: str | None, expected: str
) -> None:
    spec = {"templateSelection": configured} if configured else {}
    templates = (template("a"), cluster_template("b", precision="fp8"))
    plan = decide(seen(service(), *templates, selection=TemplateSelection(default), config=config(**spec)))
    assert resolved(plan) == expected


def test_the_choice_is_reported_where_there_was_one() -> None:
    selected, named = (
        decide(seen(service(), template())),
        decide(seen(service(templateRef="fast"), template())),
    )
    assert selected.status is not None
    assert named.status is not None
    told_ = selected.status["templateMatching"]["candidates"]
    assert told_ == [{"name": "fast", "scope": "Namespace", "status": "chosen", "reason": "OnlyMatch"}]
    assert "templateMatching" not in named.status


def report(world: Observed) -> list[tuple[str, str, str]]:
    """Of each candidate of the plan's report the name, its status and the reason."""
    status = decide(world).status
    assert status is not None
    return [(c["name"], c["status"], c["reason"]) for c in status["templateMatching"]["candidates"]]


def test_the_report_says_what_the_overrides_made_of_the_base_from_the_first_look_on() -> None:
    dropped = ("fast", "dropped", "OverridesMismatch")
    assert report(seen(overriding(), template())) == [dropped]
    assert report(seen(overriding(), template(), derived(state="Pending"))) == [
        dropped,
        (DERIVED, "chosen", "BaseWithOverrides"),
    ]
    assert report(seen(overriding(), template(), derived())) == [dropped, (DERIVED, "chosen", "OnlyMatch")]


BARRED = {"profile": {"type": "unoptimized"}}


@pytest.mark.parametrize(
    "bases",
    [(template(),), (template("a"), template("b", precision="fp8"))],
    ids=["its base is there", "its base is in doubt"],
)
def test_a_derived_template_that_turns_out_unoptimized_is_not_run_where_that_is_not_allowed(bases: Any) -> None:
    mine = {"resolvedTemplate": {"name": DERIVED, "namespace": "ml", "uid": f"Namespace-{DERIVED}-uid"}}
    subject = overriding(template={"allowUnoptimized": False}, status=mine)
    world = seen(subject, *bases, derived(**BARRED))
    plan = decide(world)
    assert said(plan, "Resolved") == ("False", "TemplateNotFound" if len(bases) == 1 else "TemplateSelectionAmbiguous")
    assert kinds(plan) == [], "it is neither run nor given up"
    assert resolved(decide(replace(world, service=overriding(status=mine)))) == f"N/{DERIVED}"


def test_nothing_is_derived_for_a_model_whose_name_leads_elsewhere() -> None:
    base = cluster_template()
    plan = decide(seen(overriding(templateRef="fast"), base, shadowed=True))
    assert said(plan, "Resolved") == ("False", "TemplateModelMismatch")
    assert "hidden" in told(plan, "Resolved")
    assert kinds(plan) == []
    assert resolved(decide(seen(service(), base, shadowed=True))) == "C/fast"
    equal = cluster_template("other", metric="throughput")
    assert resolved(decide(seen(overriding(templateRef="fast"), base, equal, shadowed=True))) == "C/other"
