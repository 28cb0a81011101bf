"""What `deploy/` has: kustomize and Helm give the same, and a real API server takes all of it, as restricted Pods too."""

import json
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from aimctrl.settings import load
from controlplane import ControlPlane, crd_folder
from controlplane.assets import MONITORING
from controlplane.build import pinned
from e2e.conftest import AIM_CRDS, OPERATOR_NAMESPACE, REPOSITORY
from support.pages import DOCS, blocks

Json = dict[str, Any]

DEPLOY = REPOSITORY / "deploy"
CHART = DEPLOY / "helm" / "aimctrl"
KEEP = "helm.sh/resource-policy"
MONITORED = ("metrics.podMonitor=true", "metrics.rules=true", "metrics.dashboard=true")
SECURE = ("metrics.secure=true", "metrics.tlsSecret=aimctrl-metrics-tls")
WATCHED = "default"

EVERYTHING_SET = (
    "image.digest=sha256:" + 64 * "0",
    "image.pullSecrets[0].name=registry",
    "replicas=3",
    "namespaces={default,kube-public}",
    "metrics.enabled=false",
    "networkPolicy.egress[0].ports[0].port=5000",
    "nodeSelector.pool=system",
    "tolerations[0].operator=Exists",
    "env[0].name=HTTPS_PROXY",
    "env[0].value=http://proxy.example:3128",
    "settings.insecureRegistries={registry.example:5000,other.example}",
    "settings.logFormat=json",
    "settings.logLevel=debug",
    "settings.maxConcurrentReconciles=8",
    "settings.maxDiscoveryJobs=20",
    "settings.resyncSeconds=600000",
    "settings.templateSelection=Preferred",
)


