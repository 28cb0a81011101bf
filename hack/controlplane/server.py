"""One control plane: etcd, kube-apiserver and kube-controller-manager in one folder, on one port of 127.0.0.1."""

import base64
import contextlib
import random
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from controlplane import flags
from controlplane.api import Api
from controlplane.assets import Assets
from controlplane.build import ensure
from controlplane.certs import Certs
from controlplane.processes import GRACE, Child, ControlPlaneError, ProcessError, Watchdog, stop_by_file

ETCD, APISERVER, CONTROLLERS = "etcd", "kube-apiserver", "kube-controller-manager"
STOP_ORDER = (CONTROLLERS, APISERVER, ETCD)
PORTS = range(15000, 30000)
ATTEMPTS = 5
START_TIMEOUT = 60.0


class ControlPlane:
    """A control plane that this process starts and stops; every method blocks and none is safe to call concurrently."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        crds: Iterable[Path] = (),
        controllers: bool = True,
        detached: bool = False,
        assets: Assets | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            folder: an empty or a new one, which is left after `stop`; None for a temporary one that `stop` removes.
            crds: files and folders of CRDs to apply before the controllers start. The garbage collector learns of
                kinds that come later only at its next look at discovery, up to 30 s on.
            controllers: whether kube-controller-manager runs.
            detached: whether the processes outlive this one; `down` stops them.
            assets: where the binaries are looked for; by default what the environment says.
        """
        self._temporary = folder is None
        name = f"aimctrl-controlplane-{secrets.token_hex(6)}"
        self.folder = (folder or Path(tempfile.gettempdir()) / name).resolve()
        self._crds = tuple(crds)
        self._with_controllers = controllers
        self._detached = detached
        self._assets = assets
        self._binaries: dict[str, Path] = {}
        self._certs = Certs(self.folder / "certs")
        self._tokens = {"admin": secrets.token_hex(16), CONTROLLERS: secrets.token_hex(16)}
        self._watchdog: Watchdog | None = None
        self._children: dict[str, Child] = {}
        self._port = 0

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of user `admin` in group system:masters, which verifies the API server's certificate."""
        return self.folder / "kubeconfig"

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def ca(self) -> Path:
        """The CA that signed the API server's certificate and its client certificate towards kubelets."""
        return self._certs.ca

    @property
    def audit_log(self) -> Path:
        """One JSON event per line for each request, without the stage RequestReceived.

        At level Metadata; at level Request, thus with what was written, for statuses of AIM kinds and for events.
        """
        return self.folder / flags.AUDIT_LOG

    @property
    def api(self) -> Api:
        """A small blocking client with the rights of `admin`."""
        return Api(self._port, self.ca, self._tokens["admin"])

    def start(self) -> Self:
        """Starts everything and waits until it is ready; on failure nothing is left running and the logs are kept.

        Raises:
            MissingError, BuildError: where a binary cannot be had.
            ControlPlaneError: where a process does not start; the message holds the tail of its log.
        """
        names = STOP_ORDER if self._with_controllers else STOP_ORDER[1:]
        self._binaries = ensure(*names, assets=self._assets)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self.folder.iterdir()):
            raise ControlPlaneError(f"{self.folder} is not empty")
        try:
            self._prepare()
            self._start_servers()
            self.api.apply_crds(self._crds)
            if self._with_controllers:
                self._start_controllers()
        except BaseException:
            self._stop_processes(grace=0)
            raise
        return self

    def stop(self) -> None:
        """Ends all processes, the API server before its etcd, and removes the folder if it is a temporary one."""
        self._stop_processes(GRACE)
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def apply_crds(self, *paths: Path) -> list[str]:
        """Applies the CRDs in these files and folders, waits until each is Established, and returns their names."""
        return self.api.apply_crds(paths)

    def kill_apiserver(self) -> None:
        """Ends the API server with SIGKILL: connections break at once and its port is closed on return."""
        self._children.pop(APISERVER).stop(grace=0)

    def start_apiserver(self) -> None:
        """Starts the killed API server again, on the same port and data, and waits until it is ready."""
        if APISERVER in self._children:
            raise ControlPlaneError("the API server is running already")
        command = flags.apiserver(self._port, self.folder, self._certs)
        self._run(APISERVER, command, self._probe("/readyz"))

    def pause_apiserver(self) -> None:
        """Freezes the API server: connections stay open, connecting works, and nothing is answered."""
        self._children[APISERVER].signal(signal.SIGSTOP)

    def resume_apiserver(self) -> None:
        """Lets the frozen API server go on."""
        self._children[APISERVER].signal(signal.SIGCONT)

    def pause_etcd(self) -> None:
        """Freezes etcd: the API server answers from its caches alone, and every write waits."""
        self._children[ETCD].signal(signal.SIGSTOP)

    def resume_etcd(self) -> None:
        """Lets the frozen etcd go on."""
        self._children[ETCD].signal(signal.SIGCONT)

    def _prepare(self) -> None:
        self._certs.make()
        tokens = "".join(f'{token},{user},{user},"system:masters"\n' for user, token in self._tokens.items())
        _write(self.folder / flags.TOKENS, tokens)
        _write(self.folder / flags.AUDIT_POLICY, flags.AUDIT_POLICY_TEXT)
        if not self._detached:
            self._watchdog = Watchdog()

    def _start_servers(self) -> None:
        """Starts etcd and the API server, on another port where somebody else took it after it was chosen."""
        self._run(ETCD, flags.etcd(self.folder), (self.folder / flags.ETCD_SOCKET).exists)
        for attempt in range(1, ATTEMPTS + 1):
            self._port = free_port()
            try:
                self.start_apiserver()
            except ProcessError as error:
                if not error.port_taken or attempt == ATTEMPTS:
                    raise
                self._children.pop(APISERVER).stop(grace=0)
            else:
                break
        for user, path in (("admin", self.kubeconfig), (CONTROLLERS, self.folder / flags.CONTROLLERS_KUBECONFIG)):
            _write(path, _kubeconfig(self.server, self.ca, user, self._tokens[user]))

    def _start_controllers(self) -> None:
        """Starts the controllers and waits until pods can be created in the namespace `default`."""
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._run(CONTROLLERS, flags.controllers(self.folder, self._certs), self._probe(account))

    def _probe(self, path: str) -> Callable[[], bool]:
        """Asks for `path` and gives up soon: whoever else might hold the port need not answer at all."""
        api = Api(self._port, self.ca, self._tokens["admin"], timeout=2.0)
        return lambda: api.answers(path)

    def _run(self, name: str, options: Sequence[str], ready: Callable[[], bool]) -> None:
        group = self._watchdog.group if self._watchdog else None
        child = self._children[name] = Child(name, [str(self._binaries[name]), *options], self.folder, group)
        child.wait_until(ready, START_TIMEOUT)

    def _stop_children(self, grace: float) -> None:
        for name in STOP_ORDER:
            if child := self._children.pop(name, None):
                child.stop(grace)

    def _stop_processes(self, grace: float) -> None:
        try:
            self._stop_children(grace)
        finally:
            if self._watchdog is not None:
                self._watchdog.close()
                self._watchdog = None


