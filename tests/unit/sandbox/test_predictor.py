from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from aimctrl.kube.core import SERVICES
from aimctrl.kube.meta import Meta
from aimctrl.sandbox.external import Plain
from aimctrl.sandbox.predictor import Stage, container_of, decide, demand_of, runtime_name
from aimctrl.sandbox.scheduling import Demand, Placed, Unschedulable
from aimctrl.sandbox.script import ImageScript
from aimctrl.sandbox.wire import Requirement, Term

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUNTIME = Plain(
    spec={
        "containers": [
            {"name": "sidecar", "image": "other"},
            {
                "name": "kserve-container",
                "image": "r.example/aim:1",
                "env": [{"name": "A", "value": "runtime"}, {"name": "B", "value": "runtime"}],
                "resources": {"limits": {"amd.com/gpu": "1"}},
            },
        ]
    }
)
FITS = Placed("n")


def service(status=None, **model):
    spec = {"predictor": {"model": {"runtime": "rt", **model}}}
    meta = Meta(name="llama", namespace="x", uid="uid-1", generation=3)
    return Plain(metadata=meta, spec=spec, status=status or {})


def stage(script=ImageScript(), *, status=None, runtime=RUNTIME, place=FITS, seconds=0):
    return Stage(service(status), runtime, script, place, NOW + timedelta(seconds=seconds))


def conditions(plan):
    return {entry["type"]: (entry["status"], entry.get("reason", "")) for entry in plan.status["conditions"]}


def model(plan):
    """The model's transition, its states and the reason of its failure."""
    status = plan.status["modelStatus"]
    states = status["states"]
    failure = status.get("lastFailureInfo", {}).get("reason")
    return status["transitionStatus"], states["activeModelState"], states["targetModelState"], failure


LOADING = ("InProgress", "", "Loading", None)


@pytest.mark.parametrize(
    ("given", "ready", "expected", "after"),
    [
        pytest.param(stage(), "True", ("UpToDate", "Loaded", "Loaded", None), None, id="all is well"),
        pytest.param(
            stage(place=Unschedulable("")), "False", ("InProgress", "", "Pending", None), None, id="no node fits"
        ),
        pytest.param(
            stage(ImageScript(pull_error="auth")),
            "False",
            ("InProgress", "", "Pending", None),
            None,
            id="its image cannot be pulled",
        ),
        pytest.param(stage(ImageScript(serving="loading")), "False", LOADING, None, id="it loads for ever"),
        pytest.param(stage(ImageScript(load_seconds=9)), "False", LOADING, 9, id="it loads for a while"),
        pytest.param(
            stage(ImageScript(serving="failed", log="starting\nout of memory\n\n", exit_code=137)),
            "False",
            ("BlockedByFailedLoad", "", "FailedToLoad", "ModelLoadFailed"),
            None,
            id="it fails",
        ),
    ],
)
def test_an_inference_service_fares_as_its_script_says(given, ready, expected, after):
    plan = decide(given)
    assert {kind: status for kind, (status, _) in conditions(plan).items()} == {
        "IngressReady": ready,
        "PredictorReady": ready,
        "Ready": ready,
    }
    assert model(plan) == expected
    assert plan.requeue_after == after
    assert plan.status["observedGeneration"] == 3
    assert ("url" in plan.status) is (ready == "True")


def test_a_failure_has_the_last_line_of_the_log_and_the_exit_code():
    plan = decide(stage(ImageScript(serving="failed", log="starting\nout of memory\n\n", exit_code=137)))
    failure = plan.status["modelStatus"]["lastFailureInfo"]
    assert failure == {"reason": "ModelLoadFailed", "message": "out of memory", "exitCode": 137}


def test_loading_ends_so_many_seconds_after_the_predictor_appeared():
    script = ImageScript(load_seconds=9)
    first = decide(stage(script))
    second = decide(stage(script, status=first.status, seconds=4))
    third = decide(stage(script, status=second.status, seconds=9))
    assert (second.requeue_after, model(second)) == (5, LOADING)
    assert model(third) == ("UpToDate", "Loaded", "Loaded", None)


def test_what_is_ready_stays_so_when_its_script_comes_to_take_longer():
    ready = decide(stage())
    again = decide(stage(ImageScript(load_seconds=9), status=ready.status, seconds=1))
    assert again.status == ready.status


def test_what_is_ready_may_fail():
    ready = decide(stage())
    failed = decide(stage(ImageScript(serving="failed"), status=ready.status, seconds=1))
    assert model(failed) == ("BlockedByFailedLoad", "Loaded", "FailedToLoad", "ModelLoadFailed")
    assert conditions(failed)["Ready"] == ("False", "MinimumReplicasUnavailable")


def test_a_missing_runtime_is_waited_for():
    plan = decide(stage(runtime=None))
    assert conditions(plan) == {"PredictorReady": ("Unknown", ""), "Ready": ("Unknown", "")}
    assert model(plan) == ("InvalidSpec", "", "FailedToLoad", "RuntimeNotRecognized")
    assert plan.children == ()


def test_what_serves_goes_on_when_its_runtime_goes():
    ready = decide(stage())
    without = decide(stage(runtime=None, status=ready.status, seconds=1))
    assert without.status["conditions"] == ready.status["conditions"]
    assert model(without) == ("InvalidSpec", "Loaded", "FailedToLoad", "RuntimeNotRecognized")


def test_a_decision_that_is_repeated_is_the_same():
    plan = decide(stage())
    assert decide(stage(status=plan.status, seconds=5)).status == plan.status


def test_the_predictor_service_is_owned_and_leads_to_the_model():
    (child,) = decide(stage()).children
    meta, spec = child.manifest["metadata"], child.manifest["spec"]
    assert (child.kind, meta["name"], meta["namespace"]) == (SERVICES, "llama-predictor", "x")
    assert meta["ownerReferences"][0]["uid"] == "uid-1"
    assert [(port["port"], port["targetPort"]) for port in spec["ports"]] == [(80, 8080)]


def test_the_container_is_the_runtimes_with_what_the_model_says_in_its_place():
    asked = service(
        image="own", args=["--x"], env=[{"name": "B", "value": "own"}], resources={"limits": {"amd.com/gpu": "2"}}
    )
    container = container_of(asked, RUNTIME)
    assert (container.image, container.args) == ("own", ("--x",))
    assert [(e["name"], e["value"]) for e in container.env] == [("A", "runtime"), ("B", "own")]
    assert demand_of(asked, container) == Demand(devices={"amd.com/gpu": 2})
    assert container_of(service(), RUNTIME).image == "r.example/aim:1"
    assert container_of(service(), None).image == ""


def test_the_demand_has_the_predictors_node_selection():
    expression = {"key": "gpu", "operator": "Exists"}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    one = msgspec.structs.replace(service(), spec={"predictor": {"affinity": affinity, "nodeSelector": {"a": "1"}}})
    term = Term(match_expressions=(Requirement("gpu", "Exists"),))
    assert demand_of(one, container_of(one, None)) == Demand({"a": "1"}, (term,))
    assert runtime_name(one) == ""
