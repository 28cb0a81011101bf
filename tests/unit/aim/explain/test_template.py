"""What a template stands on, and how far its discovery is."""

from typing import Any

import pytest

from aimctrl.aim.discovery.state import CannotPull, JobFailed, JobSucceeded, Stuck, Working
from aimctrl.aim.explain.surroundings import Slots
from aimctrl.aim.template.decide import decide
from aimctrl.api.common import Scope
from aimctrl.api.reasons import TemplateReason
from aimctrl.kube.lookup import Unreachable
from aimctrl.runtime.lister import Unavailable
from unit.aim.explain.look import explained, words
from unit.aim.template.samples import (
    JOB_NAME,
    NO_CONFIG,
    NO_MODEL,
    discovered,
    failed,
    record,
    seen,
    view,
)

SOURCES = [{"name": "weights", "sourceURI": "hf://org/weights", "size": "16Gi"}, {"name": "b", "sourceURI": "hf://b"}]
JOB = f'Job "ns/{JOB_NAME}"'


def told(status: dict[str, Any] | None = None, **parts: Any) -> Any:
    around = {name: parts.pop(name) for name in ("slots", "nodes") if name in parts}
    world = seen(status, **parts)
    return explained(world, decide(world), **around)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param(
            {}, ('AIMModel "ns/llama"', "named by the template; image ghcr.io/x/llama:1", "Ready"), id="there"
        ),
        pytest.param({"model": NO_MODEL, "inputs": None}, ("none", 'there is no AIMModel "llama"', ""), id="missing"),
        pytest.param({"model": Unreachable("?"), "inputs": None}, ("not known", "?", ""), id="not known"),
    ],
)
def test_the_model(parts: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert words(told(**parts), "model") == expected


def test_the_runtime_config() -> None:
    assert words(told(config=NO_CONFIG, inputs=None), "runtime config")[0] == "none"


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param({"count": 2, "model": "MI300X"}, ("2 MI300X", "on 1 node", ""), id="there"),
        pytest.param({"model": "MI210"}, ("any number of MI210", "no node has it", ""), id="not there"),
        pytest.param({"count": 2}, ("any", "spec.gpuSelector names no model", ""), id="any"),
    ],
)
def test_the_gpu(selector: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert words(told(spec={"gpuSelector": selector}), "GPU") == expected


def test_without_nodes_nothing_is_said_of_gpus() -> None:
    found = told(nodes=Unavailable("Forbidden", "no"))
    assert words(found, "GPU") == ("2 MI300X", "nodes cannot be read", "")
    assert found.gpus is None


DISCOVERIES: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "not needed": ({"spec": {"modelSources": SOURCES}}, ("not needed", "spec.modelSources lists the artifacts")),
    "not yet": ({"model": NO_MODEL, "inputs": None}, ("not yet", "it needs the runtime config and the model")),
    "done": ({"status": discovered()}, ("done", f"by Job {JOB_NAME}")),
    "done by nobody knows what": ({"status": discovered() | {"discovery": record() | {"jobName": None}}}, ("done", "")),
    "failed once": (
        {"status": failed("DiscoveryFailed")},
        ("failed once", "it is tried again at 2030-01-01 12:01:00 UTC"),
    ),
    "failed again": (
        {"status": failed("DiscoveryFailed", failures=3)},
        ("failed 3 times", "it is tried again at 2030-01-01 12:01:00 UTC"),
    ),
    "fails now": (
        {"job": view(JobFailed("boom", None), "Failed")},
        ("failed once", "it is tried again at 2030-01-01 12:01:00 UTC"),
    ),
    "running": ({"job": view(Working("discovery is running"))}, (JOB, "discovery is running")),
    "cannot pull": (
        {"job": view(CannotPull(TemplateReason.IMAGE_NOT_FOUND, "no such tag", 60))},
        (JOB, "no such tag"),
    ),
    "about to begin": ({}, ("about to begin", "3 of 10 slots are taken, 0 older templates wait too")),
    "in the line": (
        {"slot_free": False, "slots": Slots(10, 10, 2)},
        ("waits for a slot", "10 of 10 slots are taken, 2 older templates wait too"),
    ),
}


@pytest.mark.parametrize(("parts", "expected"), DISCOVERIES.values(), ids=DISCOVERIES.keys())
def test_how_far_discovery_is(parts: dict[str, Any], expected: tuple[str, str]) -> None:
    assert words(told(**parts), "discovery")[:2] == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Stuck(TemplateReason.DISCOVERY_FAILED, "not scheduled"), "not scheduled"),
        (JobFailed("", None), "it failed"),
        (JobSucceeded(None), "it succeeded"),
    ],
)
def test_a_job_of_any_state_has_words_even_while_nothing_is_decided(state: Any, expected: str) -> None:
    world = seen({"conditions": [], "status": "Pending"}, job=view(state))
    plan = decide(seen(config=NO_CONFIG, inputs=None))
    assert words(explained(world, plan), "discovery") == (JOB, expected, "")


def test_what_discovery_found() -> None:
    found = told(discovered())
    assert words(found, "artifacts") == ("1", "llama from hf://x/llama (16 Gi)", "")
    assert words(found, "profile") == ("latency, 4 MI300X", "", "")


def test_what_is_known_of_listed_artifacts() -> None:
    found = told(spec={"modelSources": SOURCES})
    assert words(found, "artifacts") == ("2", "weights from hf://org/weights (16 Gi); b from hf://b", "")
    assert not [fact for fact in found.facts if fact.name == "profile"]


def test_an_empty_profile_is_told() -> None:
    assert words(told(discovered(profile={})), "profile")[0] == "says nothing of itself"


def test_a_missing_kserve_is_told() -> None:
    found = told(discovered(), runtime_missing_kind="servingruntimes.serving.kserve.io")
    assert words(found, "runtime") == ("none", "KServe's servingruntimes.serving.kserve.io is not installed", "")


def test_the_gpu_is_wanted_by_the_template_itself() -> None:
    found = told(scope=Scope.CLUSTER, spec={"gpuSelector": {"model": "MI210"}})
    assert [(gpu.model, gpu.wanted_by) for gpu in found.gpus] == [
        ("MI210", ('AIMClusterServiceTemplate "t"',)),
        ("MI300X", ()),
    ]
    assert told(spec={"gpuSelector": {"count": 1}}).gpus[0].wanted_by == ()
