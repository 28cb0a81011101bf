"""The reconcilers on a cluster of dictionaries: what they write comes back to them, as through a watch."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from aimctrl.kube.core import STORAGE_CLASSES
from aimctrl.kube.kinds import Key
from aimctrl.runtime.errors import Answer, ConflictError, InvalidError, NotFoundError
from aimctrl.runtime.lister import Available, Lister, Unavailable
from aimctrl.runtime.request import Request
from aimctrl.runtime.store import Change, Entry, Store
from aimctrl.sandbox.kubelet import BY_NODE, NodeReconciler, PodReconciler, Sight, matters_to_pods
from aimctrl.sandbox.kubelet_server import LogUnavailableError
from aimctrl.sandbox.script import ImageScript, Scripts
from aimctrl.sandbox.volumes import BY_CLAIM, Volumes
from aimctrl.sandbox.wire import CLAIMS, NODES, PODS

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
POD = Key("x", "p")
GPU = "amd.com/gpu"


class Cluster:
    """Stores and the client that writes to them; `fail` is raised by the next binding or status patch."""

    def __init__(self):
        self.stores = {kind: Store() for kind in (NODES, PODS, CLAIMS, STORAGE_CLASSES)}
        self.stores[PODS].add_index(BY_NODE)
        self.stores[PODS].add_index(BY_CLAIM)
        self.availability = Available()
        self.fail: Exception | None = None
        self.writes: list[str] = []
        self._version = 0

    def lister(self, kind):
        return Lister(kind, self.stores[kind], lambda: self.availability)

    def put(self, kind, manifest):
        self._version += 1
        meta = {"uid": f"uid-{manifest['metadata']['name']}", "generation": 1, **manifest["metadata"]}
        whole = {**manifest, "metadata": meta}
        key = Key(meta.get("namespace", ""), meta["name"])
        self.stores[kind].put(key, Entry(msgspec.json.encode(whole), self._version, meta["generation"]))

    def get(self, kind, key):
        entry = self.stores[kind].get(key)
        return None if entry is None else msgspec.json.decode(entry.raw)

    def change(self, kind, key, body):
        self.put(kind, merged(self.get(kind, key), body))

    async def patch(self, kind, key, body, *, subresource=""):
        self._write(f"patch {kind.name.lower()}/{subresource}")
        test, *additions = body
        assert test == {"op": "test", "path": "/metadata/uid", "value": self.stores[kind].get(key).uid}
        status = {addition["path"].removeprefix("/status/"): addition["value"] for addition in additions}
        whole = self.get(kind, key)
        self.put(kind, whole | {"status": whole.get("status", {}) | status})

    async def request(self, method, path, *, body):
        self._write(f"{method} {path.rpartition('/')[2]}")
        self.change(PODS, Key("x", body["metadata"]["name"]), {"spec": {"nodeName": body["target"]["name"]}})

    async def delete(self, kind, key, *, uid, grace_seconds):
        self._write(f"delete {kind.name.lower()} {uid} {grace_seconds}")
        if self.get(kind, key)["metadata"].get("finalizers"):
            self.change(kind, key, {"metadata": {"deletionGracePeriodSeconds": grace_seconds}})
        else:
            self.stores[kind].remove(key)

    def _write(self, what):
        self.writes.append(what)
        if self.fail is not None:
            raise self.fail


def merged(old, patch):
    if not isinstance(old, dict) or not isinstance(patch, dict):
        return patch
    result = old | {name: merged(old.get(name), value) for name, value in patch.items()}
    return {name: value for name, value in result.items() if value is not None}


async def _port():
    return 4242


class Sandbox:
    """The reconcilers on one cluster, and the pods they asked to have looked at."""

    def __init__(self):
        self.cluster = Cluster()
        self.scripts = Scripts()
        self.woken: list[Key] = []
        self.restart()

    def restart(self):
        nodes, pods = self.cluster.lister(NODES), self.cluster.lister(PODS)
        self.nodes = NodeReconciler(self.cluster, nodes, _port)
        volumes = Volumes(self.cluster.lister(CLAIMS), self.cluster.lister(STORAGE_CLASSES))
        self.pods = PodReconciler(self.cluster, Sight(nodes, pods, volumes), self.scripts, self.woken.append)

    async def node(self, name="n", **manifest):
        self.cluster.put(NODES, {"metadata": {"name": name, "labels": {"amd.com/gpu.family": "AI"}}, **manifest})
        return await self.nodes.reconcile(Request(Key("", name), START))

    def pod(self, name="p", *, gpus=0, meta=None, **spec):
        container = {"name": "c", "image": "image", "resources": {"limits": {GPU: gpus}}}
        spec = {"restartPolicy": "Never", "containers": [container], **spec}
        self.cluster.put(PODS, {"metadata": {"namespace": "x", "name": name, **(meta or {})}, "spec": spec})

    async def look(self, name="p", seconds=0.0):
        return await self.pods.reconcile(Request(Key("x", name), START + timedelta(seconds=seconds)))

    def told(self, name="p"):
        """The pod's node, phase and first container's state."""
        pod = self.cluster.get(PODS, Key("x", name))
        status = pod.get("status", {})
        states = [next(iter(c["state"])) for c in status.get("containerStatuses", [])]
        return pod["spec"].get("nodeName"), status.get("phase"), *states


@pytest.fixture
def sandbox():
    return Sandbox()


async def test_a_pod_that_runs_costs_three_writes(sandbox):
    await sandbox.node()
    sandbox.cluster.writes.clear()
    sandbox.scripts.set("image", ImageScript(log="hello", run_seconds=5))
    sandbox.pod()
    await sandbox.look()
    assert sandbox.told() == ("n", None)
    assert (await sandbox.look()).requeue_after == 5
    assert sandbox.told() == ("n", "Running", "running")
    assert (await sandbox.look(seconds=2)).requeue_after == 3
    assert (await sandbox.look(seconds=5)).requeue_after is None
    assert sandbox.told() == ("n", "Succeeded", "terminated")
    assert (await sandbox.look(seconds=6)).requeue_after is None
    assert sandbox.cluster.writes == ["POST binding", "patch pod/status", "patch pod/status"]
    assert sandbox.pods.logs.read(POD, "c") == b"hello"


async def test_a_restarted_sandbox_goes_on_where_the_pod_is(sandbox):
    await sandbox.node()
    sandbox.scripts.set("image", ImageScript(run_seconds=5))
    sandbox.pod()
    await sandbox.look()
    await sandbox.look()
    sandbox.restart()
    await sandbox.look(seconds=5)
    assert sandbox.told() == ("n", "Succeeded", "terminated")


async def test_a_pod_that_cannot_be_pulled_runs_once_its_script_changes(sandbox):
    await sandbox.node()
    sandbox.scripts.set("image", ImageScript(pull_error="not-found"))
    sandbox.pod()
    await sandbox.look()
    assert (await sandbox.look()).requeue_after == 5
    assert sandbox.told() == ("n", "Pending", "waiting")
    assert sandbox.pods.unfinished() == [POD]
    sandbox.scripts.set("image", ImageScript())
    await sandbox.look(seconds=1)
    assert sandbox.told() == ("n", "Succeeded", "terminated")
    assert sandbox.pods.unfinished() == []


async def test_a_pod_that_fits_nowhere_says_so_once(sandbox):
    await sandbox.node()
    sandbox.pod(nodeSelector={"zone": "b"})
    for _ in range(2):
        await sandbox.look()
    assert sandbox.cluster.writes.count("patch pod/status") == 1
    (scheduled,) = sandbox.cluster.get(PODS, POD)["status"]["conditions"]
    assert (scheduled["type"], scheduled["status"], scheduled["reason"]) == ("PodScheduled", "False", "Unschedulable")
    assert scheduled["message"] == "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."


async def test_gpus_are_given_to_as_many_pods_as_there_are(sandbox):
    await sandbox.node()
    for name in ("a", "b"):
        sandbox.pod(name, gpus=5)
        await sandbox.look(name)
    assert sandbox.told("a") == ("n", None)
    assert sandbox.told("b") == (None, None)
    await sandbox.look("a")
    await sandbox.look("a")
    assert sandbox.told("a") == ("n", "Succeeded", "terminated")
    assert sandbox.woken == [Key("x", "b")]
    await sandbox.look("b")
    assert sandbox.told("b")[0] == "n"


async def test_pods_of_before_count_after_a_restart(sandbox):
    await sandbox.node()
    sandbox.scripts.set("image", ImageScript(runs_forever=True))
    sandbox.pod("a", gpus=8)
    await sandbox.look("a")
    sandbox.restart()
    await sandbox.pods.take_stock()
    sandbox.pod("b", gpus=1)
    await sandbox.look("b")
    assert sandbox.told("b") == (None, None)


async def test_a_binding_under_way_is_not_repeated(sandbox):
    await sandbox.node()
    sandbox.pod()
    await sandbox.look()
    sandbox.pod()  # the watch is behind: no node yet
    await sandbox.look()
    assert sandbox.cluster.writes.count("POST binding") == 1


async def test_a_namesake_of_a_bound_pod_is_bound_too(sandbox):
    await sandbox.node()
    sandbox.pod()
    await sandbox.look()
    sandbox.pod(meta={"uid": "another"})
    await sandbox.look()
    assert sandbox.cluster.writes.count("POST binding") == 2


@pytest.mark.parametrize("error", [ConflictError, NotFoundError])
async def test_a_pod_bound_or_deleted_by_others_holds_nothing(sandbox, error):
    await sandbox.node()
    sandbox.pod(gpus=8)
    sandbox.cluster.fail = error(Answer())
    await sandbox.look()
    sandbox.cluster.fail = None
    sandbox.pod("other", gpus=8)
    await sandbox.look("other")
    assert sandbox.told("other")[0] == "n"


async def test_a_failed_binding_is_raised_and_tried_again(sandbox):
    await sandbox.node()
    sandbox.pod(gpus=8)
    sandbox.cluster.fail = OSError()
    with pytest.raises(OSError):
        await sandbox.look()
    sandbox.cluster.fail = None
    await sandbox.look()
    assert sandbox.told()[0] == "n"


async def test_a_deleted_pod_ends_and_goes(sandbox):
    await sandbox.node()
    sandbox.scripts.set("image", ImageScript(runs_forever=True))
    deleted = {"deletionTimestamp": "2026-01-01T12:00:00Z", "deletionGracePeriodSeconds": 30, "finalizers": ["f"]}
    sandbox.pod(meta=deleted, nodeName="n")
    await sandbox.look()
    assert sandbox.told() == ("n", "Failed", "terminated")
    await sandbox.look()
    assert sandbox.cluster.writes[-2:] == ["patch pod/status", "delete pod uid-p 0"]


async def test_a_pod_that_is_gone_leaves_room_and_no_log(sandbox):
    await sandbox.node()
    sandbox.pod(gpus=8)
    await sandbox.look()
    await sandbox.look()
    sandbox.cluster.stores[PODS].remove(POD)
    await sandbox.look()
    with pytest.raises(LogUnavailableError):
        sandbox.pods.logs.read(POD, "c")
    sandbox.pod("other", gpus=8)
    await sandbox.look("other")
    assert sandbox.told("other")[0] == "n"


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"schedulingGates": [{"name": "g"}]}, id="gated"),
        pytest.param({"nodeName": "elsewhere"}, id="on a node with a kubelet"),
    ],
)
async def test_some_pods_are_left_alone(sandbox, spec):
    served = {"daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}
    await sandbox.node("elsewhere", status=served)
    await sandbox.node()
    sandbox.cluster.writes.clear()
    sandbox.pod(**spec)
    await sandbox.look()
    assert sandbox.cluster.writes == []


async def test_pods_of_a_node_that_is_gone_are_collected(sandbox):
    sandbox.pod(nodeName="gone")
    await sandbox.look()
    assert sandbox.cluster.get(PODS, POD) is None


async def test_pods_are_not_collected_while_it_is_not_known_which_nodes_there_are(sandbox):
    sandbox.cluster.availability = Unavailable("Unreachable", "")
    sandbox.pod(nodeName="unknown")
    await sandbox.look()
    assert sandbox.cluster.writes == []


async def test_a_node_is_claimed_once(sandbox):
    for _ in range(2):
        await sandbox.nodes.reconcile(Request(Key("", "n"), START))
        await sandbox.node(status=(sandbox.cluster.get(NODES, Key("", "n")) or {}).get("status", {}))
    assert sandbox.cluster.writes == ["patch node/status"]
    assert sandbox.cluster.get(NODES, Key("", "n"))["status"]["capacity"][GPU] == "8"


async def test_gpus_go_when_their_labels_go(sandbox):
    await sandbox.node()
    sandbox.cluster.change(NODES, Key("", "n"), {"metadata": {"labels": {"amd.com/gpu.family": None}}})
    await sandbox.nodes.reconcile(Request(Key("", "n"), START))
    assert GPU not in sandbox.cluster.get(NODES, Key("", "n"))["status"]["capacity"]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NotFoundError(Answer(404)), id="gone"),
        pytest.param(InvalidError(Answer(422, message="test operation did not apply")), id="replaced"),
    ],
)
async def test_a_status_written_too_late_is_no_error(sandbox, error):
    await sandbox.node()
    sandbox.pod(nodeName="n")
    sandbox.cluster.fail = error
    assert (await sandbox.look()).requeue_after is None


async def test_a_status_that_is_refused_is_an_error(sandbox):
    await sandbox.node()
    sandbox.pod(nodeName="n")
    sandbox.cluster.fail = InvalidError(Answer(422, details={"name": "p"}))
    with pytest.raises(InvalidError):
        await sandbox.look()


async def test_a_node_concerns_the_pods_on_it_and_those_that_wait(sandbox):
    await sandbox.node()
    sandbox.pod("on-it", nodeName="n")
    sandbox.pod("elsewhere", nodeName="m")
    sandbox.pod("waiting", gpus=99)
    await sandbox.look("waiting")
    entry = sandbox.cluster.stores[NODES].get(Key("", "n"))
    concerned = sandbox.pods.concerned(Change(Key("", "n"), None, entry))
    assert concerned == [Key("x", "on-it"), Key("x", "waiting")]


@pytest.mark.parametrize(
    ("body", "matters"),
    [
        pytest.param({"metadata": {"annotations": {"a": "1"}}}, False, id="an annotation"),
        pytest.param({"status": {"conditions": []}}, False, id="a heartbeat"),
        pytest.param({"metadata": {"labels": {"a": "1"}}}, True, id="a label"),
        pytest.param({"spec": {"unschedulable": True}}, True, id="cordoned"),
        pytest.param({"status": {"allocatable": {GPU: "1"}}}, True, id="its devices"),
        pytest.param({"status": {"nodeInfo": {"kubeletVersion": ""}}}, True, id="its kubelet"),
    ],
)
async def test_heartbeats_do_not_matter(sandbox, body, matters):
    await sandbox.node()
    key, store = Key("", "n"), sandbox.cluster.stores[NODES]
    old = store.get(key)
    sandbox.cluster.change(NODES, key, body)
    assert matters_to_pods(Change(key, old, store.get(key))) is matters
    assert matters_to_pods(Change(key, old, None))


def claim(sandbox, phase, *, lazy=False):
    mode = "WaitForFirstConsumer" if lazy else "Immediate"
    sandbox.cluster.put(STORAGE_CLASSES, {"metadata": {"name": "fast"}, "volumeBindingMode": mode})
    meta = {"namespace": "x", "name": "data"}
    sandbox.cluster.put(CLAIMS, {"metadata": meta, "spec": {"storageClassName": "fast"}, "status": {"phase": phase}})


USES_CLAIM = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "t", "emptyDir": {}}]}


async def test_a_pod_gets_no_node_before_its_claim_is_bound(sandbox):
    await sandbox.node()
    sandbox.pod(**USES_CLAIM)
    await sandbox.look()
    (scheduled,) = sandbox.cluster.get(PODS, POD)["status"]["conditions"]
    assert scheduled["message"] == 'persistentvolumeclaim "data" not found'
    claim(sandbox, "Pending")
    await sandbox.look()
    (scheduled,) = sandbox.cluster.get(PODS, POD)["status"]["conditions"]
    assert scheduled["message"] == "pod has unbound immediate PersistentVolumeClaims"
    claim(sandbox, "Bound")
    for _ in range(2):
        await sandbox.look()
    assert sandbox.told() == ("n", "Succeeded", "terminated")


async def test_a_pod_whose_claim_is_bound_on_first_use_gets_a_node_and_waits_there(sandbox):
    await sandbox.node()
    claim(sandbox, "Pending", lazy=True)
    sandbox.pod(**USES_CLAIM)
    for _ in range(2):
        await sandbox.look()
    assert sandbox.told() == ("n", None)
    claim(sandbox, "Bound", lazy=True)
    assert list(sandbox.pods.with_claim(Change(Key("x", "data"), None, None))) == [POD]
    await sandbox.look()
    assert sandbox.told() == ("n", "Succeeded", "terminated")
    assert list(sandbox.pods.with_claim(Change(Key("x", "data"), None, None))) == []