def down(folder: Path) -> None:
    """Stops the control plane of `folder`, the API server before its etcd, and removes the folder.

    Raises:
        ControlPlaneError: where `folder` is not one of a control plane, or a process survives.
    """
    folder = folder.resolve()
    if not (folder / flags.AUDIT_POLICY).is_file():
        raise ControlPlaneError(f"{folder} is not the folder of a control plane")
    for name in STOP_ORDER:
        stop_by_file(folder / f"{name}.pid")
    shutil.rmtree(folder)


def free_port() -> int:
    """A port of 127.0.0.1 that is free now, below those that the system gives to outgoing connections.

    Raises:
        ControlPlaneError: where all of them are taken.
    """
    for port in random.sample(PORTS, len(PORTS)):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise ControlPlaneError(f"no free port between {PORTS.start} and {PORTS.stop}")


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _kubeconfig(server: str, ca: Path, user: str, token: str) -> str:
    authority = base64.b64encode(ca.read_bytes()).decode()
    return f"""\
apiVersion: v1
kind: Config
clusters:
- name: controlplane
  cluster: {{server: "{server}", certificate-authority-data: {authority}}}
users:
- name: {user}
  user: {{token: "{token}"}}
contexts:
- name: controlplane
  context: {{cluster: controlplane, user: {user}}}
current-context: controlplane
"""
