"""Automatic selection, as tables: who is dropped and why, who is left, and how ties are broken."""

from typing import Any

import pytest

from aimctrl.aim.service.candidates import Candidate
from aimctrl.aim.service.selection import Ambiguous, Chosen, NonePasses, Wish, select
from aimctrl.api.service import Overrides
from unit.aim.service.samples import MODEL_UID, cluster_template, template

THROUGHPUT = {"metric": "throughput"}


def wish(*, overrides: dict[str, Any] | None = None, **parts: Any) -> Wish:
    return Wish(MODEL_UID, overrides=Overrides.model_validate(overrides) if overrides else None, **parts)


def outcome(candidates: tuple[Candidate, ...], wanted: Wish) -> str:
    match select(candidates, wanted):
        case Chosen(candidate):
            return candidate.name
        case Ambiguous(several):
            return " | ".join(candidate.name for candidate in several)
        case NonePasses():
            return "none"


def reasons(candidates: tuple[Candidate, ...], wanted: Wish) -> dict[str, str]:
    """By scope and name, what the report says; the chosen one with a star."""
    told = select(candidates, wanted).matching.candidates
    stars = {"chosen": "*", "dropped": ""}
    return {f"{c.scope.value[0]}/{c.name}": stars[c.status.value] + c.reason for c in told}


