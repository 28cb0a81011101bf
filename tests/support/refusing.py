"""A rule of the cluster that somebody else made: in a namespace, objects of some kinds are refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from aimctrl.kube import core
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.errors import InvalidError
from support.world import World, eventually

_GROUP = "admissionregistration.k8s.io"
POLICIES = Kind(_GROUP, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", core.Object, namespaced=False)
BINDINGS = Kind(
    _GROUP, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", core.Object, namespaced=False
)
WORDS = "nothing of this sort in here"
"""What the API server says of it."""


@asynccontextmanager
async def refusing(world: World, namespace: str, *kinds: Kind[Any]) -> AsyncIterator[None]:
    """While the block runs, no object of these kinds is made or changed in the namespace; its status may be."""
    name = f"refusing-{uuid4().hex[:8]}"
    rules = [
        {
            "apiGroups": [kind.group],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": [kind.plural],
        }
        for kind in (*kinds, core.CONFIGMAPS)  # a ConfigMap tells when the rule holds
    ]
    policy = {"matchConstraints": {"resourceRules": rules}, "validations": [{"expression": "false", "message": WORDS}]}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    for kind, spec in ((POLICIES, policy), (BINDINGS, binding)):
        await world.client.create(kind, _object(kind, name, spec=spec))
    try:
        await eventually(lambda: _is_refused(world, namespace))
        yield
    finally:
        for kind in (BINDINGS, POLICIES):
            await world.client.delete(kind, Key("", name))
    await eventually(lambda: _is_allowed(world, namespace))


def _object(kind: Kind[Any], name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name}, **fields}


async def _is_refused(world: World, namespace: str) -> bool:
    kind = core.CONFIGMAPS
    try:
        body = _object(kind, f"canary-{uuid4().hex[:8]}")
        await world.client.request("POST", kind.path(namespace), body=body, query={"dryRun": "All"})
    except InvalidError as error:
        return WORDS in str(error)
    return False


async def _is_allowed(world: World, namespace: str) -> bool:
    return not await _is_refused(world, namespace)
