"""An explanation as a tree that can be read from the top."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from aimctrl.aim.explain.explanation import (
    GPU,
    Candidate,
    ConditionLine,
    EventLine,
    Fact,
    ModelTemplate,
    Next,
    NextStep,
    Recorded,
    Trouble,
)
from aimctrl.aim.remedies import Care
from aimctrl.api.reasons import CacheState, ModelState, ServiceState, TemplateState
from aimctrl.render.explanation import state_style, tree
from aimctrl.render.text import Style
from aimctrl.render.tree import Look
from aimctrl.runtime.foresight import Action
from unit.render.samples import FINE, LEAST

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SINCE = NOW - timedelta(minutes=5)
MISSING = Trouble("ModelNotFound", "there is no llama", Care.MEND, "Create it.")
OFF = Trouble("RoutingDisabled", "", Care.NONE, "Switch it on.")
REFUSED = Trouble("RouteFailed", "a webhook", Care.MEND, "Mend the route.")

QUIET = (
    "AIMService ml/chat  Running (Resolved)\n"
    "├─ GPU models\n"
    "│  └─ no node has any\n"
    "└─ What the operator does next\n"
    "   └─ looks again when something it depends on changes\n"
)


def drawn(**parts: Any) -> str:
    return tree(msgspec.structs.replace(LEAST, **parts), NOW, Look())


def section(title: str, **parts: Any) -> list[str]:
    """The lines below a title, without what draws the tree."""
    lines = drawn(**parts).splitlines()
    start = next(number for number, line in enumerate(lines) if line[3:] == title)
    rest = lines[start + 1 :]
    end = next((number for number, line in enumerate(rest) if line[:1] in "├└"), len(rest))
    return [line.lstrip(" │├└─") for line in rest[:end]]


def test_of_what_is_fine_little_is_said() -> None:
    assert drawn() == QUIET


def test_the_verdict_with_its_remedy_comes_first() -> None:
    lines = drawn(status="Degraded", trouble=MISSING).splitlines()
    assert lines[:3] == ["AIMService ml/chat  Degraded (ModelNotFound)", "│  there is no llama", "│  → Create it."]


def test_a_cluster_scoped_object_without_a_status() -> None:
    trouble = Trouble("", "", Care.MEND, "")
    first = drawn(kind="AIMClusterModel", namespace="", status="", trouble=trouble).splitlines()[0]
    assert first == "AIMClusterModel chat  no status"


def test_warnings_come_before_all_else() -> None:
    assert drawn(warnings=("mind the gap",)).splitlines()[1:3] == ["├─ Mind", "│  └─ mind the gap"]


def test_facts_with_reason_state_and_trouble() -> None:
    facts = (
        Fact("runtime config", "none", "the defaults apply"),
        Fact("model", 'AIMModel "llama"', "named", "Failed", MISSING),
        Fact("metadata", "none"),
    )
    assert section("Stands on", facts=facts) == [
        "runtime config: none (the defaults apply)",
        'model: AIMModel "llama", Failed (named)',
        "ModelNotFound: there is no llama",
        "→ Create it.",
        "metadata: none",
    ]


def test_what_a_fact_stands_on_hangs_below_it_and_is_not_said_twice() -> None:
    wrong = Trouble("CacheFailed", "weights failed: no space", Care.MEND, "Look at the parts.")
    volume = Fact("volume", "PVC", trouble=Trouble("StorageFailed", "no space", Care.MEND, "Make room."))
    fine = Fact("volume", "PVC", "bound", "Bound")
    cache = Fact("cache", "C", "asked for", "Failed", wrong, "aimctrl explain templatecache ml/c", (fine, volume))
    assert section("Stands on", facts=(cache,)) == [
        "cache: C, Failed (asked for)",
        "→ aimctrl explain templatecache ml/c",
        "volume: PVC, Bound (bound)",
        "volume: PVC",
        "StorageFailed: no space",
        "→ Make room.",
    ]
    alone = msgspec.structs.replace(cache, parts=(fine,))
    assert section("Stands on", facts=(alone,))[1:4] == [
        "CacheFailed: weights failed: no space",
        "→ Look at the parts.",
        "→ aimctrl explain templatecache ml/c",
    ]


def test_a_hint_is_given_once() -> None:
    twice = (Fact("a", "1", trouble=MISSING), Fact("b", "2", trouble=MISSING))
    assert drawn(facts=twice).count("→ Create it.") == 1
    assert drawn(facts=twice, trouble=MISSING).splitlines()[2] == "│  → Create it."


def test_what_the_cluster_says_comes_before_the_other_warnings() -> None:
    assert section("Mind", recorded=Recorded("Failed", REFUSED), warnings=("mind the gap",)) == [
        "in the cluster: Failed (RouteFailed)",
        "a webhook",
        "→ Mend the route.",
        "mind the gap",
    ]


STUCK = Trouble("ImageNotFound", "no such tag", Care.MEND, "Correct it.")


def test_what_to_do_about_a_candidate_is_told_where_none_is_chosen() -> None:
    broken = Candidate(
        "AIMServiceTemplate", "ml", "a", "Degraded", chosen=False, reason="TemplateDegraded", why="junk",
        trouble=STUCK, see="aimctrl explain template ml/a",
    )  # fmt: skip
    chosen = Candidate("AIMServiceTemplate", "ml", "b", "Ready", chosen=True, reason="OnlyMatch", why="fits")
    hints = ["→ Correct it.", "→ aimctrl explain template ml/a"]
    assert section("Candidates", candidates=(broken,))[1:] == hints
    assert len(section("Candidates", candidates=(broken, chosen))) == 2


def test_what_to_do_about_a_template_is_told_where_the_model_is_not_ready() -> None:
    one = ModelTemplate(
        "AIMServiceTemplate", "ml", "a", "Failed", "R", "m", "Correct it.", "aimctrl explain template a"
    )
    hints = ["→ Correct it.", "→ aimctrl explain template a"]
    assert section("Templates", templates=(one,), status="Failed")[1:] == hints
    assert section("Templates", templates=(one,), status="Ready")[1:] == []


def test_candidates_and_what_became_of_them() -> None:
    candidates = (
        Candidate(
            "AIMServiceTemplate", "ml", "a", "Ready", chosen=True, reason="OnlyMatch", why="the only one that fits"
        ),
        Candidate("AIMClusterServiceTemplate", "", "b", "Failed", chosen=False, reason="TemplateFailed", why="junk"),
    )
    assert section("Candidates", candidates=candidates) == [
        "✓ AIMServiceTemplate ml/a Ready (OnlyMatch: the only one that fits)",
        "✗ AIMClusterServiceTemplate b Failed (TemplateFailed: junk)",
    ]


def test_that_there_are_no_candidates_is_said_where_there_should_be_some() -> None:
    assert section("Candidates", candidates=()) == [
        "no template names this model, neither in the namespace nor in the cluster"
    ]
    assert "Candidates" not in drawn(candidates=None)


def test_templates_of_a_model() -> None:
    templates = (
        ModelTemplate("AIMServiceTemplate", "ml", "a", "NotAvailable", "GPUNotAvailable", "no node"),
        ModelTemplate("AIMServiceTemplate", "ml", "b", "Ready", "InlineModelSources", ""),
        ModelTemplate("AIMServiceTemplate", "ml", "c", "Pending", "", ""),
    )
    assert section("Templates", templates=templates) == [
        "AIMServiceTemplate ml/a NotAvailable (GPUNotAvailable: no node)",
        "AIMServiceTemplate ml/b Ready (InlineModelSources)",
        "AIMServiceTemplate ml/c Pending",
    ]


def test_gpu_models() -> None:
    gpus = (GPU("MI210", 0, 0, ("a", "b")), GPU("MI300X", 1, 8, ()), GPU("MI355X", 2, 16, ("c",)))
    assert section("GPU models", gpus=gpus) == [
        "MI210: no node has it, wanted by a, b",
        "MI300X: 8 on 1 node",
        "MI355X: 16 on 2 nodes, wanted by c",
    ]
    assert "GPU models" not in drawn(gpus=None)


def line(kind: str, trouble: Trouble = MISSING, status: str = "False", **parts: Any) -> ConditionLine:
    return ConditionLine(kind, status, parts.pop("holds", False), trouble, SINCE, **parts)


CONDITIONS = "Conditions that do not hold"


def test_conditions_of_one_reason_are_told_once_and_not_what_the_title_says() -> None:
    lines = (
        line("RoutingReady", OFF),
        line("Resolved"),
        line("RuntimeReady", msgspec.structs.replace(MISSING, message="also"), "Unknown"),
        line("Failure", status="True"),
        line("CacheReady", FINE, "True", holds=True),
    )
    assert section(CONDITIONS, conditions=lines, trouble=MISSING) == [
        "Resolved=False, RuntimeReady=Unknown, Failure=True  ModelNotFound for 5m",
        "also",
        "RoutingReady=False  RoutingDisabled for 5m",
        "→ Switch it on.",
    ]
    assert section(CONDITIONS, conditions=lines[1:2]) == [
        "Resolved=False  ModelNotFound for 5m",
        "there is no llama",
        "→ Create it.",
    ]


def test_what_the_cluster_says_instead_is_told_with_its_remedy() -> None:
    other = Recorded("False", REFUSED)
    lines = (line("RoutingReady", FINE, "True", holds=True, recorded=other), line("Ready", recorded=other))
    assert section(CONDITIONS, conditions=lines) == [
        "RoutingReady=True  Resolved for 5m",
        "in the cluster: RoutingReady=False  RouteFailed",
        "a webhook",
        "→ Mend the route.",
        "Ready=False  ModelNotFound for 5m",
        "there is no llama",
        "→ Create it.",
        "in the cluster: Ready=False  RouteFailed",
        "a webhook",
    ]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action.CREATE, "creates Job ml/j (why)"),
        (Action.APPLY, "applies Job ml/j (why)"),
        (Action.KEEP, "leaves as it is Job ml/j (why)"),
        (Action.REMOVE, "removes Job ml/j (why)"),
        (Action.WAIT, "waits with Job ml/j (why)"),
        (Action.REFUSED, "cannot have Job ml/j (why)"),
        (Action.UNKNOWN, "does something unknown about Job ml/j (why)"),
    ],
)
def test_what_is_done_next(action: Action, expected: str) -> None:
    told = Next((NextStep(action, "Job", "ml", "j", "why"),), writes_status=True, seconds=30.0)
    assert section("What the operator does next", next=told) == [
        expected,
        "writes the status Running",
        "looks again when something it depends on changes, and in 30 s in any case",
    ]


def test_every_action_has_words() -> None:
    steps = [NextStep(action, "", "", "") for action in Action]
    words = {drawn(next=Next((step,), writes_status=False, seconds=None)) for step in steps}
    assert len(words) == len(Action)


def test_events() -> None:
    events = (
        EventLine(SINCE, "Normal", "TemplateResolved", "runs it", 1),
        EventLine(SINCE, "Warning", "RouteTemplateInvalid", "no", 3),
        EventLine(None, "Normal", "Old", "", 1),
    )
    assert section("Recent events", events=events) == [
        "5m ago  TemplateResolved  runs it",
        "5m ago  Warning RouteTemplateInvalid  no (3 times)",
        "Old",
    ]


def test_colour_and_width_are_as_asked() -> None:
    coloured = tree(msgspec.structs.replace(LEAST, status="Failed", trouble=MISSING), NOW, Look(colour=True))
    assert "\x1b[31mFailed\x1b[0m" in coloured
    long = msgspec.structs.replace(MISSING, message="word " * 30)
    narrow = tree(msgspec.structs.replace(LEAST, trouble=long), NOW, Look(width=40))
    assert max(map(len, narrow.splitlines()[1:4])) <= 40


@pytest.mark.parametrize("state", sorted({*ModelState, *TemplateState, *ServiceState, *CacheState}))
def test_every_state_has_a_colour(state: str) -> None:
    waiting, good = {"Pending", "Starting", "Progressing"}, {"Ready", "Running", "Available"}
    expected = Style.WAITING if state in waiting else Style.GOOD if state in good else Style.BAD
    assert state_style(state) is expected
