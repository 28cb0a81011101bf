import msgspec
from aiohttp import ClientSession, TCPConnector

from aimctrl.sandbox.apiserver.audit import AuditLog
from aimctrl.sandbox.apiserver.server import api_server

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_every_request_has_a_line_and_some_hold_what_was_sent():
    lines: list[bytes] = []
    audit = AuditLog(lines.append, lambda call: call.verb == "create")
    async with api_server(audit=audit) as server, ClientSession(connector=TCPConnector(ssl=False)) as session:
        headers = {"Authorization": f"Bearer {server.admin_token}", "User-Agent": "somebody/1"}
        for sent in ({"metadata": {"name": "m"}}, {"metadata": {"name": "m"}}):
            await session.post(f"{server.url}{MAPS}?fieldManager=me", json=sent, headers=headers)
        await session.get(f"{server.url}{MAPS}/m", headers=headers)
        await session.get(f"{server.url}{MAPS}/m")
    told = [msgspec.json.decode(line) for line in lines]
    assert [(each["verb"], each["responseStatus"]["code"]) for each in told] == [
        ("create", 201),
        ("create", 409),
        ("get", 200),
        ("get", 403),
    ]
    assert [each["annotations"]["authorization.k8s.io/decision"] for each in told] == [*["allow"] * 3, "forbid"]
    assert "cannot get resource" in told[3]["responseStatus"]["message"]
    assert (told[0]["level"], told[0]["requestObject"]) == ("Request", {"metadata": {"name": "m"}})
    assert (told[0]["requestURI"], told[0]["userAgent"]) == (f"{MAPS}?fieldManager=me", "somebody/1")
    assert [each["user"]["username"] for each in told[2:]] == ["kubernetes-admin", "system:anonymous"]
    named = {"resource": "configmaps", "namespace": "default", "apiVersion": "v1"}
    assert [each["objectRef"] for each in told] == [named, named, {**named, "name": "m"}, {**named, "name": "m"}]
    assert (told[2]["level"], "requestObject" in told[2]) == ("Metadata", False)
