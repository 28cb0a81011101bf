"""The embedded API server in a thread of its own, as the end-to-end tests know a control plane."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import yaml

from aimctrl.sandbox.apiserver.audit import AuditLog
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.server import api_server
from controlplane import ControlPlane
from controlplane.api import Api

START_TIMEOUT = 120.0


class EmbeddedPlane:
    """One embedded server with an event loop of its own; every method blocks and none is safe to call concurrently."""

    def __init__(self, *, crds: Iterable[Path] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aimctrl-embedded-"))
        self.server = ""
        self._crds = tuple(crds)
        self._token = ""
        self._started, self._loop = threading.Event(), asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="embedded API server", daemon=True)

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of a member of system:masters, with the names that those of the real control plane have."""
        return self.folder / "kubeconfig"

    @property
    def ca(self) -> Path:
        """The certificate to trust."""
        return self.folder / "ca.crt"

    @property
    def api(self) -> Api:
        """A small blocking client with the same rights."""
        return Api(urlsplit(self.server).port or 0, self.ca, self._token)

    def apply_crds(self, *paths: Path) -> list[str]:
        """Applies the CRDs in these files and folders, waits until each is Established, and returns their names."""
        return self.api.apply_crds(paths)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(START_TIMEOUT) or self._failure is not None:
            raise RuntimeError("the embedded API server does not start") from self._failure
        self.api.apply_crds(self._crds)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(START_TIMEOUT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits for the start
            self._failure = error
        finally:
            self._loop.close()
            self._started.set()

    async def _serve(self) -> None:
        with (self.folder / "audit.log").open("ab", buffering=0) as log:
            await self._serve_with(AuditLog(log.write, _is_told))

    async def _serve_with(self, audit: AuditLog) -> None:
        async with api_server(audit=audit) as server:
            config = yaml.safe_dump(server.kubeconfig()).replace("aimctrl-sandbox", "controlplane")
            self.kubeconfig.write_text(config, encoding="utf-8")
            self.ca.write_text(server.ca, encoding="utf-8")
            self.server, self._token = server.url, server.admin_token
            self._started.set()
            await self._over.wait()


def _is_told(call: Call) -> bool:
    """Whether the audit log holds what was sent, as that of the real control plane does."""
    status = call.place.group == "aim.silogen.ai" and call.place.subresource == "status"
    event = (call.place.group, call.place.plural) == ("events.k8s.io", "events")
    return call.verb in {"create", "patch"} and (status or event)


Plane = ControlPlane | EmbeddedPlane
