"""The options of each process.

All name the control plane's folder, by which `down` knows its processes, and all run in it, so that etcd's sockets have
short relative names: a socket's path is limited to about 100 bytes.
"""

from pathlib import Path

from controlplane.certs import Certs

ETCD_SOCKET = "etcd.sock"
ETCD_PEER_SOCKET = "etcd-peer.sock"
TOKENS = "tokens.csv"
AUDIT_POLICY = "audit-policy.yaml"
AUDIT_LOG = "audit.log"
CONTROLLERS_KUBECONFIG = "kube-controller-manager.kubeconfig"

AUDIT_POLICY_TEXT = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  verbs: [create, patch]
  resources:
  - group: aim.silogen.ai
    resources: ["*/status"]
  - group: events.k8s.io
    resources: [events]
- level: Metadata
"""

CONTROLLER_NAMES = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "persistentvolumeclaim-protection-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "ttl-after-finished-controller",
)


def etcd(folder: Path) -> list[str]:
    """A single member that listens on sockets in its folder alone and does not wait for the disk.

    The advertised addresses are never dialled; etcd insists on a host and a port there.
    """
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=unix://{ETCD_SOCKET}",
        f"--listen-peer-urls=unix://{ETCD_PEER_SOCKET}",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=controlplane=http://127.0.0.1:2380",
        "--name=controlplane",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver(port: int, folder: Path, certs: Certs) -> list[str]:
    """RBAC, audit and service account admission as in a cluster; who may own what is checked, as in OpenShift.

    Admission that taints new nodes as not ready is off, since no controller here would take the taint away. The
    endpoints of the service `kubernetes` are not written: a loopback address is not allowed there.
    """
    return [
        f"--etcd-servers=unix://{ETCD_SOCKET}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--cert-dir={certs.folder}",
        f"--tls-cert-file={certs.serving}",
        f"--tls-private-key-file={certs.serving.with_suffix('.key')}",
        f"--client-ca-file={certs.ca}",
        f"--kubelet-client-certificate={certs.kubelet_client}",
        f"--kubelet-client-key={certs.kubelet_client.with_suffix('.key')}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={certs.service_account_key}",
        f"--service-account-signing-key-file={certs.service_account_key}",
        f"--token-auth-file={folder / TOKENS}",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=TaintNodesByCondition",
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        "--allow-privileged",
        "--profiling=false",
        f"--audit-policy-file={folder / AUDIT_POLICY}",
        f"--audit-log-path={folder / AUDIT_LOG}",
    ]


def controllers(folder: Path, certs: Certs) -> list[str]:
    """Only what makes jobs, deletion and service accounts work; nothing that would need a kubelet or a scheduler."""
    return [
        f"--kubeconfig={folder / CONTROLLERS_KUBECONFIG}",
        "--leader-elect=false",
        "--secure-port=0",
        "--use-service-account-credentials=false",
        f"--service-account-private-key-file={certs.service_account_key}",
        f"--root-ca-file={certs.ca}",
        f"--controllers={','.join(CONTROLLER_NAMES)}",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--concurrent-gc-syncs=20",
        "--concurrent-job-syncs=20",
        "--concurrent-namespace-syncs=20",
        "--concurrent-serviceaccount-token-syncs=5",
        "--concurrent-ttl-after-finished-syncs=10",
    ]
