"""Who the operator is on a control plane: a service account with the generated roles, and a token that changes."""

import http.client
import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from aimctrl import rbac
from aimctrl.aim.options import NAMESPACE
from support.embedded import Plane

Json = dict[str, Any]

PATIENCE = 60.0

LIFETIME = 600
"""Seconds: no API server gives a token for less."""

RENEWAL = 30.0
"""Seconds after which there is another token in the file, as if a kubelet had put it there."""


def user(home: str = NAMESPACE) -> str:
    """Who the operator is whose account is in that namespace."""
    return f"system:serviceaccount:{home}:{rbac.ACCOUNT}"


def of(plane: Plane) -> Path:
    """The kubeconfig that an operator runs with there: its own, or that of a control plane which gave it none."""
    own = _kubeconfig(plane, NAMESPACE)
    return own if own.is_file() else plane.kubeconfig


@contextmanager
def identity(plane: Plane, namespaces: Iterable[str] = (), *, home: str = NAMESPACE) -> Iterator[Path]:
    """Give an operator of these namespaces an account in `home` with its roles; the kubeconfig to run it with.

    Its token is replaced while the block runs.
    """
    _install(plane, rbac.manifests(namespaces, operator_namespace=home), home)
    _renew(plane, home)
    config = yaml.safe_load(plane.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"] = {"tokenFile": _token(plane, home).name}
    file = _kubeconfig(plane, home)
    file.write_text(json.dumps(config), encoding="utf-8")
    over = threading.Event()
    thread = threading.Thread(target=_keep_renewing, args=(plane, home, over), name=f"token in {home}", daemon=True)
    thread.start()
    try:
        yield file
    finally:
        over.set()
        thread.join(RENEWAL)


def _kubeconfig(plane: Plane, home: str) -> Path:
    return plane.folder / f"operator-of-{home}.kubeconfig"


def _token(plane: Plane, home: str) -> Path:
    return plane.folder / f"operator-of-{home}.token"


def _install(plane: Plane, roles: list[Json], home: str) -> None:
    account = {"name": rbac.ACCOUNT, "namespace": home}
    _apply(plane, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home}})
    _apply(plane, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    for role in roles:
        _apply(plane, role)
    until = time.monotonic() + PATIENCE
    while not (_may(plane, home, "list", "", "nodes") and _may(plane, home, "create", "coordination.k8s.io", "leases")):
        assert time.monotonic() < until, "the API server does not take note of the roles"
        time.sleep(0.05)


def _may(plane: Plane, home: str, verb: str, group: str, resource: str) -> bool:
    """Whether the API server lets the operator do that by now; it would be a right that was missed otherwise."""
    what = {"verb": verb, "group": group, "resource": resource, "namespace": home}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user(home), "resourceAttributes": what},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    status, answer = plane.api.request("POST", path, json.dumps(review).encode())
    assert status == 201, answer
    return bool(json.loads(answer)["status"]["allowed"])


def _apply(plane: Plane, manifest: Json) -> None:
    meta, version = manifest["metadata"], manifest["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    inside = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
    path = f"{root}{inside}/{manifest['kind'].lower()}s/{meta['name']}?fieldManager=user&force=true"
    status, answer = plane.api.request("PATCH", path, json.dumps(manifest).encode(), "application/apply-patch+yaml")
    assert status in {200, 201}, answer


def _keep_renewing(plane: Plane, home: str, over: threading.Event) -> None:
    while not over.wait(RENEWAL):
        try:
            _renew(plane, home)
        except (OSError, http.client.HTTPException):
            continue  # a test has the API server down


def _renew(plane: Plane, home: str) -> None:
    """Put a new token where the old one is, at once and as a whole."""
    path = f"/api/v1/namespaces/{home}/serviceaccounts/{rbac.ACCOUNT}/token"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": LIFETIME},
    }
    status, answer = plane.api.request("POST", path, json.dumps(body).encode())
    assert status == 201, answer
    file = _token(plane, home)
    new = file.with_suffix(".new")
    new.write_text(json.loads(answer)["status"]["token"], encoding="utf-8")
    new.replace(file)
