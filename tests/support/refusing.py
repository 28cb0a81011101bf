"""A rule of the cluster that somebody else made: in a namespace, objects of some kind are refused."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from aimctrl.kube import core
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.errors import AlreadyExistsError, InvalidError
from support.world import World, eventually

_GROUP = "admissionregistration.k8s.io"
POLICIES = Kind(_GROUP, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", core.Object, namespaced=False)
BINDINGS = Kind(
    _GROUP, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", core.Object, namespaced=False
)
WORDS = "nothing of this sort in here"
"""What the API server says of it."""


@asynccontextmanager
async def refusing(world: World, namespace: str, kind: Kind[Any]) -> AsyncIterator[None]:
    """While the block runs, no object of the kind is made or changed in the namespace; its status may be.

    A cluster takes seconds to know a rule: it is made once and stays, and a label has the namespace fall under it.
    """
    name = f"refusing-{kind.plural}"
    await _have_rule(world, name, kind)
    await _label(world, namespace, name, "yes")
    try:
        await eventually(lambda: _is_refused(world, namespace))
        yield
    finally:
        await _label(world, namespace, name, None)
    await eventually(lambda: _is_allowed(world, namespace))


async def _have_rule(world: World, name: str, kind: Kind[Any]) -> None:
    """Have the rule for all namespaces with a label of its name; a ConfigMap tells whether it holds."""
    rules = [
        {
            "apiGroups": [one.group],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": [one.plural],
        }
        for one in (kind, core.CONFIGMAPS)
    ]
    policy = {"matchConstraints": {"resourceRules": rules}, "validations": [{"expression": "false", "message": WORDS}]}
    there = {"namespaceSelector": {"matchLabels": {f"test/{name}": "yes"}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": there}
    for part, spec in ((POLICIES, policy), (BINDINGS, binding)):
        with contextlib.suppress(AlreadyExistsError):
            await world.client.create(part, _object(part, name, spec=spec))


async def _label(world: World, namespace: str, name: str, value: str | None) -> None:
    labels = {f"test/{name}": value}
    await world.client.patch(core.NAMESPACES, Key("", namespace), {"metadata": {"labels": labels}})


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
