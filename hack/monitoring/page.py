"""docs/metrics.md: every metric, every label, every alert."""

from collections.abc import Iterable, Iterator

from prometheus_client import ProcessCollector

from aimctrl.aim import metrics as aim
from aimctrl.runtime.metrics import DEFINITIONS, Definition
from monitoring.alerts import ALERTS, Alert

LABELS = {
    "code": "HTTP status, or `<error>` where no answer came.",
    "controller": "Which controller: the kind it reconciles, in lower case.",
    "host": "The API server.",
    "kind": "The kind of AIM object; of a watch, the resource in the plural, such as `pods`.",
    "method": "The HTTP method.",
    "name": "The queue, which is called as its controller; of an election, the Lease.",
    "outcome": "`sent`, `dropped` (the queue was full) or `failed` (the API server refused).",
    "reason": "The reason of the condition Ready, as in [conditions.md](conditions.md); of a watch, why there is none.",
    "result": "`success`, `error`, `requeue` or `requeue_after`.",
    "scope": "What of the kind is watched: a namespace, a label selector, or empty for everything.",
    "state": "The word in `status.status`, as in [conditions.md](conditions.md).",
}

HEAD = """\
<!-- Made by `python -m monitoring`; a test compares it with the code. -->
# Metrics, alerts and traces

Every metric of `/metrics`, and every alert of `deploy/monitoring/rules.yaml`. Those of a controller and its queue have
the names that controller-runtime and client-go gave them, so dashboards made for these work here too. The one for
aimctrl is `deploy/monitoring/dashboard.json`.

Objects, slots and watches are counted when somebody scrapes; nobody who does not scrape pays for them. A standby shows
the objects as the leader does, so take the `max` over the replicas, not the sum.

By default `/metrics` is plain HTTP on port 8080, for everyone who reaches it:

- `--metrics-cert-dir DIR` serves it over TLS with `tls.crt` and `tls.key` of that folder, as a Secret of type
  `kubernetes.io/tls` mounts them. They are read again when they change. Probes on the same address are behind TLS too.
- `--metrics-secure` also asks for a bearer token and sees that its owner may `get` the non-resource URL `/metrics`: 401
  without a valid token, 403 without the right. It needs TLS. An answer holds for a minute, a refusal for ten seconds.

For the second the operator has to ask the API server about tokens, which takes a right that it has not otherwise; and
who scrapes needs the right to `/metrics`:

```yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: aimctrl-metrics
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: system:auth-delegator
subjects:
  - kind: ServiceAccount
    name: aimctrl
    namespace: kaiwo-system
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: aimctrl-metrics-reader
rules:
  - nonResourceURLs: [/metrics]
    verbs: [get]
```
"""


TRACES = """\
## Traces

Off by default, and then nothing of it is imported. `--otlp-endpoint http://collector:4318` sends a trace of each change
to an OpenTelemetry collector, over HTTP. It takes `aimctrl[otel]`, which the image has. Spans of a trace:

- `queue`: from the change to a worker that takes it up.
- `reconcile`: the work on the object, and how it ended (`outcome`). `controller`, `namespace`, `name`, `reconcileID`
  and `reasons` are as on its log lines; what it raised is there as an exception.
- `GET aimservices`, `PATCH aimservices/status` and the like: each request made in it, repeated ones too. Its
  `traceparent` (https://www.w3.org/TR/trace-context/) lets the API server's own spans join in.

On a cluster the endpoint is a variable of the Deployment, and the NetworkPolicy of `deploy/`, which lets out DNS, 443
and 6443 alone, needs a rule for the collector's port. As values of the chart:

*Not run by a test: the chart's own tests render it with these values.*

```yaml
# tracing.yaml
env:
  - name: AIM_OTLP_ENDPOINT
    value: http://collector.observability:4318
networkPolicy:
  egress:
    - ports:
        - protocol: TCP
          port: 4318
```

The variables `OTEL_*` of OpenTelemetry say the rest: which traces to sample, headers, certificate, service name. A
program of one's own gives `aimctrl.runtime.otel.OtelTracer()`, or any `Tracer` of `aimctrl.runtime.tracing`, to its
client and to its manager.
"""


def page() -> str:
    """The page."""
    parts = [
        HEAD,
        "## AIM objects\n",
        _table(aim.DEFINITIONS),
        "## The operator\n",
        _table(DEFINITIONS),
        "## The process\n",
        _table(process()),
        "## Labels\n",
        _rows(("Label", "Meaning"), ((f"`{name}`", text) for name, text in sorted(LABELS.items()))),
        "## Alerts\n",
        _rows(("Alert", "Severity", "After", "When"), (_cells(alert) for alert in ALERTS)),
        *(_runbook(alert) for alert in ALERTS),
        TRACES,
    ]
    return "\n".join(parts)


def process() -> tuple[Definition, ...]:
    """What prometheus_client tells of the process, as it words it."""
    return tuple(
        Definition(f"{one.name}_total" if one.type == "counter" else one.name, "state", one.documentation)
        for one in ProcessCollector(registry=None).collect()
    )


def _table(definitions: Iterable[Definition]) -> str:
    rows = (
        (f"`{one.name}`", _type(one), ", ".join(f"`{label}`" for label in one.labels), _unit(one.name), one.help)
        for one in definitions
    )
    return _rows(("Metric", "Type", "Labels", "Unit", "Meaning"), rows)


def _type(one: Definition) -> str:
    if one.type == "state":
        return "counter" if one.name.endswith("_total") else "gauge"
    return one.type


def _unit(name: str) -> str:
    return next((unit for unit in ("seconds", "bytes") if name.removesuffix("_total").endswith(f"_{unit}")), "")


def _cells(alert: Alert) -> tuple[str, ...]:
    when = "at once" if alert.wait == "0m" else alert.wait
    return f"[{alert.name}](#{alert.name.lower()})", alert.severity, when, _plain(alert.summary)


def _runbook(alert: Alert) -> str:
    lines = f"{_plain(alert.description)}\n\n{alert.remedy}\n\n```promql\n{alert.expr}\n```\n"
    return f"### {alert.name}\n\n{lines}"


def _plain(text: str) -> str:
    """A template's text for people: `{{ $labels.kind }}` is KIND, `{{ $value | … }}` is N."""
    while "{{" in text:
        before, _, rest = text.partition("{{")
        inside, _, after = rest.partition("}}")
        word = inside.split("|")[0].strip()
        text = before + ("N" if word == "$value" else word.removeprefix("$labels.").upper()) + after
    return text


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"{line}\n" for line in _lines(head, rows))


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
