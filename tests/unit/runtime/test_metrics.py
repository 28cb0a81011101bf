import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from aimctrl.runtime.informer import Freshness
from aimctrl.runtime.lister import Available, Unavailable
from aimctrl.runtime.metrics import DEFINITIONS, Definition, Metrics, Outcome


def series(metrics: Metrics) -> dict[str, float]:
    """Every series but the buckets and the process's own, as `name{label=value,...}`."""
    found = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_every_definition_is_exposed_with_its_help() -> None:
    text = Metrics().exposition().decode()
    missing = [d.name for d in DEFINITIONS if f"# HELP {d.name} {d.help}\n" not in text]
    assert not missing


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.name)
def test_a_definition_keeps_the_conventions(definition) -> None:
    assert re.fullmatch(r"[a-z_]+", definition.name)
    assert definition.help.endswith(".")
    assert definition.name.endswith("_total") or definition.type != "counter"
    assert bool(definition.buckets) is (definition.type == "histogram")
    assert list(definition.buckets) == sorted(definition.buckets)


def test_there_are_no_created_series() -> None:
    metrics = Metrics()
    metrics.request("200", "GET", "host")
    metrics.controller("c").finished("success", 0.1)
    assert "_created" not in metrics.exposition().decode()


def test_process_metrics_are_there() -> None:
    assert series(Metrics())["process_resident_memory_bytes{}"] > 0


def test_two_managers_in_one_process_do_not_mix() -> None:
    one, other = Metrics(), Metrics()
    one.request("200", "GET", "host")
    assert "rest_client_requests_total{code=200,host=host,method=GET}" in series(one)
    assert not [name for name in series(other) if name.startswith("rest_client")]


@pytest.mark.parametrize(
    ("outcome", "result", "errors", "terminal"),
    [
        ("success", "success", 0, 0),
        ("requeue", "requeue", 0, 0),
        ("requeue_after", "requeue_after", 0, 0),
        ("error", "error", 1, 0),
        ("terminal", "error", 1, 1),
    ],
)
def test_how_a_reconcile_ended_is_counted_as_controller_runtime_does(
    outcome: Outcome, result: str, errors: int, terminal: int
) -> None:
    metrics = Metrics()
    controller = metrics.controller("c")
    controller.started()
    controller.finished(outcome, 0.3)
    found = series(metrics)
    assert found[f"controller_runtime_reconcile_total{{controller=c,result={result}}}"] == 1
    assert found["controller_runtime_reconcile_errors_total{controller=c}"] == errors
    assert found["controller_runtime_terminal_reconcile_errors_total{controller=c}"] == terminal
    assert found["controller_runtime_reconcile_time_seconds_sum{controller=c}"] == pytest.approx(0.3)
    assert found["controller_runtime_active_workers{controller=c}"] == 0


def test_a_reconcile_under_way_is_an_active_worker() -> None:
    metrics = Metrics()
    controller = metrics.controller("c")
    controller.allowed(4)
    controller.started()
    found = series(metrics)
    assert found["controller_runtime_active_workers{controller=c}"] == 1
    assert found["controller_runtime_max_concurrent_reconciles{controller=c}"] == 4


def test_a_queue_tells_its_depth_and_how_long_work_is_under_way() -> None:
    metrics = Metrics()
    queue = metrics.queue("c", lambda: (3.0, 1.5))
    queue.added(1)
    queue.added(2)
    queue.taken(0.25, 1)
    queue.finished(0.5)
    queue.retried()
    found = series(metrics)
    assert found["workqueue_depth{controller=c,name=c}"] == 1
    assert found["workqueue_adds_total{controller=c,name=c}"] == 2
    assert found["workqueue_retries_total{controller=c,name=c}"] == 1
    assert found["workqueue_queue_duration_seconds_sum{controller=c,name=c}"] == 0.25
    assert found["workqueue_work_duration_seconds_sum{controller=c,name=c}"] == 0.5
    assert found["workqueue_unfinished_work_seconds{controller=c,name=c}"] == 4.5
    assert found["workqueue_longest_running_processor_seconds{controller=c,name=c}"] == 3.0


