"""How the server answers where a handler does not."""

import asyncio
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from aimctrl.sandbox.apiserver.access import Access
from aimctrl.sandbox.apiserver.app import App
from aimctrl.sandbox.apiserver.audit import AuditLog
from aimctrl.sandbox.apiserver.builtin.kinds import builtin_registry
from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.discovery import Discovery
from aimctrl.sandbox.apiserver.faults import Faults
from aimctrl.sandbox.apiserver.openapi import OpenApi
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.server import ADMIN
from aimctrl.sandbox.apiserver.tokens import Credential, Tokens


class Failing:
    """A server on which reading a Pod's log raises something."""

    def __init__(self, error: BaseException) -> None:
        cluster = Cluster(registry=builtin_registry())
        tokens = Tokens(cluster)
        self._token = tokens.new(Credential(ADMIN))
        discovery = Discovery(cluster.registry, OpenApi(cluster.registry))
        self.audited: list[bytes] = []
        self._app = App(
            cluster,
            Access(cluster, tokens),
            discovery,
            Faults(cluster),
            {("", "pods", "log"): self._raise},
            audit=AuditLog(self.audited.append),
        )
        self._error = error

    async def ask(self) -> web.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = await self._app.handle(make_mocked_request("GET", "/api/v1/namespaces/n/pods/p/log", headers))
        assert isinstance(answer, web.Response)
        return answer

    async def _raise(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        raise self._error


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), BrokenPipeError("gone")])
async def test_who_has_gone_is_answered_with_nothing_and_no_word_in_the_log(error: ConnectionError):
    with capture_logs() as logs:
        answer = await Failing(error).ask()
    assert (answer.status, answer.body, logs) == (499, None, [])


async def test_a_fault_of_the_servers_own_is_in_its_log_and_not_in_the_answer():
    with capture_logs() as logs:
        answer = await Failing(LookupError("a secret")).ask()
    assert isinstance(answer.body, bytes)
    body = json.loads(answer.body)
    assert (answer.status, body["kind"], body["reason"]) == (500, "Status", "InternalError")
    assert b"secret" not in answer.body
    assert [(entry["event"], entry["path"]) for entry in logs] == [
        ("request failed", "/api/v1/namespaces/n/pods/p/log")
    ]


async def test_a_request_that_is_cancelled_is_cancelled():
    with pytest.raises(asyncio.CancelledError):
        await Failing(asyncio.CancelledError()).ask()


async def test_requests_that_fail_are_audited():
    failing = Failing(LookupError("a secret"))
    with capture_logs():
        await failing.ask()
    (line,) = failing.audited
    assert json.loads(line)["responseStatus"]["code"] == 500