def run(program: str, *arguments: str | Path, given: str = "") -> str:
    """What the program says; AssertionError with its complaint where it fails."""
    command = [str(pinned(program)), *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def built(folder: str) -> str:
    return run("kubectl", "kustomize", DEPLOY / folder)


@cache
def with_component(name: str) -> str:
    """The default with a component, as somebody's own kustomization has it."""
    with TemporaryDirectory() as folder:
        deploy = Path(os.path.relpath(DEPLOY, Path(folder).resolve()))
        text = {"resources": [str(deploy / "default")], "components": [str(deploy / "components" / name)]}
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
        return run("kubectl", "kustomize", folder)


@cache
def chart(*values: str, namespace: str = OPERATOR_NAMESPACE, file: str = "") -> str:
    """The chart with these values, and those of a file with that text."""
    settings = [word for value in values for word in ("--set", value)]
    words = ("template", "some-release", CHART, "--namespace", namespace, "--values", "-", *settings)
    return run("helm", *words, given=file)


def traced() -> str:
    """The chart with the values that the page on metrics and traces shows."""
    (values,) = (block for block in blocks(DOCS / "metrics.md") if block.file == "tracing.yaml")
    return chart(file=values.text)


def objects(text: str) -> dict[tuple[str, str, str], Json]:
    """The objects by what tells them apart; none is there twice."""
    found = [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]
    by_identity = {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in found}
    assert len(by_identity) == len(found)
    return by_identity


def kinds(text: str, kind: str) -> list[Json]:
    return [one for one in objects(text).values() if one["kind"] == kind]


def operator(text: str) -> Json:
    """The operator's container."""
    (deployment,) = kinds(text, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """An API server with the operator's namespace as `deploy/` has it, and its service account."""
    monitoring = [
        next(crd_folder(pin=MONITORING).rglob(f"*_{name}.yaml")) for name in ("podmonitors", "prometheusrules")
    ]
    with ControlPlane(crds=[AIM_CRDS, *monitoring], controllers=False) as plane:
        for file in ("default/namespace.yaml", "base/service-account.yaml"):
            applied(plane, (DEPLOY / file).read_text(encoding="utf-8"), "--dry-run=none")
        yield plane


def applied(plane: ControlPlane, manifests: str, *options: str) -> list[str]:
    """Apply on the server, which is to refuse nothing, know every field, and warn of nothing; what it did not change."""
    words = ("apply", "--server-side", "--validate=strict", "--warnings-as-errors", "--output=name", "--filename=-")
    said = run(
        "kubectl", f"--kubeconfig={plane.kubeconfig}", *words, *(options or ("--dry-run=server",)), given=manifests
    )
    return said.split()


VARIANTS = {
    "base": lambda: built("base"),
    "default": lambda: built("default"),
    "single-replica": lambda: built("overlays/single-replica"),
    "namespaced": lambda: built("overlays/namespaced"),
    "monitoring": lambda: built("overlays/monitoring"),
    "secure metrics": lambda: with_component("secure-metrics"),
    "install.yaml": lambda: (DEPLOY / "install.yaml").read_text(encoding="utf-8"),
    "chart": chart,
    "chart, all values set": lambda: chart(*EVERYTHING_SET),
    "chart, monitored": lambda: chart(*MONITORED),
    "chart, secure metrics": lambda: chart(*SECURE),
    "chart, traced": traced,
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_api_server_takes_every_manifest_and_warns_of_none(plane: ControlPlane, variant: str):
    manifests = VARIANTS[variant]()
    assert len(applied(plane, manifests)) == len(objects(manifests))


@pytest.mark.parametrize("variant", ["default", "chart, all values set"])
def test_the_operators_pod_is_let_into_a_namespace_that_enforces_restricted(plane: ControlPlane, variant: str):
    assert applied(plane, pod_of(VARIANTS[variant]())) == ["pod/operator"]


@pytest.mark.parametrize(
    "violation",
    [
        pytest.param({"allowPrivilegeEscalation": True}, id="allowPrivilegeEscalation"),
        pytest.param({"capabilities": {}}, id="unrestricted capabilities"),
        pytest.param({"runAsNonRoot": False}, id="runAsNonRoot"),
        pytest.param({"seccompProfile": {"type": "Unconfined"}}, id="seccompProfile"),
    ],
)
def test_a_pod_that_is_not_restricted_is_refused(plane: ControlPlane, violation: Json, request: pytest.FixtureRequest):
    with pytest.raises(AssertionError, match=r'violates PodSecurity "restricted:latest"') as refused:
        applied(plane, pod_of(built("base"), **violation))
    assert request.node.callspec.id in str(refused.value)


def test_a_deployment_that_is_not_restricted_is_warned_of(plane: ControlPlane):
    (deployment,) = kinds(built("base"), "Deployment")
    del deployment["spec"]["template"]["spec"]["securityContext"]
    with pytest.raises(AssertionError, match=r"would violate PodSecurity"):
        applied(plane, yaml.safe_dump(deployment))


def test_a_field_that_nobody_knows_is_refused(plane: ControlPlane):
    (budget,) = kinds(built("base"), "PodDisruptionBudget")
    budget["spec"]["minimumAvailable"] = 1
    with pytest.raises(AssertionError, match="minimumAvailable"):
        applied(plane, yaml.safe_dump(budget))


def pod_of(manifests: str, **security: Any) -> str:
    """The Pod that the Deployment makes, with that in the container's security context."""
    (deployment,) = kinds(manifests, "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    spec["containers"][0]["securityContext"] |= security
    metadata = {"name": "operator", "namespace": OPERATOR_NAMESPACE}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def test_the_one_file_is_the_default_of_kustomize():
    assert objects((DEPLOY / "install.yaml").read_text(encoding="utf-8")) == objects(built("default"))


def test_the_chart_is_the_base_of_kustomize_but_that_it_keeps_the_crds():
    found = objects(chart())
    kept = [one for one in found.values() if one["metadata"].get("annotations", {}).pop(KEEP, "") == "keep"]
    assert {one["kind"] for one in kept} == {"CustomResourceDefinition"}
    assert found == objects(built("base")) == objects(chart("crds.keep=false"))


def test_a_namespaced_chart_is_the_namespaced_overlay():
    overlay = objects(built("overlays/namespaced"))
    del overlay["Namespace", "", OPERATOR_NAMESPACE]
    assert objects(chart(f"namespaces={{{WATCHED}}}", "crds.keep=false")) == overlay


def test_a_monitored_chart_is_the_overlay_with_monitoring():
    overlay = objects(built("overlays/monitoring"))
    del overlay["Namespace", "", OPERATOR_NAMESPACE]
    assert objects(chart(*MONITORED, "crds.keep=false")) == overlay


def test_a_chart_with_secure_metrics_is_the_component():
    component, release = (objects(with_component("secure-metrics")), objects(chart(*SECURE, "crds.keep=false")))
    del component["Namespace", "", OPERATOR_NAMESPACE]
    for found in (component, release):
        pod = found["Deployment", OPERATOR_NAMESPACE, "aimctrl"]["spec"]["template"]["spec"]
        for part in (pod["volumes"], pod["containers"][0]["env"], pod["containers"][0]["volumeMounts"]):
            part.sort(key=lambda entry: entry["name"])
    assert release == component


def test_the_single_replica_differs_in_nothing_else():
    alone, usual = objects(built("overlays/single-replica")), objects(built("default"))
    (deployment,) = kinds(built("overlays/single-replica"), "Deployment")
    assert deployment["spec"]["replicas"] == 1
    alone["Deployment", OPERATOR_NAMESPACE, "aimctrl"]["spec"]["replicas"] = 2
    assert alone == usual


def test_a_namespaced_operator_may_write_nowhere_else():
    manifests = built("overlays/namespaced")
    for role in kinds(manifests, "ClusterRole"):
        verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
        for_users = any(
            label.startswith("rbac.authorization.k8s.io/aggregate-to-") for label in role["metadata"]["labels"]
        )
        assert for_users or verbs <= {"get", "list", "watch"}
    assert {one["metadata"]["namespace"] for one in kinds(manifests, "Role")} == {OPERATOR_NAMESPACE, WATCHED}
    assert {"name": "AIM_WATCH_NAMESPACES", "value": WATCHED} in operator(manifests)["env"]


def test_a_release_elsewhere_has_everything_there():
    places = {namespace for _, namespace, _ in objects(chart(*MONITORED, namespace="elsewhere"))}
    subjects = [
        subject for one in objects(chart(namespace="elsewhere")).values() for subject in one.get("subjects", [])
    ]
    assert places == {"", "elsewhere"}
    assert {subject["namespace"] for subject in subjects} == {"elsewhere"}


def test_what_is_set_reaches_the_operator():
    container = operator(chart(*EVERYTHING_SET))
    env = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert container["image"] == "aimctrl@sha256:" + 64 * "0"
    assert env == {
        "AIM_OPERATOR_NAMESPACE": None,
        "AIM_WATCH_NAMESPACES": "default,kube-public",
        "AIM_METRICS_BIND_ADDRESS": "0",
        "AIM_INSECURE_REGISTRIES": "registry.example:5000,other.example",
        "AIM_LOG_FORMAT": "json",
        "AIM_LOG_LEVEL": "debug",
        "AIM_MAX_CONCURRENT_RECONCILES": "8",
        "AIM_MAX_DISCOVERY_JOBS": "20",
        "AIM_RESYNC_SECONDS": "600000",
        "AIM_TEMPLATE_SELECTION": "Preferred",
        "HTTPS_PROXY": "http://proxy.example:3128",
    }
    assert [port["name"] for port in container["ports"]] == ["health"]


def test_traces_are_sent_where_the_page_says_and_let_out():
    (policy,) = kinds(traced(), "NetworkPolicy")
    out = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    (endpoint,) = (entry["value"] for entry in operator(traced())["env"] if entry["name"] == "AIM_OTLP_ENDPOINT")
    assert endpoint == load({}, {"AIM_OTLP_ENDPOINT": endpoint}).otlp_endpoint
    assert urlsplit(endpoint).port in out


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        pytest.param("crds.install=false", "CustomResourceDefinition", id="crds"),
        pytest.param("networkPolicy.enabled=false", "NetworkPolicy", id="network policy"),
    ],
)
def test_what_is_turned_off_is_not_there(value: str, kind: str):
    assert kinds(chart(value), kind) == []


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        pytest.param("replica=1", "'replica' not allowed", id="unknown"),
        pytest.param("settings.logLevel=loud", "/settings/logLevel", id="not one of those"),
        pytest.param("image.digest=sha256:12", "/image/digest", id="no digest"),
        pytest.param("replicas=two", "/replicas", id="not a number"),
        pytest.param("metrics.secure=true", "metrics.secure needs metrics.tlsSecret", id="tokens in the clear"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(value: str, complaint: str):
    with pytest.raises(AssertionError, match=complaint):
        chart(value)


def test_helm_finds_no_fault_with_the_chart():
    run("helm", "lint", "--strict", CHART)


def test_a_release_that_is_gone_leaves_the_crds_and_nothing_else(plane: ControlPlane):
    here = (f"--kubeconfig={plane.kubeconfig}", "--namespace=release")
    run("helm", "install", "passing", CHART, *here, "--create-namespace", "--take-ownership")
    run("helm", "upgrade", "passing", CHART, *here, "--set", "replicas=1")
    made = list(objects(chart(namespace="release")).values())
    assert set(names(plane, made)) == {one["metadata"]["name"] for one in made}

    run("helm", "uninstall", "passing", *here)

    crds = {one["metadata"]["name"] for one in made if one["kind"] == "CustomResourceDefinition"}
    assert set(names(plane, made)) == crds


def names(plane: ControlPlane, wanted: list[Json]) -> list[str]:
    """The names of those that are there."""
    words = ("get", "--ignore-not-found", "--filename=-", "--output=jsonpath={..metadata.name}")
    return run("kubectl", f"--kubeconfig={plane.kubeconfig}", *words, given=yaml.safe_dump_all(wanted)).split()


def test_the_dashboard_is_shown_as_it_is():
    shown = kinds(chart(*MONITORED), "ConfigMap")[0]["data"]["aimctrl.json"]
    assert json.loads(shown) == json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text(encoding="utf-8"))
