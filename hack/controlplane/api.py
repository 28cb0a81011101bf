"""The few requests that start-up makes: is the API server ready, apply CRDs, wait until they are served."""

import http.client
import json
import re
import ssl
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from controlplane.processes import ControlPlaneError

CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRD_TIMEOUT = 120.0


class Api:
    """A blocking client of one API server, whose certificate it verifies."""

    def __init__(self, port: int, ca: Path, token: str, timeout: float = 120.0) -> None:
        self._port = port
        self._timeout = timeout
        self._context = ssl.create_default_context(cafile=str(ca))
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """Sends one request on a connection of its own; returns the status and the body."""
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=self._timeout, context=self._context)
        headers = {**self._headers, "Content-Type": content_type}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def answers(self, path: str) -> bool:
        """Whether a GET of `path` is answered with 200."""
        try:
            return self.request("GET", path)[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def apply_crds(self, paths: Iterable[Path]) -> list[str]:
        """Applies the CRDs in these files and folders, waits until each is Established, and returns their names.

        They go out by server-side apply: KServe's are too large for the annotation that a client-side apply writes.
        """
        names = [self._apply(name, document) for path in paths for name, document in crd_documents(path)]
        deadline = time.monotonic() + CRD_TIMEOUT
        for name in names:
            while not self._established(name):
                if time.monotonic() > deadline:
                    raise ControlPlaneError(f"CRD {name} is not Established after {CRD_TIMEOUT:g} s")
                time.sleep(0.05)
        return names

    def _apply(self, name: str, document: str) -> str:
        path = f"{CRD_PATH}/{name}?fieldManager=controlplane&force=true"
        status, answer = self.request("PATCH", path, document.encode(), "application/apply-patch+yaml")
        if status not in {http.client.OK, http.client.CREATED}:
            raise ControlPlaneError(f"CRD {name} was refused with {status}: {answer[:2000].decode(errors='replace')}")
        return name

    def _established(self, name: str) -> bool:
        _, answer = self.request("GET", f"{CRD_PATH}/{name}")
        conditions = json.loads(answer).get("status", {}).get("conditions") or []
        return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


def crd_documents(path: Path) -> Iterator[tuple[str, str]]:
    """The name and the text of each CRD in a YAML file, or in all YAML files below a folder, ordered by path."""
    for file in sorted(path.rglob("*.yaml")) if path.is_dir() else [path]:
        for document in re.split(r"^---.*\n", file.read_text(encoding="utf-8"), flags=re.MULTILINE):
            if not re.search(r"^kind: CustomResourceDefinition$", document, re.MULTILINE):
                continue
            match = re.search(r"^metadata:\n(?:[ ].*\n)*?  name: (\S+)$", document, re.MULTILINE)
            if match is None:
                raise ControlPlaneError(f"{file} holds a CRD without a name in block style")
            yield match[1], document
