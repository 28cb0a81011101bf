"""The words of a case: requests that are sent one after another to two servers.

In paths, headers and bodies `$(ns)` is the case's namespace, and `$(2.metadata.uid)` that part of the answer to the
third request. A text that is nothing but such a reference becomes the value it refers to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

JSON = "application/json"
YAML = "application/yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"

CORE = "/api/v1/namespaces/$(ns)"
CM = f"{CORE}/configmaps"
WIDGETS = "/apis/conformance.example.com/v1/namespaces/$(ns)/widgets"
MODELS = "/apis/aim.silogen.ai/v1alpha1/namespaces/$(ns)/aimmodels"


@dataclass(frozen=True)
class Send:
    """One request. `body` is sent as it is where it is bytes, else as JSON.

    `until` has it sent again until it is answered with that code: for what controllers do in their own time.
    """

    method: str
    path: str
    body: Any = None
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    until: int = 0


@dataclass(frozen=True)
class Watch:
    """A watch that is open from here to the end of the case; `silent` says that it sees nothing."""

    path: str
    silent: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


Step = Send | Watch


@dataclass(frozen=True)
class Case:
    """A conversation with a server."""

    id: str
    steps: tuple[Step, ...]


def case(id_: str, *steps: Step) -> Case:
    return Case(id_, steps)


def get(path: str, **headers: str) -> Send:
    return Send("GET", path, headers=named(headers))


def post(path: str, body: Any = None, media: str = JSON, **headers: str) -> Send:
    return Send("POST", path, body, media, named(headers))


def put(path: str, body: Any = None, media: str = JSON, **headers: str) -> Send:
    return Send("PUT", path, body, media, named(headers))


def patch(path: str, body: Any, media: str = MERGE, **headers: str) -> Send:
    return Send("PATCH", path, body, media, named(headers))


def apply(path: str, body: Any, manager: str = "alice", more: str = "") -> Send:
    return Send("PATCH", f"{path}?fieldManager={manager}{more}", body, APPLY)


def delete(path: str, body: Any = None, **headers: str) -> Send:
    return Send("DELETE", path, body, JSON, named(headers))


def gone(path: str) -> Send:
    return Send("GET", path, until=404)


def once(step: Send, code: int) -> Send:
    """A request that is sent until it is answered with that code, as roles and the like take a moment to be seen."""
    return replace(step, until=code)


def watch(path: str, *, silent: bool = False, **headers: str) -> Watch:
    return Watch(path, silent, named(headers))


def named(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers from the names of parameters: `Impersonate_User` is `Impersonate-User`."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def cm(name: str, data: Mapping[str, Any] | None = None, /, **meta: Any) -> dict[str, Any]:
    """A ConfigMap."""
    thing: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}}
    return thing if data is None else thing | {"data": dict(data)}


def widget(name: str, spec: Any = None, /, **meta: Any) -> dict[str, Any]:
    """A Widget."""
    thing: dict[str, Any] = {
        "apiVersion": "conformance.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name, **meta},
    }
    return thing if spec is None else thing | {"spec": spec}
