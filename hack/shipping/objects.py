"""The objects that run the operator, with the values they have unless somebody says otherwise.

The one description of them: the kustomize base, `install.yaml` and the Helm chart are written from it.
"""

from typing import Any, Final

import aimctrl
from aimctrl.aim.options import LABELS
from aimctrl.settings import Settings

Object = dict[str, Any]

NAME: Final = "aimctrl"
NAMESPACE: Final = Settings().operator_namespace
IMAGE: Final = f"{NAME}:{aimctrl.__version__}"

DASHBOARD_LABELS: Final = {**LABELS, "grafana_dashboard": "1"}
"""By which the sidecar that Grafana's chart runs finds dashboards."""
POD_LABELS: Final = {**LABELS, "app.kubernetes.io/component": "operator"}

METRICS_PORT: Final = int(Settings().metrics_bind_address.rpartition(":")[2])
HEALTH_PORT: Final = int(Settings().health_probe_bind_address.rpartition(":")[2])

METRICS_SECRET: Final = f"{NAME}-metrics-tls"
METRICS_FOLDER: Final = "/etc/aimctrl/metrics"
"""The Secret with tls.crt and tls.key, as cert-manager writes one, and where it is in the container."""

TIME_TO_EXIT: Final = 5
"""Seconds a pod is given beyond the operator's own grace period."""

RESOURCES: Final = {
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"memory": "512Mi"},
}
"""`docs/benchmarks.md`, the operator: 63 MB with 100 services, 81 MB with 1,000, growing by 2 MB per 100; at rest it
needs next to no CPU, and 14 CPU ms for an object from nothing to Running. No limit on CPU: throttled, a leader would
lose its Lease."""

TOKEN_SECONDS: Final = 3600
"""How long a token is valid; the kubelet replaces it in time, and the client reads it again."""


def namespace() -> Object:
    """The operator's namespace; its discovery and download Jobs meet the restricted standard as it does itself."""
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {**LABELS, **levels}},
    }


def service_account() -> Object:
    """Who the operator is; its token is mounted by the Deployment alone."""
    return {**_head("v1", "ServiceAccount"), "automountServiceAccountToken": False}


def deployment() -> Object:
    """Two replicas, of which one works and the other is ready to."""
    return {
        **_head("apps/v1", "Deployment", POD_LABELS),
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": POD_LABELS},
            "template": {"metadata": {"labels": POD_LABELS}, "spec": _pod()},
        },
    }


def pod_disruption_budget() -> Object:
    """One replica at a time is taken away, also where there is but one; one that is broken may go at any time."""
    return {
        **_head("policy/v1", "PodDisruptionBudget"),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": POD_LABELS},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def network_policy() -> Object:
    """In: metrics from any pod, probes from anywhere. Out: names, the API server, and registries over TLS.

    Where the API server is and which registries are asked differs from cluster to cluster, so only ports are named.
    """
    return {
        **_head("networking.k8s.io/v1", "NetworkPolicy"),
        "spec": {
            "podSelector": {"matchLabels": POD_LABELS},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {"from": [{"namespaceSelector": {}}], "ports": _ports("TCP", METRICS_PORT)},
                {"ports": _ports("TCP", HEALTH_PORT)},
            ],
            "egress": [
                {"ports": _ports("UDP", 53) + _ports("TCP", 53)},
                {"ports": _ports("TCP", 443, 6443)},
            ],
        },
    }


def pod_monitor() -> Object:
    """What has the Prometheus operator scrape each replica."""
    return {
        **_head("monitoring.coreos.com/v1", "PodMonitor"),
        "spec": {
            "selector": {"matchLabels": POD_LABELS},
            "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics"}],
        },
    }


def secure_metrics() -> Object:
    """What changes in the Deployment where metrics are served over TLS, and only to who may see them."""
    container = {
        "name": "operator",
        "env": [
            {"name": "AIM_METRICS_CERT_DIR", "value": METRICS_FOLDER},
            {"name": "AIM_METRICS_SECURE", "value": "true"},
        ],
        "volumeMounts": [{"name": "metrics-tls", "mountPath": METRICS_FOLDER, "readOnly": True}],
    }
    volumes = [{"name": "metrics-tls", "secret": {"secretName": METRICS_SECRET}}]
    head = _head("apps/v1", "Deployment", POD_LABELS)
    return {**head, "spec": {"template": {"spec": {"containers": [container], "volumes": volumes}}}}


def _head(api_version: str, kind: str, labels: dict[str, str] = LABELS) -> Object:
    metadata = {"name": NAME, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _ports(protocol: str, *ports: int) -> list[Object]:
    return [{"protocol": protocol, "port": port} for port in ports]


def _pod() -> Object:
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": int(Settings().grace_period) + TIME_TO_EXIT,
        "topologySpreadConstraints": [_spread("kubernetes.io/hostname"), _spread("topology.kubernetes.io/zone")],
        "containers": [_container()],
        "volumes": [{"name": "service-account", "projected": {"sources": _token()}}],
    }


def _spread(key: str) -> Object:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": POD_LABELS},
        "matchLabelKeys": ["pod-template-hash"],
    }


def _container() -> Object:
    return {
        "name": "operator",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["run", "--leader-elect"],
        "env": [
            {"name": "AIM_OPERATOR_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [
            {"name": "metrics", "containerPort": METRICS_PORT},
            {"name": "health", "containerPort": HEALTH_PORT},
        ],
        "livenessProbe": {**_probe("/healthz"), "periodSeconds": 20, "failureThreshold": 3},
        "readinessProbe": {**_probe("/readyz"), "periodSeconds": 5},
        "resources": RESOURCES,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {
                "name": "service-account",
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                "readOnly": True,
            }
        ],
    }


def _probe(path: str) -> Object:
    return {"httpGet": {"path": path, "port": "health"}, "timeoutSeconds": 5}


def _token() -> list[Object]:
    """What the pod's own way of mounting it has: the token, the CA, and the namespace."""
    namespace = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
