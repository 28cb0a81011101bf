from typing import Any

import pytest

from support.requests import Server

LEVEL = "pod-security.kubernetes.io/enforce"
SAFE = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}

Json = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Server:
    server = Server()
    for level in ("baseline", "restricted"):
        server.post("/api/v1/namespaces", {"metadata": {"name": level, "labels": {LEVEL: level}}})
        server.post(f"/api/v1/namespaces/{level}/serviceaccounts", {"metadata": {"name": "default"}})
    return server


def message(server: Server, level: str, spec: Json) -> str:
    reply = server.post(f"/api/v1/namespaces/{level}/pods?dryRun=All", {"metadata": {"name": "p"}, "spec": spec})
    assert reply.code == (403 if reply.message else 201)
    return reply.message.removeprefix(f'pods "p" is forbidden: violates PodSecurity "{level}:latest": ')


def containers(*contexts: Json) -> list[Json]:
    return [{"name": "ab"[n], "image": "i", "securityContext": context} for n, context in enumerate(contexts)]


CASES = [
    pytest.param("restricted", {"containers": containers(SAFE), "securityContext": POD}, "", id="restricted-pod"),
    pytest.param("baseline", {"containers": containers({})}, "", id="plain-pod"),
    pytest.param(
        "restricted",
        {"containers": containers({})},
        'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), '
        'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
        '"Localhost")',
        id="plain-pod-is-not-restricted",
    ),
    pytest.param(
        "restricted",
        {
            "containers": containers({"privileged": True}, {**SAFE, "runAsNonRoot": False, "runAsUser": 0}),
            "securityContext": POD,
            "hostNetwork": True,
            "hostPID": True,
            "volumes": [{"name": "x", "hostPath": {"path": "/"}}, {"name": "y", "nfs": {"server": "a", "path": "/"}}],
        },
        'host namespaces (hostNetwork=true, hostPID=true), privileged (container "a" must not set '
        'securityContext.privileged=true), allowPrivilegeEscalation != false (container "a" must set '
        'securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must set '
        'securityContext.capabilities.drop=["ALL"]), restricted volume types (volumes "x", "y" use restricted volume '
        'types "hostPath", "nfs"), runAsNonRoot != true (container "b" must not set '
        'securityContext.runAsNonRoot=false), runAsUser=0 (container "b" must not set runAsUser=0)',
        id="much-at-once",
    ),
    pytest.param(
        "restricted",
        {"containers": containers(SAFE), "securityContext": {**POD, "runAsNonRoot": False}},
        "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)",
        id="pod-as-root",
    ),
    pytest.param(
        "baseline",
        {"containers": containers({"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}}), "hostIPC": True},
        'non-default capabilities (container "a" must not include "SYS_ADMIN" in securityContext.capabilities.add), '
        'host namespaces (hostIPC=true), privileged (container "a" must not set securityContext.privileged=true)',
        id="baseline",
    ),
]


@pytest.mark.parametrize(("level", "spec", "words"), CASES)
def test_a_namespace_enforces_its_level(server: Server, level: str, spec: Json, words: str) -> None:
    assert message(server, level, spec) == words
