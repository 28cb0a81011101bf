"""The built-in resources with what is peculiar to them."""

from collections.abc import Mapping
from functools import partial

from aimctrl.sandbox.apiserver.builtin import small
from aimctrl.sandbox.apiserver.builtin.config import ConfigMapStrategy, SecretStrategy
from aimctrl.sandbox.apiserver.builtin.crd import CrdStrategy
from aimctrl.sandbox.apiserver.builtin.decode import zero
from aimctrl.sandbox.apiserver.builtin.events import EventStrategy
from aimctrl.sandbox.apiserver.builtin.job import CronJobStrategy, JobStrategy
from aimctrl.sandbox.apiserver.builtin.namespace import NamespaceStrategy
from aimctrl.sandbox.apiserver.builtin.pod import PodStrategy
from aimctrl.sandbox.apiserver.builtin.policies import PolicyBindingStrategy, PolicyStrategy
from aimctrl.sandbox.apiserver.builtin.resetting import Resetting
from aimctrl.sandbox.apiserver.builtin.service import ServiceStrategy
from aimctrl.sandbox.apiserver.builtin.types import RBAC, builtin_types
from aimctrl.sandbox.apiserver.builtin.volumes import ClaimStrategy, StorageClassStrategy, VolumeStrategy
from aimctrl.sandbox.apiserver.builtin.workloads import WorkloadStrategy
from aimctrl.sandbox.apiserver.resources import Registry, Strategy


def _empty_status(schema: str) -> partial[dict[str, object]]:
    return partial(zero, f"io.k8s.api.{schema}Status")


STRATEGIES: Mapping[tuple[str, str], Strategy] = {
    ("", "configmaps"): ConfigMapStrategy(),
    ("", "endpoints"): small.EndpointsStrategy(),
    ("", "events"): EventStrategy(),
    ("", "limitranges"): small.LimitRangeStrategy(),
    ("", "namespaces"): NamespaceStrategy(),
    ("", "nodes"): small.NodeStrategy(),
    ("", "persistentvolumeclaims"): ClaimStrategy(),
    ("", "persistentvolumes"): VolumeStrategy(),
    ("", "pods"): PodStrategy(),
    ("", "podtemplates"): small.PodTemplateStrategy(),
    ("", "replicationcontrollers"): WorkloadStrategy(_empty_status("core.v1.ReplicationController")),
    ("", "resourcequotas"): Resetting(_empty_status("core.v1.ResourceQuota")),
    ("", "secrets"): SecretStrategy(),
    ("", "services"): ServiceStrategy(_empty_status("core.v1.Service")),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"): PolicyStrategy(
        _empty_status("admissionregistration.v1.ValidatingAdmissionPolicy")
    ),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"): PolicyBindingStrategy(),
    ("apiextensions.k8s.io", "customresourcedefinitions"): CrdStrategy(),
    ("apps", "daemonsets"): WorkloadStrategy(_empty_status("apps.v1.DaemonSet")),
    ("apps", "deployments"): WorkloadStrategy(_empty_status("apps.v1.Deployment")),
    ("apps", "replicasets"): WorkloadStrategy(_empty_status("apps.v1.ReplicaSet")),
    ("apps", "statefulsets"): WorkloadStrategy(_empty_status("apps.v1.StatefulSet")),
    ("autoscaling", "horizontalpodautoscalers"): small.AutoscalerStrategy(
        _empty_status("autoscaling.v1.HorizontalPodAutoscaler")
    ),
    ("batch", "cronjobs"): CronJobStrategy(_empty_status("batch.v1.CronJob")),
    ("batch", "jobs"): JobStrategy(_empty_status("batch.v1.Job")),
    ("coordination.k8s.io", "leases"): small.LeaseStrategy(),
    ("discovery.k8s.io", "endpointslices"): small.EndpointSliceStrategy(),
    ("events.k8s.io", "events"): EventStrategy(),
    ("networking.k8s.io", "ingresses"): Resetting(_empty_status("networking.v1.Ingress")),
    ("networking.k8s.io", "networkpolicies"): small.NetworkPolicyStrategy(),
    ("policy", "poddisruptionbudgets"): small.BudgetStrategy(_empty_status("policy.v1.PodDisruptionBudget")),
    (RBAC, "clusterrolebindings"): small.BindingStrategy(),
    (RBAC, "clusterroles"): small.RoleStrategy(),
    (RBAC, "rolebindings"): small.BindingStrategy(),
    (RBAC, "roles"): small.RoleStrategy(),
    ("scheduling.k8s.io", "priorityclasses"): small.PriorityClassStrategy(),
    ("storage.k8s.io", "csidrivers"): small.CsiDriverStrategy(),
    ("storage.k8s.io", "storageclasses"): StorageClassStrategy(),
}

_REGARDING = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

SELECTABLE: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("", "events"): {
        **{f"involvedObject.{part}": f"involvedObject.{part}" for part in _REGARDING},
        "reason": "reason",
        "reportingComponent": "reportingComponent",
        "source": "source.component",
        "type": "type",
    },
    ("events.k8s.io", "events"): {
        **{f"regarding.{part}": f"regarding.{part}" for part in _REGARDING},
        "reason": "reason",
        "reportingController": "reportingController",
        "type": "type",
    },
    ("", "namespaces"): {"status.phase": "status.phase"},
    ("", "nodes"): {"spec.unschedulable": "spec.unschedulable=false"},
    ("", "pods"): {
        "spec.hostNetwork": "spec.hostNetwork=false",
        "spec.nodeName": "spec.nodeName",
        "spec.restartPolicy": "spec.restartPolicy",
        "spec.schedulerName": "spec.schedulerName",
        "spec.serviceAccountName": "spec.serviceAccountName",
        "status.nominatedNodeName": "status.nominatedNodeName",
        "status.phase": "status.phase",
        "status.podIP": "status.podIP",
    },
    ("", "replicationcontrollers"): {"status.replicas": "status.replicas=0"},
    ("", "secrets"): {"type": "type"},
    ("", "services"): {"spec.clusterIP": "spec.clusterIP", "spec.type": "spec.type"},
    ("batch", "jobs"): {"status.successful": "status.succeeded=0"},
}
"""The fields that selectors may name, each with its path, and what is taken where it is absent."""


def builtin_registry() -> Registry:
    """All of them, as a server starts with."""
    return Registry(builtin_types(STRATEGIES, SELECTABLE))
