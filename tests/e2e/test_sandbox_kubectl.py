"""`kubectl` against the embedded API server: the same commands print the same as against a real one."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio

from aimctrl.sandbox.apiserver.server import api_server
from controlplane import ControlPlane
from controlplane.build import pinned
from support.two_servers import TwoServers

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = Path(__file__).parent / "kubectl"
CRDS = Path(__file__).parents[2] / "deploy" / "crds"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TwoServers]:
    """Both servers, with the same objects in a namespace of this module's own."""
    config = tmp_path_factory.mktemp("kubectl") / "kubeconfig"
    async with api_server() as server:
        server.write_kubeconfig(config)
        server.install(msgspec.yaml.decode(path.read_bytes()) for path in sorted(CRDS.glob("*.yaml")))
        kubectl = pinned("kubectl")
        two = TwoServers(kubectl, control_plane.kubeconfig, config, f"kubectl-{uuid4().hex[:8]}")
        cluster = (HERE / "cluster.yaml").read_text(encoding="utf-8")
        created = await two.differences(f"create namespace {two.namespace}")
        created += await two.differences("apply -f -", cluster)
        await two.both("wait --for=condition=Established --timeout=60s crd/widgets.shown.example.org")
        objects = (HERE / "objects.yaml").read_text(encoding="utf-8")
        created += await two.differences("apply -f -", objects.replace("NAMESPACE", two.namespace))
        assert created == []
        yield two
        await two.both("delete -f - --wait=false", cluster)
        await two.both(f"delete namespace {two.namespace} --wait=false")


READING = (
    "version",
    "cluster-info",
    "api-resources --api-group=apps -o name",
    "api-resources --api-group=aim.silogen.ai -o wide",
    "api-resources --api-group=batch -o wide",
    "api-resources --api-group=shown.example.org -o wide",
    "api-resources --namespaced=false --api-group=rbac.authorization.k8s.io",
    "get configmap settings -o wide",
    "get secret key",
    "get pods -o wide",
    "get pods -l app=web --show-labels",
    "get pods -L app",
    "get pods --field-selector metadata.name=alone",
    "get pods --field-selector spec.nodeName=nowhere -o name",
    "get pods --field-selector status.phase=Running",
    "get pods --field-selector spec.nope=1",
    "get pods -o custom-columns=N:.metadata.name,I:.spec.containers[*].image",
    "get services -o wide",
    "get pvc -o wide",
    "get deployments -o wide",
    "get statefulsets -o wide",
    "get daemonsets -o wide",
    "get rc -o wide",
    "get rs",
    "get job once",
    "get cronjobs -o wide",
    "get ingresses",
    "get networkpolicies",
    "get pdb",
    "get roles",
    "get rolebindings -o wide",
    "get leases",
    "get endpointslices",
    "get endpoints old",
    "get resourcequotas",
    "get event happened -o wide",
    "get events.events.k8s.io happened -o wide",
    "get hpa.v1.autoscaling",
    "get podtemplates",
    "get serviceaccounts",
    "get node shown-node -o wide",
    "get pv shown-disk -o wide",
    "get storageclass shown-fast",
    "get priorityclass shown-high",
    "get ingressclass shown-class",
    "get clusterrole shown-role",
    "get clusterrolebinding shown-binding -o wide",
    "get crd widgets.shown.example.org",
    "get aimservices,aimruntimeconfigs",
    "get aimservices,aimruntimeconfigs -o wide",
    "get aimservice chat -o yaml",
    "get configmap settings -o yaml --show-managed-fields",
    "get configmap settings -o json",
    "get configmap settings -o name",
    "get configmap settings -o jsonpath={.data.a}",
    "get configmaps --sort-by=.metadata.name",
    "get configmap -A --field-selector metadata.name=settings,metadata.namespace=nowhere",
    "get configmap settings nope -o name",
    "get nothing",
    "get --raw /healthz",
    "get --raw /nope",
    "get pods -w --request-timeout=3s",
    "explain widget.spec",
    "explain widget.spec --recursive",
    "explain widget.spec.nope",
    "explain aimservice.spec --recursive",
    "explain aimservice.spec.model",
    "explain aimservice.status",
    "explain pod.spec.nope",
    "events --for pod/alone",
    "describe pod alone",
    "describe node shown-node",
    "describe configmap settings",
    "describe secret key",
    "describe service web",
    "describe pvc data",
    "describe deployment web",
    "describe cronjob nightly",
    "describe crd widgets.shown.example.org",
    "describe aimservice chat",
    "describe quota few",
    "describe serviceaccount default",
    "describe ingress web",
    "describe role reader",
    "describe storageclass shown-fast",
    "logs nobody",
    "auth can-i create pods",
    "auth can-i --list",
    "auth can-i get pods --as=system:serviceaccount:default:default",
    "create configmap made --from-literal=a=b -o yaml --dry-run=client",
    "create configmap made --from-literal=a=b -o yaml --dry-run=server",
    "diff -f -",
)


@pytest.mark.parametrize("command", READING)
async def test_what_is_read_looks_as_from_a_real_server(servers: TwoServers, command: str):
    text = json.dumps(CONFIG_MAP | {"data": {"a": "2"}}) if command.endswith(" -f -") else ""
    assert await servers.differences(command, text) == []


CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}, "data": {"a": "1"}}
WIDGET = {"apiVersion": "shown.example.org/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"replicas": 2}}
STATUS = {"status": {"since": "2026-01-01T00:00:00Z", "conditions": [{"type": "Up", "status": "True"}]}}
SERVICE = {"apiVersion": "aim.silogen.ai/v1alpha1", "kind": "AIMService", "metadata": {"name": "bad"}}

CREATORS = (
    "create secret generic made --from-literal=a=b",
    "create deployment made --image=x --replicas=0 --port=80",
    "create service externalname made --external-name=example.org",
    "create serviceaccount made",
    "create role made --verb=get --resource=pods",
    "create rolebinding made --role=made --user=me",
    "create quota made --hard=cpu=1,pods=30",
    "create poddisruptionbudget made --selector=a=b --min-available=1",
    "create ingress made --class=c --rule=a.b/*=made:80",
    "create cronjob made --image=x --schedule='0 1 * * *'",
    """run made --image=x --overrides='{"spec":{"nodeName":"nowhere"}}'""",
    "get secret,deployment,service,role,rolebinding,quota,pdb,ingress,cronjob made -o yaml",
    "get pod made -o jsonpath={.spec.containers}",
)
"""These send Protobuf."""

CHANGES = {
    "created": [(command, {}) for command in CREATORS],
    "applied": [
        ("apply -f -", CONFIG_MAP),
        ("apply -f -", CONFIG_MAP),
        ("apply -f -", CONFIG_MAP | {"data": {"b": "2"}}),
        ("apply --dry-run=server -f -", CONFIG_MAP | {"data": {"b": "3"}}),
        ("get configmap mine -o yaml --show-managed-fields", {}),
        ("apply -f -", CONFIG_MAP | {"dat": {}}),
        ("apply --validate=warn -f -", CONFIG_MAP | {"dat": {}}),
        ("delete configmap mine", {}),
    ],
    "applied-by-the-server": [
        ("apply --server-side -f -", CONFIG_MAP),
        ("apply --server-side --field-manager=other -f -", CONFIG_MAP | {"data": {"a": "2"}}),
        ("apply --server-side --field-manager=other --force-conflicts -f -", CONFIG_MAP | {"data": {"a": "2"}}),
        ("apply --server-side --dry-run=server -f -", CONFIG_MAP),
        ("get configmap mine -o yaml --show-managed-fields", {}),
        ("delete configmap mine", {}),
    ],
    "refused": [
        ("create -f -", CONFIG_MAP | {"dat": {"a": "b"}}),
        ("apply -f -", SERVICE | {"spec": {"model": {"ref": "a", "image": "b"}}}),
        ("apply -f -", SERVICE | {"spec": {"modle": {"ref": "a"}}}),
        ("create configmap settings --from-literal=a=b", {}),
        ("replace -f -", CONFIG_MAP | {"metadata": {"name": "nobody"}}),
        ("patch aimservice chat -p '{}'", {}),
        ('patch aimservice chat --type=merge -p \'{"spec":{"replicas":-1}}\'', {}),
        ('patch configmap settings --type=json -p \'[{"op":"remove","path":"/data/zzz"}]\'', {}),
        ("delete configmap nobody", {}),
    ],
    "changed": [
        ("create -f -", CONFIG_MAP),
        ("label configmap mine tier=front", {}),
        ("label configmap mine tier=back", {}),
        ("label configmap mine tier=back --overwrite", {}),
        ("label configmap mine tier-", {}),
        ("annotate configmap mine note='hello there'", {}),
        ('patch configmap mine --type=merge -p \'{"data":{"m":"1"}}\'', {}),
        ('patch configmap mine --type=json -p \'[{"op":"replace","path":"/data/m","value":"2"}]\'', {}),
        ('patch configmap mine -p \'{"data":{"m":"2"}}\'', {}),
        ("edit configmap mine", {}),
        ("replace -f -", CONFIG_MAP),
        ("replace --force -f -", CONFIG_MAP | {"data": {"r": "2"}}),
        ("get configmap mine -o yaml", {}),
        ("delete configmap mine", {}),
        ("delete configmap mine --ignore-not-found", {}),
        ("cordon shown-node", {}),
        ("uncordon shown-node", {}),
        ("taint node shown-node a=b:NoSchedule", {}),
        ("get node shown-node -o jsonpath={.spec}", {}),
    ],
    "workload": [
        ("set image deployment/web c=nginx:3", {}),
        ("set env deployment/web A=b", {}),
        ("scale deployment web --replicas=0", {}),
        ("get deployment web -o jsonpath={.spec.template.spec.containers}", {}),
        ("delete deployment web --cascade=orphan", {}),
        ("delete pod alone --grace-period=0 --force", {}),
    ],
    "custom": [
        ("apply -f -", WIDGET),
        ("get widgets", {}),
        (f"patch widget w --subresource=status --type=merge -p '{json.dumps(STATUS)}'", {}),
        ("get widgets -o wide", {}),
        ("get widget w -o yaml", {}),
        ("scale widget w --replicas=3", {}),
        ("scale widget w --replicas=3 --current-replicas=9", {}),
        ("get widget w --subresource=scale -o yaml", {}),
        ("get widget w --subresource=status", {}),
        ("wait widget/w --for=condition=Up --timeout=30s", {}),
        ("wait widget/w --for=condition=Down --timeout=1s", {}),
        ("wait widget/w --for=jsonpath={.spec.replicas}=3 --timeout=30s", {}),
        ("delete widget w", {}),
        ("wait widget/w --for=delete --timeout=30s", {}),
    ],
}


@pytest.mark.parametrize("steps", CHANGES.values(), ids=CHANGES)
async def test_what_is_changed_is_answered_as_by_a_real_server(
    servers: TwoServers, steps: list[tuple[str, dict[str, object]]]
):
    found = [
        line
        for command, thing in steps
        for line in await servers.differences(
            command, json.dumps(thing) if thing else "", editor="sed -i s/hello/goodbye/"
        )
    ]
    assert found == []
