"""The alerts, as data; rules.yaml and their part of docs/metrics.md are made from them.

Every series is narrowed to jobs with `aimctrl` in their name, since other operators have metrics of the same names.
"""

from dataclasses import dataclass
from typing import Any, Literal

import yaml

from aimctrl.aim.options import LABELS

OURS = 'job=~".*aimctrl.*"'
PAGE = "docs/metrics.md"

_TEMPLATES = 'kind=~"AIM(Cluster)?ServiceTemplate"'


@dataclass(frozen=True)
class Alert:
    """One alert: what it watches for, and what to do about it (`remedy`, Markdown)."""

    name: str
    expr: str
    wait: str
    severity: Literal["critical", "warning", "info"]
    summary: str
    description: str
    remedy: str

    @property
    def runbook(self) -> str:
        """Where the remedy stands."""
        return f"{PAGE}#{self.name.lower()}"


OPERATOR = (
    Alert(
        "AimctrlDown",
        f"absent(up{{{OURS}}} == 1)",
        "5m",
        "critical",
        "No aimctrl can be scraped",
        "For five minutes Prometheus has reached no aimctrl. Services that run go on; nothing new is served.",
        "See whether its pods run and why not: `kubectl -n kaiwo-system describe pods`, and the end of their logs. "
        "Where they do run, Prometheus cannot reach them: look at the NetworkPolicy, at the rights of Prometheus where "
        "the endpoint asks for a token, and whether the scrape job has `aimctrl` in its name.",
    ),
    Alert(
        "AimctrlLeaderMissing",
        f"max by (job, name) (leader_election_master_status{{{OURS}}}) < 1",
        "2m",
        "critical",
        "No aimctrl leads",
        "Replicas run, and none has held the Lease {{ $labels.name }} for two minutes, so nothing is reconciled.",
        "`kubectl -n kaiwo-system get lease aimctrl -o yaml` says who held it last and until when. The logs say why it "
        "cannot be had: an API server that does not answer, or missing rights to Leases.",
    ),
    Alert(
        "AimctrlWatchStale",
        f"max by (job, namespace, pod, kind, scope) (aimctrl_informer_last_contact_seconds{{{OURS}}} < Inf) > 180 "
        "unless on (job, namespace, pod, kind, scope) "
        f'aimctrl_informer_unavailable{{{OURS}, reason=~"Forbidden|KindMissing"}}',
        "5m",
        "warning",
        "The watch of {{ $labels.kind }} has gone silent",
        "Nothing was heard on the watch of {{ $labels.kind }} in {{ $labels.pod }} for "
        "{{ $value | humanizeDuration }}; an API server speaks every minute. What changes meanwhile is not seen.",
        "The log line `watch failed` has the reason. Where all kinds are silent, the API server or the way to it is in "
        "trouble; `/readyz?verbose` of the pod lists the silent ones.",
    ),
    Alert(
        "AimctrlWatchUnavailable",
        "max by (job, kind, scope, reason) "
        f'(aimctrl_informer_unavailable{{{OURS}, reason=~"Forbidden|Unreachable"}}) == 1',
        "10m",
        "warning",
        "{{ $labels.kind }} cannot be watched: {{ $labels.reason }}",
        "aimctrl has been without {{ $labels.kind }} for ten minutes ({{ $labels.reason }}). Conditions of the objects "
        "that need it say so.",
        "`Forbidden`: compare the role with what `aimctrl rbac` prints, and apply that. `Unreachable`: the API server "
        "does not answer for this kind. A kind whose CRD is missing is no alert: aimctrl waits for it.",
    ),
    Alert(
        "AimctrlBrokenLines",
        f"sum by (job, kind) (increase(aimctrl_informer_broken_lines_total{{{OURS}}}[15m])) > 0",
        "0m",
        "warning",
        "Watch events of {{ $labels.kind }} could not be read",
        "Lines of a watch were no JSON in the last 15 minutes. The collection was listed again, so nothing is lost.",
        "Something between aimctrl and the API server cuts or changes what passes, most often a proxy or a load "
        "balancer. Look for the log line with the kind, and take the proxy out of the way.",
    ),
    Alert(
        "AimctrlQueueGrowing",
        f"sum by (job, controller) (workqueue_depth{{{OURS}}}) > 50 "
        f"and sum by (job, controller) (deriv(workqueue_depth{{{OURS}}}[15m])) > 0",
        "15m",
        "warning",
        "The queue of {{ $labels.controller }} grows",
        "{{ $value }} objects wait for {{ $labels.controller }}, and there have been ever more for 15 minutes.",
        "See in the dashboard whether reconciles take longer (a slow API server or registry), fail and come back, or "
        "are merely many. For the last raise `--max-concurrent-reconciles`.",
    ),
    Alert(
        "AimctrlQueueSlow",
        "histogram_quantile(0.99, sum by (job, controller, le) "
        f"(rate(workqueue_queue_duration_seconds_bucket{{{OURS}}}[10m]))) > 60",
        "15m",
        "warning",
        "Changes wait long for {{ $labels.controller }}",
        "One change in a hundred waits more than a minute before {{ $labels.controller }} looks at it.",
        "The same as for a queue that grows. After a start this is normal until all objects were looked at once.",
    ),
    Alert(
        "AimctrlReconcileStuck",
        f"max by (job, pod, controller) (workqueue_longest_running_processor_seconds{{{OURS}}}) > 300",
        "5m",
        "warning",
        "A reconcile of {{ $labels.controller }} does not end",
        "A worker of {{ $labels.controller }} has been at one object for {{ $value | humanizeDuration }}, though it "
        "should have been cancelled after two minutes.",
        "The log has the object under its reconcileID, and what kept the event loop where that was it. Delete the pod: "
        "another one takes over where this one was. Please report it.",
    ),
    Alert(
        "AimctrlReconcileErrors",
        f"sum by (job, controller) (rate(controller_runtime_reconcile_errors_total{{{OURS}}}[10m])) "
        f"/ sum by (job, controller) (rate(controller_runtime_reconcile_total{{{OURS}}}[10m])) > 0.1",
        "15m",
        "warning",
        "{{ $value | humanizePercentage }} of the reconciles of {{ $labels.controller }} fail",
        "More than a tenth of the reconciles of {{ $labels.controller }} have failed for 15 minutes; they are retried.",
        "The log lines `reconcile failed` have the object and the error. `aimctrl status` shows what is stuck.",
    ),
    Alert(
        "AimctrlReconcilePanics",
        f"sum by (job, controller) (increase(controller_runtime_reconcile_panics_total{{{OURS}}}[15m])) > 0",
        "0m",
        "warning",
        "A reconcile of {{ $labels.controller }} raised what nobody foresaw",
        "That is a bug. The object is tried again, with pauses that grow; other objects are not affected.",
        "The log line `reconcile raised` has the object and the traceback. Please report both.",
    ),
    Alert(
        "AimctrlObjectsSetAside",
        f"sum by (job, controller) (increase(aimctrl_reconcile_set_aside_total{{{OURS}}}[1h])) > 0",
        "0m",
        "warning",
        "Objects of {{ $labels.controller }} cannot be read",
        "Their stored form fits no model, so they wait for their next change. Most often they were stored under CRDs "
        "of another version.",
        "The objects have an event `Undecodable` that names the field: `kubectl get events -A --field-selector "
        "reason=Undecodable`. Mend the objects, and apply the CRDs of this version.",
    ),
    Alert(
        "AimctrlStaleCache",
        f"sum by (job, controller) (rate(aimctrl_reconcile_stale_total{{{OURS}}}[10m])) > 0",
        "15m",
        "info",
        "{{ $labels.controller }} works on old caches",
        "Reconciles went on although the cache had not shown their own last writes in time. Nothing is done twice for "
        "it, but what is seen lags.",
        "The API server's watches are slow: see its own `apiserver_watch_cache` metrics and etcd's latency.",
    ),
    Alert(
        "AimctrlEventsLost",
        f'sum by (job, outcome) (increase(aimctrl_events_total{{{OURS}, outcome=~"dropped|failed"}}[15m])) > 0',
        "15m",
        "info",
        "Kubernetes events are {{ $labels.outcome }}",
        "Statuses are right, but some of their stories are missing in `kubectl describe`.",
        "`failed`: aimctrl lacks the right to create events, or their namespace is going. `dropped`: more came than "
        "the API server took.",
    ),
    Alert(
        "AimctrlApiErrors",
        f'sum by (job) (rate(rest_client_requests_total{{{OURS}, code=~"5..|429|<error>"}}[10m])) '
        f"/ sum by (job) (rate(rest_client_requests_total{{{OURS}}}[10m])) > 0.1",
        "10m",
        "warning",
        "{{ $value | humanizePercentage }} of the requests to the API server fail",
        "The API server refuses for load, fails, or is not reached. aimctrl retries with pauses that grow.",
        "Look at the API server. `429` means that its priority and fairness gives aimctrl too small a share.",
    ),
    Alert(
        "AimctrlForbidden",
        f'sum by (job, method) (increase(rest_client_requests_total{{{OURS}, code="403"}}[15m])) > 0',
        "15m",
        "warning",
        "The API server refuses {{ $labels.method }} requests for lack of rights",
        "aimctrl was denied something in the last 15 minutes, and goes on being denied it.",
        "The log has the API server's words, with verb and resource. Compare the role with what `aimctrl rbac` prints. "
        "An admission webhook that refuses shows here too.",
    ),
)

AIM = (
    Alert(
        "AimDiscoveryFailing",
        f'max by (job, kind) (aim_objects_not_ready{{{OURS}, {_TEMPLATES}, reason="DiscoveryFailed"}}) > 0',
        "10m",
        "warning",
        "Discovery of {{ $value }} {{ $labels.kind }} fails",
        "Their discovery Job fails, so nothing is known of their profile and no service can run on them.",
        "`aimctrl status` lists them, `aimctrl explain template NAME` has the end of the Job's log.",
    ),
    Alert(
        "AimDiscoveryBlocked",
        f"max by (job) (aim_discovery_waiting{{{OURS}}}) > 0 "
        f"and max by (job) (aim_discovery_slots_taken{{{OURS}}}) >= max by (job) (aim_discovery_slots{{{OURS}}})",
        "1h",
        "warning",
        "Templates have waited an hour for discovery",
        "All discovery slots have been taken for an hour, and {{ $value }} templates wait in line.",
        "`kubectl get jobs -A -l app.kubernetes.io/component=discovery` shows the Jobs that hold the slots. "
        "Pods that cannot be scheduled or pull no image are the usual reason; else raise `--max-discovery-jobs`.",
    ),
    Alert(
        "AimTemplatesNotAvailable",
        f'max by (job, kind) (aim_objects{{{OURS}, {_TEMPLATES}, state="NotAvailable"}}) > 0',
        "30m",
        "info",
        "{{ $value }} {{ $labels.kind }} need a GPU that is not in the cluster",
        "That is as it should be where the catalogue has more GPUs than the cluster. They become Ready when such a "
        "node joins.",
        "`aimctrl explain template NAME` lists the GPUs there are. Where the GPU is in the cluster, its node lacks the "
        "labels of the GPU operator.",
    ),
    Alert(
        "AimServicesWithoutGPU",
        f'max by (job) (aim_objects_not_ready{{{OURS}, kind="AIMService", reason="TemplateNotAvailable"}}) > 0',
        "15m",
        "warning",
        "{{ $value }} services wait for a GPU that is not in the cluster",
        "No template that fits them can run on the cluster's GPUs.",
        "`aimctrl explain service NAME` says which GPU it wants. Add such a node, or choose another template.",
    ),
    Alert(
        "AimServicesFailing",
        f'max by (job, state) (aim_objects{{{OURS}, kind="AIMService", state=~"Degraded|Failed"}}) > 0',
        "15m",
        "warning",
        "{{ $value }} services are {{ $labels.state }}",
        "They do not serve as they should, and most do not mend by waiting.",
        "`aimctrl status` has them on top, each with its reason; `aimctrl explain service NAME` says what to do.",
    ),
    Alert(
        "AimObjectsFailing",
        f'max by (job, kind, state) (aim_objects{{{OURS}, kind!="AIMService", state=~"Degraded|Failed"}}) > 0',
        "30m",
        "warning",
        "{{ $value }} {{ $labels.kind }} are {{ $labels.state }}",
        "Models, templates or caches cannot be used by services.",
        "`aimctrl status` has them on top, each with its reason; `aimctrl explain` says what to do.",
    ),
)

GROUPS = {"aimctrl": OPERATOR, "aim": AIM}
ALERTS = (*OPERATOR, *AIM)


def rules() -> str:
    """The PrometheusRule."""
    groups = [{"name": name, "rules": [_rule(alert) for alert in alerts]} for name, alerts in GROUPS.items()]
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "aimctrl", "labels": dict(LABELS)},
        "spec": {"groups": groups},
    }
    return "# Made by `python -m monitoring` from hack/monitoring/alerts.py.\n" + yaml.safe_dump(
        manifest, sort_keys=False, width=100_000
    )


def _rule(alert: Alert) -> dict[str, Any]:
    said = {"summary": alert.summary, "description": alert.description, "runbook_url": alert.runbook}
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.wait,
        "labels": {"severity": alert.severity},
        "annotations": said,
    }
