"""The Grafana dashboard: rows of panels, laid out from left to right.

Source: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

WIDTH = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
HERE = 'job=~"$job", namespace=~"$namespace"'
BY_CONTROLLER = f'{HERE}, controller=~"$controller"'


@dataclass(frozen=True)
class Query:
    """A PromQL expression and what its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One picture; several take a line of 24 columns."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 8
    kind: Literal["timeseries", "stat", "table"] = "timeseries"
    stack: bool = False

    @property
    def height(self) -> int:
        """In Grafana's units."""
        return 4 if self.kind == "stat" else 8


def _rate(metric: str, by: str, labels: str = BY_CONTROLLER) -> str:
    return f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))"


def _quantile(share: str, metric: str) -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', 'controller, le')})"


ROWS: dict[str, tuple[Panel, ...]] = {
    "Operator": (
        Panel("Replicas", "Those that Prometheus reaches.", (Query(f"sum(up{{{HERE}}})"),), width=4, kind="stat"),
        Panel(
            "Leading",
            "1 while a replica holds the Lease; nothing where there is no election.",
            (Query(f"max by (name) (leader_election_master_status{{{HERE}}})", "{{name}}"),),
            width=4,
            kind="stat",
        ),
        Panel(
            "Watches that cannot be relied on",
            "Of all replicas; kinds whose CRD is not installed count too.",
            (Query(f"count(aimctrl_informer_synced{{{HERE}}} == 0) or vector(0)"),),
            width=4,
            kind="stat",
        ),
        Panel(
            "Failed reconciles",
            "Their share of all.",
            (
                Query(
                    f"sum(rate(controller_runtime_reconcile_errors_total{{{HERE}}}[$__rate_interval])) "
                    f"/ sum(rate(controller_runtime_reconcile_total{{{HERE}}}[$__rate_interval]))"
                ),
            ),
            unit="percentunit",
            width=4,
            kind="stat",
        ),
        Panel("Waiting", "Objects in all queues.", (Query(f"sum(workqueue_depth{{{HERE}}})"),), width=4, kind="stat"),
        Panel(
            "Services running",
            "As their statuses say.",
            (Query(f'max(aim_objects{{{HERE}, kind="AIMService", state="Running"}})'),),
            width=4,
            kind="stat",
        ),
        Panel(
            "CPU",
            "Cores, by replica.",
            (Query(f"sum by (pod) (rate(process_cpu_seconds_total{{{HERE}}}[$__rate_interval]))", "{{pod}}"),),
        ),
        Panel(
            "Memory",
            "Resident, by replica.",
            (Query(f"sum by (pod) (process_resident_memory_bytes{{{HERE}}})", "{{pod}}"),),
            unit="bytes",
        ),
        Panel(
            "Kubernetes events",
            "By what became of them.",
            (Query(_rate("aimctrl_events_total", "outcome", HERE), "{{outcome}}"),),
            unit="ops",
        ),
    ),
    "AIM objects": (
        Panel(
            "Services",
            "By state.",
            (Query(f'max by (state) (aim_objects{{{HERE}, kind="AIMService"}})', "{{state}}"),),
            stack=True,
        ),
        Panel(
            "Templates",
            "By state, of both scopes.",
            (
                Query(
                    "sum by (state) (max by (kind, state) "
                    f'(aim_objects{{{HERE}, kind=~"AIM(Cluster)?ServiceTemplate"}}))',
                    "{{state}}",
                ),
            ),
            stack=True,
        ),
        Panel(
            "Models and caches",
            "By kind and state.",
            (
                Query(
                    f'max by (kind, state) (aim_objects{{{HERE}, kind=~"AIM.*(Model|Image|Cache)"}}) > 0',
                    "{{kind}} {{state}}",
                ),
            ),
        ),
        Panel(
            "Why they are not ready",
            "By the reason of the condition Ready.",
            (Query(f"max by (kind, reason) (aim_objects_not_ready{{{HERE}}})"),),
            width=16,
            kind="table",
        ),
        Panel(
            "Discovery",
            "Slots, those taken, and templates that wait for one.",
            (
                Query(f"max(aim_discovery_slots{{{HERE}}})", "slots"),
                Query(f"max(aim_discovery_slots_taken{{{HERE}}})", "taken"),
                Query(f"max(aim_discovery_waiting{{{HERE}}})", "waiting"),
            ),
        ),
    ),
    "Queues": (
        Panel(
            "Depth",
            "Objects that wait to be worked on now.",
            (Query(f"sum by (controller) (workqueue_depth{{{BY_CONTROLLER}}})", "{{controller}}"),),
        ),
        Panel(
            "Wait, 99th percentile",
            "From a change to a worker.",
            (Query(_quantile("0.99", "workqueue_queue_duration_seconds"), "{{controller}}"),),
            unit="s",
        ),
        Panel(
            "Work, 99th percentile",
            "How long a worker has an object.",
            (Query(_quantile("0.99", "workqueue_work_duration_seconds"), "{{controller}}"),),
            unit="s",
        ),
        Panel(
            "Added and retried",
            "Retries have the word in their name.",
            (
                Query(_rate("workqueue_adds_total", "controller"), "{{controller}}"),
                Query(_rate("workqueue_retries_total", "controller"), "{{controller}} retried"),
            ),
            unit="ops",
        ),
        Panel(
            "Work under way",
            "Seconds so far, summed over the workers.",
            (Query(f"sum by (controller) (workqueue_unfinished_work_seconds{{{BY_CONTROLLER}}})", "{{controller}}"),),
            unit="s",
        ),
        Panel(
            "Longest under way",
            "A reconcile is cancelled after two minutes.",
            (
                Query(
                    f"max by (controller) (workqueue_longest_running_processor_seconds{{{BY_CONTROLLER}}})",
                    "{{controller}}",
                ),
            ),
            unit="s",
        ),
    ),
    "Reconciles": (
        Panel(
            "By outcome",
            "",
            (Query(_rate("controller_runtime_reconcile_total", "controller, result"), "{{controller}} {{result}}"),),
            unit="ops",
        ),
        Panel(
            "Time, median and 99th percentile",
            "",
            (
                Query(_quantile("0.5", "controller_runtime_reconcile_time_seconds"), "{{controller}} median"),
                Query(_quantile("0.99", "controller_runtime_reconcile_time_seconds"), "{{controller}} 99 %"),
            ),
            unit="s",
        ),
        Panel(
            "Workers",
            "Busy, and how many there are.",
            (
                Query(
                    f"sum by (controller) (controller_runtime_active_workers{{{BY_CONTROLLER}}})", "{{controller}} busy"
                ),
                Query(
                    f"max by (controller) (controller_runtime_max_concurrent_reconciles{{{BY_CONTROLLER}}})",
                    "{{controller}}",
                ),
            ),
        ),
        Panel(
            "Failures",
            "All, and those not retried until the object changes.",
            (
                Query(_rate("controller_runtime_reconcile_errors_total", "controller"), "{{controller}}"),
                Query(
                    _rate("controller_runtime_terminal_reconcile_errors_total", "controller"), "{{controller}} for good"
                ),
            ),
            unit="ops",
            width=12,
        ),
        Panel(
            "What should not happen",
            "Exceptions nobody foresaw, timeouts, objects set aside, old caches.",
            (
                Query(_rate("controller_runtime_reconcile_panics_total", "controller"), "{{controller}} unforeseen"),
                Query(_rate("controller_runtime_reconcile_timeouts_total", "controller"), "{{controller}} timed out"),
                Query(_rate("aimctrl_reconcile_set_aside_total", "controller"), "{{controller}} set aside"),
                Query(_rate("aimctrl_reconcile_stale_total", "controller"), "{{controller}} old cache"),
            ),
            unit="ops",
            width=12,
        ),
    ),
    "Calls to the API server": (
        Panel(
            "By method",
            "",
            (Query(_rate("rest_client_requests_total", "method", HERE), "{{method}}"),),
            unit="reqps",
            width=12,
        ),
        Panel(
            "That did not succeed",
            "By status code; <error> where no answer came.",
            (Query(_rate("rest_client_requests_total", "code", f'{HERE}, code!~"2.."'), "{{code}}"),),
            unit="reqps",
            width=12,
        ),
    ),
    "Watches": (
        Panel(
            "Silence",
            "Since the API server last spoke; it does every minute.",
            (
                Query(
                    f"max by (kind, scope) (aimctrl_informer_last_contact_seconds{{{HERE}}} < Inf)",
                    "{{kind}} {{scope}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "Objects in the caches",
            "",
            (Query(f"max by (kind, scope) (aimctrl_informer_objects{{{HERE}}})", "{{kind}} {{scope}}"),),
        ),
        Panel(
            "Not to be relied on",
            "Kinds that are not synced, and why.",
            (Query(f"max by (kind, scope, reason) (aimctrl_informer_unavailable{{{HERE}}})"),),
            kind="table",
        ),
        Panel(
            "Listed again",
            "Whole collections.",
            (Query(_rate("aimctrl_informer_relists_total", "kind", HERE), "{{kind}}"),),
            unit="ops",
        ),
        Panel(
            "Failures",
            "Of lists and watches.",
            (Query(_rate("aimctrl_informer_failures_total", "kind", HERE), "{{kind}}"),),
            unit="ops",
        ),
        Panel(
            "Broken lines",
            "Watch events that could not be read.",
            (Query(_rate("aimctrl_informer_broken_lines_total", "kind", HERE), "{{kind}}"),),
            unit="ops",
        ),
    ),
}

VARIABLES = {
    "job": "label_values(aimctrl_informer_synced, job)",
    "namespace": 'label_values(aimctrl_informer_synced{job=~"$job"}, namespace)',
    "controller": f"label_values(workqueue_depth{{{HERE}}}, controller)",
}


def dashboard() -> str:
    """The dashboard's JSON."""
    model = {
        "title": "aimctrl",
        "uid": "aimctrl",
        "description": "The AIM operator. Made by `python -m monitoring` from hack/monitoring/dashboard.py.",
        "tags": ["aimctrl"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource(), *(_variable(name, query) for name, query in VARIABLES.items())]},
        "panels": list(_panels()),
    }
    return json.dumps(model, indent=2) + "\n"


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for title, panels in ROWS.items():
        number += 1
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": _place(0, top, WIDTH, 1)}
        top, left, height = top + 1, 0, 0
        for panel in panels:
            if left + panel.width > WIDTH:
                top, left, height = top + height, 0, 0
            number += 1
            yield _panel(panel, number) | {"gridPos": _place(left, top, panel.width, panel.height)}
            left, height = left + panel.width, max(height, panel.height)
        top += height


def _place(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    now = panel.kind != "timeseries"
    targets = [
        {"refId": chr(ord("A") + position), "datasource": SOURCE, "expr": query.expr}
        | ({"legendFormat": query.legend} if query.legend else {})
        | ({"instant": True, "range": False} if now else {})
        | ({"format": "table"} if panel.kind == "table" else {})
        for position, query in enumerate(panel.queries)
    ]
    shape = {"stacking": {"mode": "normal"}, "fillOpacity": 30} if panel.stack else {"fillOpacity": 5}
    custom = {"custom": shape} if panel.kind == "timeseries" else {}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, **custom}, "overrides": []},
        "targets": targets,
    }
