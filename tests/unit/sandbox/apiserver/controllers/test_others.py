import pytest

from support.scene import scene, settle

pytestmark = pytest.mark.looptime

POD = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "i"}]}}
PROTECTED = ["kubernetes.io/pvc-protection"]
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def pod(**spec):
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    return {"containers": [{"name": "main", "image": "i"}], "volumes": volumes, **spec}


async def test_a_namespace_is_given_an_account_and_the_certificate_to_trust_and_keeps_them():
    async with scene() as at:
        for plural, name in (("serviceaccounts", "default"), ("configmaps", "kube-root-ca.crt")):
            assert at.get(plural, name)
            at.delete(plural, name)
            await settle()
            assert at.get(plural, name)
        at.change("configmaps", "kube-root-ca.crt", lambda thing: thing.update(data={"ca.crt": "another"}))
        await settle()
        trusted = at.get("configmaps", "kube-root-ca.crt")
        assert trusted is not None
        assert trusted["data"] == {"ca.crt": "a certificate"}


async def test_a_namespace_goes_with_all_that_is_in_it_once_nothing_holds_that():
    async with scene() as at:
        at.create("configmaps", "held", metadata={"finalizers": ["example.com/hold"]})
        at.create(
            "jobs", "held", metadata={"finalizers": ["example.com/hold"]}, spec={"suspend": True, "template": POD}
        )
        at.create("secrets", "free")
        at.delete("namespaces", "here")
        await settle(2)
        namespace = at.get("namespaces", "here")
        assert namespace is not None
        assert namespace["status"]["phase"] == "Terminating"
        said = {c["type"]: c["message"] for c in namespace["status"]["conditions"] if c["status"] == "True"}
        assert said == {
            "NamespaceContentRemaining": "Some resources are remaining: configmaps. has 1 resource instances, jobs.batch "
            "has 1 resource instances",
            "NamespaceFinalizersRemaining": "Some content in the namespace has finalizers remaining: example.com/hold in "
            "2 resource instances",
        }
        assert [thing["metadata"]["name"] for thing in at.all("configmaps", "here")] == ["held"]
        assert at.all("secrets", "here") == []
        for plural in ("configmaps", "jobs"):
            at.change(plural, "held", lambda thing: thing["metadata"].pop("finalizers"))
        await settle(2)
        assert at.get("namespaces", "here") is None


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        pytest.param(pod(nodeName="n"), True, id="a pod on a node"),
        pytest.param(pod(), False, id="a pod without a node"),
        pytest.param({**pod(nodeName="n"), "volumes": []}, False, id="a pod without the claim"),
    ],
)
async def test_a_claim_stays_while_a_pod_on_a_node_uses_it(spec, kept):
    async with scene() as at:
        at.create("persistentvolumeclaims", "data", spec=CLAIM)
        at.create("pods", "user", spec=spec)
        await settle()
        at.delete("persistentvolumeclaims", "data")
        await settle()
        claim = at.get("persistentvolumeclaims", "data")
        assert (claim is not None) == kept
        if claim is not None:
            assert claim["metadata"]["finalizers"] == PROTECTED
            at.change("pods", "user", lambda thing: thing["status"].update(phase="Succeeded"), "status")
            await settle()
            assert at.get("persistentvolumeclaims", "data"), "a pod that is over uses it, too"
            at.cluster.storage.collection("", "pods").remove("here/user")
            await settle()
            assert at.get("persistentvolumeclaims", "data") is None


async def test_an_aggregated_role_has_the_rules_of_those_it_selects():
    async with scene() as at:
        reads = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
        writes = {"verbs": ["create"], "apiGroups": [""], "resources": ["pods"]}
        rule = {"clusterRoleSelectors": [{"matchLabels": {"to": "all"}}]}
        at.create("clusterroles", "all", aggregationRule=rule)
        at.create("clusterroles", "reader", metadata={"labels": {"to": "all"}}, rules=[reads])
        at.create("clusterroles", "writer", metadata={"labels": {"to": "all"}}, rules=[writes, reads])
        at.create("clusterroles", "aside", rules=[writes])
        await settle()
        assert at.get("clusterroles", "all")["rules"] == [reads, writes]
        at.delete("clusterroles", "writer")
        await settle()
        assert at.get("clusterroles", "all")["rules"] == [reads]