CASES: dict[str, tuple[tuple[Candidate, ...], Wish, str, dict[str, str]]] = {
    "nothing there": ((), wish(), "none", {}),
    "one Ready": ((template(),), wish(), "fast", {"N/fast": "*OnlyMatch"}),
    "one Ready in the cluster": ((cluster_template(),), wish(), "fast", {"C/fast": "*OnlyMatch"}),
    "another model's is no candidate": (
        (template("a", model_uid="other"), template("b")), wish(), "b", {"N/b": "*OnlyMatch"},
    ),
    "a model that is not there": ((template(model_uid=""),), wish(), "none", {}),
    "Pending": ((template(state="Pending"),), wish(), "none", {"N/fast": "TemplateNotReady"}),
    "Progressing": ((template(state="Progressing"),), wish(), "none", {"N/fast": "TemplateNotReady"}),
    "never looked at": ((template(state=""),), wish(), "none", {"N/fast": "TemplateNotReady"}),
    "NotAvailable": ((template(state="NotAvailable"),), wish(), "none", {"N/fast": "GPUNotAvailable"}),
    "Ready without its GPU": ((template(gpu_here=False),), wish(), "none", {"N/fast": "GPUNotAvailable"}),
    "Degraded": ((template(state="Degraded"),), wish(), "none", {"N/fast": "TemplateDegraded"}),
    "Failed": ((template(state="Failed"),), wish(), "none", {"N/fast": "TemplateFailed"}),
    "Failed, and its GPU is gone": (
        (template(state="Failed", gpu_here=False),), wish(), "none", {"N/fast": "TemplateFailed"},
    ),
    "one Ready among others": (
        (template("a"), template("b", state="Failed"), cluster_template("c", state="Pending", metric="throughput")), wish(),
        "a", {"N/a": "*OnlyMatch", "N/b": "TemplateFailed", "C/c": "TemplateNotReady"},
    ),
    "two Ready": (
        (template("b"), template("a")), wish(), "a | b", {"N/a": "Ambiguous", "N/b": "Ambiguous"},
    ),
    "one of each scope": (
        (template("a"), cluster_template("b", precision="fp8")), wish(), "a | b", {"N/a": "Ambiguous", "C/b": "Ambiguous"},
    ),
    "a namespace template hides its namesake": (
        (template(), cluster_template(hidden=True, precision="fp8")), wish(),
        "fast", {"N/fast": "*OnlyMatch", "C/fast": "HiddenByNamespaceTemplate"},
    ),
    "another model's namespace template hides its namesake, too": (
        (cluster_template(hidden=True),), wish(), "none", {"C/fast": "HiddenByNamespaceTemplate"},
    ),
    "a namespace template hides its equal": (
        (template("a"), cluster_template("b")), wish(),
        "a", {"N/a": "*OnlyMatch", "C/b": "HiddenByNamespaceTemplate"},
    ),
    "an equal that names the model in older words": (
        (template("a", modelName=None, aimImageName="llama"), cluster_template("b")), wish(),
        "a", {"N/a": "*OnlyMatch", "C/b": "HiddenByNamespaceTemplate"},
    ),
    "an equal that is not Ready hides all the same": (
        (template("a", state="Failed"), cluster_template("b")), wish(),
        "none", {"N/a": "TemplateFailed", "C/b": "HiddenByNamespaceTemplate"},
    ),
    "one with a cache is no equal": (
        (template("a", caching={"enabled": True}), cluster_template("b")), wish(), "a | b",
        {"N/a": "Ambiguous", "C/b": "Ambiguous"},
    ),
    "a derived template hides only by name": (
        (template("a", made_for=THROUGHPUT), cluster_template("b")), wish(),
        "b", {"N/a": "DerivedForOtherOverrides", "C/b": "*OnlyMatch"},
    ),
    "metric overridden": (
        (template("a"), template("b", metric="throughput")), wish(overrides=THROUGHPUT),
        "b", {"N/a": "OverridesMismatch", "N/b": "*OnlyMatch"},
    ),
    "precision overridden": (
        (template("a"), template("b", precision="fp8")), wish(overrides={"precision": "fp8"}),
        "b", {"N/a": "OverridesMismatch", "N/b": "*OnlyMatch"},
    ),
    "GPU count overridden": (
        (template("a"), template("b", gpuSelector={"count": 2, "model": "MI300X"})),
        wish(overrides={"gpuSelector": {"count": 2}}), "b", {"N/a": "OverridesMismatch", "N/b": "*OnlyMatch"},
    ),
    "GPU model overridden, in another spelling": (
        (template("a"), template("b", gpuSelector={"model": "MI325X"})),
        wish(overrides={"gpuSelector": {"model": "AMD Instinct MI300X"}}),
        "a", {"N/a": "*OnlyMatch", "N/b": "OverridesMismatch"},
    ),
    "resource name overridden": (
        (template("a"), template("b", gpuSelector={"resourceName": "amd.com/cpx"})),
        wish(overrides={"gpuSelector": {"resourceName": "amd.com/cpx"}}),
        "b", {"N/a": "OverridesMismatch", "N/b": "*OnlyMatch"},
    ),
    "what a template leaves open is not what the overrides say": (
        (template(metric=None, profile={"metric": "throughput"}),), wish(overrides=THROUGHPUT),
        "none", {"N/fast": "OverridesMismatch"},
    ),
    "overrides mismatch outranks Failed": (
        (template(state="Failed"),), wish(overrides=THROUGHPUT), "none", {"N/fast": "OverridesMismatch"},
    ),
    "a derived template, without overrides": (
        (template("a", made_for=THROUGHPUT, metric="throughput"),), wish(), "none", {"N/a": "DerivedForOtherOverrides"},
    ),
    "a derived template, with its overrides": (
        (template("a", made_for=THROUGHPUT, metric="throughput"),), wish(overrides=THROUGHPUT), "a", {"N/a": "*OnlyMatch"},
    ),
    "a derived template, with fewer overrides": (
        (template("a", made_for=THROUGHPUT | {"precision": "fp16"}, metric="throughput"),), wish(overrides=THROUGHPUT),
        "none", {"N/a": "DerivedForOtherOverrides"},
    ),
    "a derived template gives way to a written one": (
        (template("a", made_for=THROUGHPUT, metric="throughput"), template("b", metric="throughput")),
        wish(overrides=THROUGHPUT), "b", {"N/a": "NotPreferred", "N/b": "*OnlyMatch"},
    ),
    "unoptimized is fine unless said otherwise": (
        (template(profile={"type": "unoptimized"}),), wish(), "fast", {"N/fast": "*OnlyMatch"},
    ),
    "unoptimized not allowed": (
        (template("a", profile={"type": "unoptimized"}), template("b", profile={"type": "preview"}),
         template("c", profile={"type": "optimized"})),
        wish(allow_unoptimized=False), "c", {"N/a": "Unoptimized", "N/b": "Unoptimized", "N/c": "*OnlyMatch"},
    ),
    "a profile that is not known yet is not barred": (
        (template(state="Progressing"),), wish(allow_unoptimized=False), "none", {"N/fast": "TemplateNotReady"},
    ),
    "the one in use stays": (
        (template("a"), template("b")), wish(current="Namespace-b-uid"), "b", {"N/a": "AnotherIsInUse", "N/b": "*InUse"},
    ),
    "the one in use stays, though another is preferred": (
        (template("a", profile={"type": "optimized"}), template("b")),
        wish(current="Namespace-b-uid", preferred=True), "b", {"N/a": "AnotherIsInUse", "N/b": "*InUse"},
    ),
    "the one in use that was preferred, and still is": (
        (template("a", precision="fp8"), template("b")), wish(current="Namespace-a-uid", preferred=True), "a",
        {"N/a": "*Preferred", "N/b": "NotPreferred"},
    ),
    "the one in use, and one that ranks as high": (
        (template("a"), template("b"), template("c", metric="throughput")),
        wish(current="Namespace-b-uid", preferred=True), "b",
        {"N/a": "AnotherIsInUse", "N/b": "*InUse", "N/c": "AnotherIsInUse"},
    ),
    "the one in use that somebody wrote, beside a derived one": (
        (template("a", made_for=THROUGHPUT, metric="throughput"), template("b", metric="throughput")),
        wish(current="Namespace-b-uid", overrides=THROUGHPUT), "b", {"N/a": "NotPreferred", "N/b": "*OnlyMatch"},
    ),
    "the one in use is not Ready any more": (
        (template("a"), template("b", state="NotAvailable")), wish(current="Namespace-b-uid"),
        "a", {"N/a": "*OnlyMatch", "N/b": "GPUNotAvailable"},
    ),
    "the one in use does not match any more": (
        (template("a", metric="throughput"), template("b")), wish(current="Namespace-b-uid", overrides=THROUGHPUT),
        "a", {"N/a": "*OnlyMatch", "N/b": "OverridesMismatch"},
    ),
    "another one of the name of the one in use": (
        (template("a"), template("b", uid="new")), wish(current="Namespace-b-uid"), "a | b",
        {"N/a": "Ambiguous", "N/b": "Ambiguous"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("candidates", "wanted", "chosen", "told"), CASES.values(), ids=list(CASES))
def test_selection(candidates: tuple[Candidate, ...], wanted: Wish, chosen: str, told: dict[str, str]) -> None:
    assert outcome(candidates, wanted) == chosen
    assert reasons(candidates, wanted) == told
    assert select(candidates[::-1], wanted) == select(candidates, wanted)


def gpu(model: str) -> dict[str, Any]:
    return {"count": 1, "model": model}


PREFERENCES: dict[str, tuple[Candidate, Candidate]] = {
    "namespace before all else": (
        template("z", profile={"type": "unoptimized"}, gpuSelector=gpu("A100"), metric="throughput", precision="fp32"),
        cluster_template("a", profile={"type": "optimized"}, gpuSelector=gpu("MI355X"), precision="fp8"),
    ),
    "optimized before preview": (template("z", profile={"type": "optimized"}), template("a", profile={"type": "preview"})),
    "preview before unoptimized": (
        template("z", profile={"type": "preview"}), template("a", profile={"type": "unoptimized"}),
    ),
    "unoptimized before unknown": (template("z", profile={"type": "unoptimized"}), template("a")),
    "type before GPU": (
        template("z", profile={"type": "optimized"}, gpuSelector=gpu("MI210")),
        template("a", profile={"type": "preview"}, gpuSelector=gpu("MI355X")),
    ),
    **{
        f"{better} before {worse}": (template("z", gpuSelector=gpu(better)), template("a", gpuSelector=gpu(worse)))
        for better, worse in [
            ("MI355X", "MI350X"), ("MI350X", "MI325X"), ("MI325X", "MI300X"), ("MI300X", "MI250X"),
            ("MI250X", "MI210"), ("MI210", "H100"), ("H100", "A100"), ("NVIDIA-A100-SXM4-80GB", "L40S"),
        ]
    },
    "GPU before metric": (
        template("z", gpuSelector=gpu("MI325X"), metric="throughput"), template("a", gpuSelector=gpu("MI300X")),
    ),
    "the profile's GPU where the selector names none": (
        template("z", gpuSelector={"count": 1}, profile={"gpu": "MI325X"}), template("a"),
    ),
    "latency before throughput": (template("z"), template("a", metric="throughput")),
    "metric before precision": (template("z"), template("a", metric="throughput", precision="fp8")),
    "fp8 before fp16": (template("z", precision="fp8"), template("a")),
    "fp16 before bf16": (template("z"), template("a", precision="bf16")),
    "bf16 before fp32": (template("z", precision="bf16"), template("a", precision="fp32")),
    "fp32 before others": (template("z", precision="fp32"), template("a", precision="int4")),
}  # fmt: skip


@pytest.mark.parametrize(("better", "worse"), PREFERENCES.values(), ids=list(PREFERENCES))
def test_ties_are_broken_by_preference_where_that_is_asked_for(better: Candidate, worse: Candidate) -> None:
    assert outcome((worse, better), wish(preferred=True)) == "z"
    assert outcome((better, worse), wish(preferred=False)) == "a | z"
    assert sorted(reasons((better, worse), wish(preferred=True)).values()) == ["*Preferred", "NotPreferred"]


@pytest.mark.parametrize("preferred", [True, False])
@pytest.mark.parametrize(("better", "worse"), PREFERENCES.values(), ids=list(PREFERENCES))
def test_the_second_look_says_what_the_first_did(better: Candidate, worse: Candidate, preferred: bool) -> None:
    first = select((better, worse), wish(preferred=preferred))
    current = first.candidate.uid if isinstance(first, Chosen) else ""
    assert select((better, worse), wish(preferred=preferred, current=current)) == first


def test_equals_are_ambiguous_even_with_preference() -> None:
    candidates = (template("a"), template("b"), template("c", metric="throughput"))
    assert outcome(candidates, wish(preferred=True)) == "a | b"
    told = reasons(candidates, wish(preferred=True))
    assert told == {"N/a": "Ambiguous", "N/b": "Ambiguous", "N/c": "NotPreferred"}


def test_the_report_is_bounded_and_has_the_chosen_one() -> None:
    many = tuple(template(f"a{number:04}", state="Failed") for number in range(1500))
    told = select((*many, template("z")), wish()).matching.candidates
    assert len(told) == 1024
    assert (told[-1].name, told[-1].status.value) == ("z", "chosen")


@pytest.mark.parametrize(
    "profile",
    [None, {}, {"metadata": None}, {"metadata": []}, {"metadata": {"type": 5, "gpu": None, "gpu_count": True}}],
    ids=["none", "empty", "null", "list", "wrong types"],
)
def test_a_strange_profile_is_one_that_says_nothing(profile: Any) -> None:
    candidate = template()
    status = candidate.template.status.model_copy(update={"profile": profile})
    strange = Candidate(candidate.template.model_copy(update={"status": status}), candidate.scope, MODEL_UID)
    assert outcome((strange,), wish(allow_unoptimized=False, preferred=True)) == "fast"
    assert strange.profile.gpu_count is None


@pytest.mark.parametrize(("said", "count"), [(4, 4), ("4", 4), (0, 0), (-1, None), ("x", None), (1.5, None)])
def test_the_gpu_count_of_a_profile_is_read_as_a_whole_number(said: Any, count: int | None) -> None:
    assert template(profile={"gpu_count": said}).profile.gpu_count == count