def test_an_idle_queue_has_no_unfinished_work() -> None:
    metrics = Metrics()
    metrics.queue("c", tuple)
    assert series(metrics)["workqueue_longest_running_processor_seconds{controller=c,name=c}"] == 0


def test_watches_are_asked_at_each_scrape() -> None:
    metrics = Metrics()
    watches = [
        Freshness("pods", "ns", 1.5, Available(), objects=3, relists=2, failures=1, broken_lines=0),
        Freshness("nodes", "", float("inf"), Unavailable("Forbidden", "no"), 0, 0, 4, 5),
    ]
    metrics.observe_watches(lambda: watches)
    found = series(metrics)
    assert found["aimctrl_informer_last_contact_seconds{kind=pods,scope=ns}"] == 1.5
    assert found["aimctrl_informer_synced{kind=pods,scope=ns}"] == 1
    assert found["aimctrl_informer_objects{kind=pods,scope=ns}"] == 3
    assert found["aimctrl_informer_relists_total{kind=pods,scope=ns}"] == 2
    assert found["aimctrl_informer_failures_total{kind=pods,scope=ns}"] == 1
    assert found["aimctrl_informer_last_contact_seconds{kind=nodes,scope=}"] == float("inf")
    assert found["aimctrl_informer_synced{kind=nodes,scope=}"] == 0
    assert [name for name in found if "unavailable" in name] == [
        "aimctrl_informer_unavailable{kind=nodes,reason=Forbidden,scope=}"
    ]
    assert found["aimctrl_informer_broken_lines_total{kind=nodes,scope=}"] == 5
    watches.clear()
    assert not [name for name in series(metrics) if name.startswith("aimctrl_informer")]


def test_leadership_is_asked_at_each_scrape() -> None:
    metrics = Metrics()
    leads = [True]
    metrics.leading("op", lambda: leads[0])
    assert series(metrics)["leader_election_master_status{name=op}"] == 1
    leads[0] = False
    assert series(metrics)["leader_election_master_status{name=op}"] == 0


def test_label_values_are_escaped() -> None:
    metrics = Metrics()
    metrics.request("200", "GET", 'ho"st\n\\')
    assert 'rest_client_requests_total{code=200,host=ho"st\n\\,method=GET}' in series(metrics)


BRANCHES = Definition("tree_branches", "state", "Branches of a tree.", ("tree",))


def test_a_program_adds_metrics_of_its_own_that_are_read_at_each_scrape() -> None:
    metrics = Metrics()
    counts = {"oak": 3.0}
    metrics.add(BRANCHES, lambda: [((tree,), count) for tree, count in counts.items()])
    assert series(metrics)["tree_branches{tree=oak}"] == 3
    counts["ash"] = 1.0
    assert series(metrics)["tree_branches{tree=ash}"] == 1
    assert "# HELP tree_branches Branches of a tree.\n# TYPE tree_branches gauge\n" in metrics.exposition().decode()


def test_a_metric_that_cannot_be_read_keeps_no_other_from_being_shown() -> None:
    def broken() -> list[tuple[tuple[str, ...], float]]:
        raise KeyError("oops")

    metrics = Metrics()
    metrics.add(BRANCHES, broken)
    metrics.controller("c").allowed(4)
    with capture_logs() as logs:
        found = series(metrics)
    assert found["controller_runtime_max_concurrent_reconciles{controller=c}"] == 4
    assert [(line["event"], line["metric"]) for line in logs] == [("metric not read", "tree_branches")]


@pytest.mark.parametrize("name", ["tree_branches", "workqueue_depth"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    metrics = Metrics()
    metrics.add(BRANCHES, tuple)
    with pytest.raises(ValueError, match=f"there is a metric {name} already"):
        metrics.add(Definition(name, "state", "Another."), tuple)
