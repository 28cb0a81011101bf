from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.asking import Asker, asker

# The answers are those of kube-apiserver 1.36.

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/test.io/v1/namespaces/default/widgets"
MERGE = "application/merge-patch+json"


def crd():
    counted = {"type": "object", "properties": {"replicas": {"type": "integer", "maximum": 10}}}
    status = {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}}
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}, "scale": {**scale, "labelSelectorPath": ".status.selector"}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": counted, "status": status}}},
    }
    names = {"plural": "widgets", "kind": "Widget"}
    spec = {"group": "test.io", "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": "widgets.test.io"}, "spec": spec}


def widget(name: str, **spec: int):
    return {"apiVersion": "test.io/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


def scale(name: str, replicas: int, **meta: str):
    return {"metadata": {"name": name, **meta}, "spec": {"replicas": replicas}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at() -> AsyncIterator[Asker]:
    async with asker() as made:
        labels = {"a": "b", "c": "d", "z": "p"}
        expressions = [{"key": "z", "operator": "In", "values": ["q", "p"]}]
        selector = {"matchLabels": {"c": "d", "a": "b"}, "matchExpressions": expressions}
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"replicas": 2, "selector": selector, "template": pod}
        code, answer = await made.ask("POST", DEPLOYMENTS, {"metadata": {"name": "d"}, "spec": spec})
        assert code == 201, answer
        await made.ask("POST", CRDS, crd())
        while (await made.ask("GET", WIDGETS))[0] != 200:
            pass
        await made.ask("POST", WIDGETS, widget("w", replicas=2))
        await made.ask("POST", WIDGETS, widget("none"))
        yield made


@pytest.mark.asyncio(loop_scope="module")
async def test_a_scale_shows_replicas_and_the_selector(at: Asker):
    code, answer = await at.ask("GET", f"{DEPLOYMENTS}/d/scale")
    assert (code, answer["apiVersion"], answer["kind"]) == (200, "autoscaling/v1", "Scale")
    assert answer["spec"] == {"replicas": 2}
    assert answer["status"] == {"replicas": 0, "selector": "a=b,c=d,z in (p,q)"}
    assert set(answer["metadata"]) == {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}


@pytest.mark.parametrize(("path", "name"), [(DEPLOYMENTS, "d"), (WIDGETS, "w")])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_scale_is_written_in_three_ways(at: Asker, path, name):
    change = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
    for method, body, media, replicas in (
        ("PUT", scale(name, 3), "application/json", 3),
        ("PATCH", {"spec": {"replicas": 4}}, MERGE, 4),
        ("PATCH", change, "application/json-patch+json", 5),
    ):
        code, answer = await at.ask(method, f"{path}/{name}/scale", body, media)
        assert (code, answer["spec"]) == (200, {"replicas": replicas}), answer
        whole = (await at.ask("GET", f"{path}/{name}"))[1]
        assert whole["spec"]["replicas"] == replicas
        assert "scale" in [entry.get("subresource") for entry in whole["metadata"]["managedFields"]]


STALE = "the object has been modified; please apply your changes to the latest version and try again"
CASES = [
    pytest.param(
        f"{DEPLOYMENTS}/d",
        scale("d", -1),
        422,
        'Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        id="fewer than none",
    ),
    pytest.param(
        f"{DEPLOYMENTS}/d",
        scale("x", 1),
        400,
        "the name of the object (x) does not match the name on the URL (d)",
        id="another name",
    ),
    pytest.param(f"{DEPLOYMENTS}/x", scale("x", 1), 404, 'deployments.apps "x" not found', id="not there"),
    pytest.param(
        f"{WIDGETS}/w",
        scale("w", -4),
        422,
        'Widget.test.io "w" is invalid: .spec.replicas: Invalid value: -4: should be a non-negative integer',
        id="fewer than none, of a custom resource",
    ),
    pytest.param(
        f"{WIDGETS}/w",
        scale("w", 40),
        422,
        'Widget.test.io "w" is invalid: spec.replicas: Invalid value: 40: spec.replicas in body should be less than or '
        "equal to 10",
        id="more than the schema allows",
    ),
    pytest.param(
        f"{WIDGETS}/w",
        scale("w", 1, resourceVersion="1"),
        409,
        f'Operation cannot be fulfilled on widgets.test.io "w": {STALE}',
        id="stale",
    ),
    pytest.param(
        f"{WIDGETS}/w",
        {"apiVersion": "v1", "kind": "Pod", **scale("w", 1)},
        400,
        'no kind is registered for the type v1.Scale in scheme "pkg/runtime/scheme.go:111"',
        id="another kind",
    ),
]


@pytest.mark.parametrize(("path", "body", "code", "message"), CASES)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_scale_that_cannot_be_is_refused(at: Asker, path, body, code, message):
    assert await at.said("PUT", f"{path}/scale", body) == (code, message)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_custom_resource_without_replicas_has_no_scale_until_it_is_given_one(at: Asker):
    words = 'Internal error occurred: the spec replicas field ".spec.replicas" does not exist'
    assert await at.said("GET", f"{WIDGETS}/none/scale") == (500, words)
    assert (await at.ask("PATCH", f"{WIDGETS}/none/scale", {"spec": {"replicas": 1}}, MERGE))[0] == 200
    assert (await at.ask("GET", f"{WIDGETS}/none/scale"))[1]["spec"] == {"replicas": 1}
