"""Every verdict on a candidate is told in words that say what was compared."""

import pytest

from aimctrl.aim.explain.candidate import PLAIN, told
from aimctrl.aim.service.candidates import Candidate
from aimctrl.aim.service.decide import decide
from aimctrl.aim.service.selection import Verdict
from aimctrl.api.service import Overrides
from unit.aim.explain.look import explained
from unit.aim.service.samples import cluster_template, seen, service, template

OWN_WORDS = template("slow", "Progressing", message="discovery is running")


def overrides(**parts: object) -> Overrides:
    return Overrides.model_validate(parts)


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_words(verdict: Verdict) -> None:
    words = told(verdict, template(profile={"type": "preview"}), overrides(metric="throughput"))
    assert len(words.split()) > 2


@pytest.mark.parametrize("verdict", sorted(set(Verdict) - set(PLAIN)))
def test_words_that_depend_on_the_candidate_differ(verdict: Verdict) -> None:
    one = template(profile={"type": "preview"}, message="a")
    other = template(profile={"type": "unoptimized"}, message="b", metric="throughput", gpuSelector={"model": "MI210"})
    wish = overrides(metric="throughput", precision="fp8")
    assert told(verdict, one, wish) != told(verdict, other, wish)


@pytest.mark.parametrize(
    ("candidate", "wish", "expected"),
    [
        pytest.param(template(), {"metric": "throughput"}, "metric throughput, it has latency", id="metric"),
        pytest.param(template(metric=None), {"metric": "throughput"}, "metric throughput, it has none", id="unset"),
        pytest.param(
            template(),
            {"precision": "fp8", "gpuSelector": {"count": 4, "model": "MI355X", "resourceName": "x/y"}},
            "precision fp8, it has fp16; GPU MI355X, it has MI300X; GPU count 4, it has 1; "
            "GPU resource x/y, it has none",
            id="all the others",
        ),
        pytest.param(
            template(),
            {"precision": "fp8", "gpuSelector": {"model": "Instinct MI300X"}},
            "precision fp8, it has fp16",
            id="another spelling of the same GPU",
        ),
    ],
)
def test_overrides_that_it_does_not_have_are_named(
    candidate: Candidate, wish: dict[str, object], expected: str
) -> None:
    assert told(Verdict.OVERRIDES, candidate, overrides(**wish)) == f"spec.overrides ask for {expected}"


@pytest.mark.parametrize(
    ("candidate", "verdict", "expected"),
    [
        pytest.param(OWN_WORDS, Verdict.NOT_READY, "R: discovery is running", id="its own words"),
        pytest.param(template("new", "Pending"), Verdict.NOT_READY, "it is Pending", id="it has said nothing"),
        pytest.param(template(), Verdict.NOT_AVAILABLE, "no node has the GPU MI300X", id="its GPU"),
        pytest.param(
            template(gpuSelector=None, profile={"gpu": "MI210"}),
            Verdict.NOT_AVAILABLE,
            "no node has the GPU MI210",
            id="the GPU of its profile",
        ),
        pytest.param(
            template(profile={"type": "preview"}),
            Verdict.UNOPTIMIZED,
            "its profile is of type preview, which spec.template.allowUnoptimized: false rules out",
            id="its type",
        ),
    ],
)
def test_it_is_told_what_it_lacks(candidate: Candidate, verdict: Verdict, expected: str) -> None:
    assert told(verdict, candidate, None) == expected


def test_candidates_are_told_with_their_state_and_scope() -> None:
    world = seen(service(), template("a"), cluster_template("b", "NotAvailable", precision="fp8"))
    lines = explained(world, decide(world)).candidates
    assert lines is not None
    assert [(line.kind, line.namespace, line.name, line.state, line.chosen, line.reason) for line in lines] == [
        ("AIMServiceTemplate", "ml", "a", "Ready", True, "OnlyMatch"),
        ("AIMClusterServiceTemplate", "", "b", "NotAvailable", False, "GPUNotAvailable"),
    ]


def test_a_candidate_that_is_not_ready_says_what_to_do_and_what_to_type() -> None:
    world = seen(service(), template("a", "Degraded", message="no such tag"), template("b", precision="fp8"))
    lines = explained(world, decide(world)).candidates
    assert lines is not None
    broken, chosen = lines
    assert broken.trouble is not None
    assert (broken.trouble.message, broken.see) == ("no such tag", "aimctrl explain template ml/a")
    assert (chosen.trouble, chosen.see) == (None, "")


def test_without_a_selection_there_are_no_candidates() -> None:
    world = seen(service(templateRef="a"), template("a"))
    assert explained(world, decide(world)).candidates is None


def test_a_former_report_may_speak_of_what_is_gone() -> None:
    candidates = [
        {"name": "gone", "scope": "Cluster", "status": "dropped", "reason": "Ambiguous"},
        {"name": "a", "scope": "Namespace", "status": "dropped", "reason": "FromAnotherVersion"},
    ]
    status = {"templateMatching": {"candidates": candidates}}
    world = seen(service(status=status, deletionTimestamp="2030-01-01T00:00:00Z"), template("a"))
    lines = explained(world, decide(world)).candidates
    assert lines is not None
    assert [(line.name, line.state, line.why) for line in lines] == [
        ("gone", "", "it was so earlier"),
        ("a", "Ready", "it was so earlier"),
    ]
