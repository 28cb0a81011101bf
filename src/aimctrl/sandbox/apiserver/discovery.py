"""What the server tells of itself: its groups and resources, its version, and whether it is well.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from aimctrl.sandbox.apiserver.builtin.documents import document
from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.negotiation import JSON
from aimctrl.sandbox.apiserver.openapi import OpenApi
from aimctrl.sandbox.apiserver.resources import Registry, ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object

VERSION = "v1.36.3"
"""The version of Kubernetes whose behaviour this server has."""

_HEALTH = ("/healthz", "/livez", "/readyz")

_STATUS_VERBS = ("get", "patch", "update")

_CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
"""The verbs of custom resources, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """Answers requests for paths that are no resources."""

    registry: Registry
    openapi: OpenApi

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to such a request.

        Raises:
            StatusError: 404, where there is nothing of that version.
        """
        path = "/" + request.path.strip("/")
        if any(path == health or path.startswith(f"{health}/") for health in _HEALTH):
            return web.Response(text="ok")
        if path.startswith("/openapi/"):
            return self.openapi.answer(request)
        body = self._body(path, request)
        if body is None:
            return web.Response(status=404, text="404 page not found\n")
        raw = msgspec.json.encode(body)
        if "as=APIGroupDiscoveryList" in _accepted(request):
            return _aggregated_response(request, raw, _accepted(request))
        return web.Response(body=raw, content_type=JSON)

    def _body(self, path: str, request: web.BaseRequest) -> Object | None:
        parts = path.strip("/").split("/")
        if parts in (["api"], ["apis"]):
            return self._overview(parts[0], request)
        if parts == ["version"]:
            return _version()
        if parts == [""]:
            return {"paths": sorted(self._paths())}
        return self._below(parts)

    def _overview(self, root: str, request: web.BaseRequest) -> Object:
        accepted = _accepted(request)
        if "as=APIGroupDiscoveryList" in accepted:
            return self._aggregated([""] if root == "api" else self.registry.groups(), accepted)
        return _legacy_versions(request) if root == "api" else self._groups()

    def _below(self, parts: Sequence[str]) -> Object | None:
        groups = self.registry.groups()
        match parts:
            case ["api", version]:
                return self._resources("", version)
            case ["apis", group] if group in groups:
                return self._group(group)
            case ["apis", group, version] if group in groups:
                return self._resources(group, version)
            case _:
                return None

    def _types(self, group: str, version: str) -> list[ResourceType]:
        found = [t for t in self.registry if (t.group, t.version) == (group, version)]
        return sorted(found, key=lambda type_: type_.plural)

    def _paths(self) -> Iterator[str]:
        yield from ("/api", "/api/v1", "/apis", "/apis/", "/openapi/v3", "/version", *_HEALTH)
        for group in self.registry.groups():
            yield f"/apis/{group}"
            yield from (f"/apis/{group}/{version}" for version in self.registry.versions(group))

    def _groups(self) -> Object:
        groups = [self._group(group) for group in self.registry.groups()]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_without_head(group) for group in groups]}

    def _group(self, group: str) -> Object:
        versions = [{"groupVersion": f"{group}/{v}", "version": v} for v in self.registry.versions(group)]
        return {
            "kind": "APIGroup",
            "apiVersion": "v1",
            "name": group,
            "versions": versions,
            "preferredVersion": versions[0],
        }

    def _resources(self, group: str, version: str) -> Object:
        types = self._types(group, version)
        if not types:
            raise StatusError(404, "NotFound", "the server could not find the requested resource", details={})
        entries = [entry for type_ in types for entry in _entries(type_)]
        group_version = f"{group}/{version}" if group else version
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}

    def _aggregated(self, groups: Sequence[str], accepted: str) -> Object:
        version = "v2" if "v=v2;" in f"{accepted.replace(',', ';')};" else "v2beta1"
        items: list[Object] = []
        for group in groups:
            versions = [
                {
                    "version": v,
                    "resources": [_aggregated_entry(type_) for type_ in self._types(group, v)],
                    "freshness": "Current",
                }
                for v in self.registry.versions(group)
            ]
            items.append({"metadata": {"name": group} if group else {}, "versions": versions})
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": f"apidiscovery.k8s.io/{version}",
            "metadata": {},
            "items": items,
        }


def _accepted(request: web.BaseRequest) -> str:
    first = request.headers.get("Accept", "").split(",")[0]
    return first.replace(" ", "")


def _aggregated_response(request: web.BaseRequest, raw: bytes, accepted: str) -> web.Response:
    tag = f'"{hashlib.sha512(raw).hexdigest().upper()}"'
    version = "v2" if "v=v2;" in f"{accepted};" else "v2beta1"
    kind = f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "public", "Content-Type": kind}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=raw, headers=headers)


def _legacy_versions(request: web.BaseRequest) -> Object:
    address = [{"clientCIDR": "0.0.0.0/0", "serverAddress": request.host}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": address}


def _without_head(group: Object) -> Object:
    return {key: value for key, value in group.items() if key not in {"kind", "apiVersion"}}


def _entries(type_: ResourceType) -> Iterator[Object]:
    entry: Object = {
        "name": type_.plural,
        "singularName": type_.singular,
        "namespaced": type_.namespaced,
        "kind": type_.kind,
        "verbs": _verbs(type_),
    }
    if type_.short_names:
        entry["shortNames"] = list(type_.short_names)
    if type_.categories:
        entry["categories"] = list(type_.categories)
    if "get" in type_.verbs:
        entry["storageVersionHash"] = _hash(type_)
    yield entry
    for part in _below(type_):
        yield {
            "name": f"{type_.plural}/{part['name']}",
            "singularName": "",
            "namespaced": type_.namespaced,
            **({"group": part["group"], "version": part["version"]} if "version" in part else {}),
            "kind": part["kind"],
            "verbs": part["verbs"],
        }


def _aggregated_entry(type_: ResourceType) -> Object:
    own = {"group": type_.group, "version": type_.version}
    entry: Object = {
        "resource": type_.plural,
        "responseKind": {**own, "kind": type_.kind}
        if type_.custom
        else {"group": "", "version": "", "kind": type_.kind},
        "scope": "Namespaced" if type_.namespaced else "Cluster",
        "singularResource": type_.singular,
        "verbs": _verbs(type_),
    }
    if type_.short_names:
        entry["shortNames"] = list(type_.short_names)
    if type_.categories:
        entry["categories"] = list(type_.categories)
    below = [
        {
            "subresource": part["name"],
            "responseKind": {
                "group": part.get("group", own["group"] if type_.custom else ""),
                "version": part.get("version", own["version"] if type_.custom else ""),
                "kind": part["kind"],
            },
            "verbs": part["verbs"],
        }
        for part in _below(type_)
    ]
    return {**entry, "subresources": below} if below else entry


def _verbs(type_: ResourceType) -> list[str]:
    return list(_CUSTOM_VERBS if type_.custom else type_.verbs)


def _below(type_: ResourceType) -> Iterator[Object]:
    if type_.custom:
        if type_.status:
            yield {"name": "status", "kind": type_.kind, "verbs": list(_STATUS_VERBS)}
        if type_.scale is not None:
            yield {
                "name": "scale",
                "group": "autoscaling",
                "version": "v1",
                "kind": "Scale",
                "verbs": list(_STATUS_VERBS),
            }
        return
    entries: list[dict[str, Any]] = document()["resources"]
    for entry in entries:
        if (entry["group"], entry["plural"], entry["version"]) == (type_.group, type_.plural, type_.version):
            yield from entry["subresources"]


def _hash(type_: ResourceType) -> str:
    text = f"{type_.group}/{type_.stored_version or type_.version}/{type_.kind}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


def _version() -> Object:
    major, minor = VERSION.removeprefix("v").split(".")[:2]
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }
