"""`pods/log`: asked of the kubelet of the pod's node, as kube-apiserver does.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ (read log of the specified Pod);
the words of errors are those of kube-apiserver 1.36.
"""

import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.errors import (
    Cause,
    FieldError,
    StatusError,
    Subject,
    bad_request,
    invalid,
    not_allowed,
    not_found,
)
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import entries, section

_NUMBERS = {"tailLines": 0, "limitBytes": 1, "sinceSeconds": 1}
"""The options that are numbers, with the least that each may be."""
_FLAGS = ("follow", "previous", "timestamps")
_ADDRESS = "InternalIP"
_PORT = 10250
_FAULTS = {
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    404: ("NotFound", "the server could not find the requested resource"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
}


@dataclass(frozen=True, slots=True)
class PodLog:
    """Answers requests for logs; the kubelet's certificate is not verified."""

    cluster: Cluster

    async def read(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        """Streams the log; 204 where the pod has no node yet. Cancelling it hangs up on the kubelet.

        Raises:
            StatusError: where there is no such log.
        """
        if call.verb != "get":
            raise not_allowed()
        options = _options(call)
        pod = self.cluster.find(call).object
        container = _container(pod, call.query.get("container", ""))
        node = pod["spec"].get("nodeName", "")
        if not node:
            return web.Response(status=204)
        path = f"/containerLogs/{call.namespace}/{call.name}/{container}"
        return await _proxied(request, call, f"https://{self._address(node)}{path}{options}")

    def _address(self, name: str) -> str:
        """Host and port of a node's kubelet."""
        stored = self.cluster.storage.collection("", "nodes").get(name)
        if stored is None:
            raise not_found(Subject("", "pods", name))
        status = section(stored.object, "status")
        addresses = entries(status, "addresses")
        host = next((each["address"] for each in addresses if each["type"] == _ADDRESS), "")
        if not host:
            known = " ".join(f"{{{each['type']} {each['address']}}}" for each in addresses)
            raise StatusError(500, "", f"no preferred addresses found; known addresses: [{known}]")
        endpoint = section(status, "daemonEndpoints", "kubeletEndpoint")
        return f"{host}:{endpoint.get('Port') or _PORT}"


async def _proxied(request: web.BaseRequest, call: Call, url: str) -> web.StreamResponse:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(ssl=trust, force_close=True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, session.get(url) as answer:
            if not 200 <= answer.status <= 206:
                raise _refused(answer.status, await answer.text(), call)
            response = web.StreamResponse(headers={"Content-Type": "text/plain", "Cache-Control": "no-cache, private"})
            response.enable_chunked_encoding()
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response
    except aiohttp.ClientConnectorError as error:
        why = os.strerror(error.os_error.errno).lower() if error.os_error.errno else str(error.os_error)
        where = f"{error.host}:{error.port}"
        raise StatusError(500, "", f'Get "{url}": dial tcp {where}: connect: {why}') from error


def _refused(code: int, text: str, call: Call) -> StatusError:
    """What the kubelet has refused, in the API server's words."""
    if code == 400:
        return bad_request(text)
    if code == 500:
        message = f"Internal error occurred: {text}"
        return StatusError(500, "InternalError", message, details={"causes": [{"message": text}]})
    unknown = f"the server responded with the status code {code} but did not return more information"
    reason, words = ("Forbidden", text) if code == 403 else _FAULTS.get(code, ("", unknown))
    details = {"name": call.name, "kind": "pods/log"}
    return StatusError(code, reason, f"{words} ( pods/log {call.name})", details=details)


def _options(call: Call) -> str:
    """The query for the kubelet, with its question mark.

    Raises:
        StatusError: 400 or 422.
    """
    given: dict[str, str] = {}
    for name in _NUMBERS:
        if name in call.query:
            given[name] = str(_number(call.query[name]))
    if call.query.get("sinceTime"):
        given["sinceTime"] = _moment(call.query["sinceTime"])
    errors = list(_faults(given, call.query))
    if errors:
        raise invalid("PodLogOptions", Subject("", "pods", call.name), errors)
    for name in _FLAGS:
        if name in call.query and call.query[name].lower() not in {"", "false", "0"}:
            given[name] = "true"
    return f"?{urlencode(sorted(given.items()))}" if given else ""


def _faults(given: Mapping[str, str], query: Mapping[str, str]) -> Iterator[FieldError]:
    for name, least in _NUMBERS.items():
        if name in given and int(given[name]) < least:
            words = "must be greater than or equal to 0" if least == 0 else "must be greater than 0"
            yield FieldError(Cause.INVALID, name, words, int(given[name]))
    if "sinceSeconds" in given and "sinceTime" in given:
        yield FieldError(Cause.FORBIDDEN, "[]", "at most one of `sinceTime` or `sinceSeconds` may be specified")
    if "stream" in query:
        yield FieldError(Cause.FORBIDDEN, "stream", "may not be specified")


def _number(text: str) -> int:
    if not text.removeprefix("-").isdecimal():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        layout = "2006-01-02T15:04:05Z07:00"
        raise bad_request(f'parsing time "{text}" as "{layout}": cannot parse "{text}" as "2006"') from error
    return text


def _container(pod: Object, asked: str) -> str:
    """The container whose log is meant.

    Raises:
        StatusError: 400.
    """
    spec, name = pod["spec"], pod["metadata"]["name"]
    groups = ("initContainers", "containers", "ephemeralContainers")
    names: list[str] = [each["name"] for group in groups for each in spec.get(group) or ()]
    if not asked:
        if len(spec["containers"]) == 1:
            only: str = spec["containers"][0]["name"]
            return only
        choice = f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
        raise bad_request(choice)
    if asked not in names:
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked
