"""`PYTHONPATH=hack python -m shipping.started` builds the image on a folder, and measures how it starts as a pod.

It is run as the Deployment of `install.yaml` has it, on a control plane where that was applied: in a root that cannot
be written to, as the service account, with its rights. Needs Linux, root, and Debian's packages.
"""

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from aimctrl import __version__
from controlplane import ControlPlane
from controlplane.build import pinned
from controlplane.server import free_port
from shipping import objects
from shipping.containerfile import parse
from shipping.image import Builder, Image, not_compiled, own_layers, unwanted
from shipping.layers import Root

REPOSITORY = Path(__file__).parents[2]
ELSEWHERE = "/dev/shm"  # noqa: S108 - layers must not lie within one another, and the base may be this machine's
TIMES = 10
PATIENCE = 60.0
RECONCILED = re.compile(rb"^controller_runtime_reconcile_total\{.*\} [1-9]", re.MULTILINE)


def main() -> int:
    """Build, look, measure; 1 where something is in the image that should not be, or it does not start."""
    parser = argparse.ArgumentParser(prog="shipping.started", description=(__doc__ or "").partition(".")[0])
    parser.add_argument(
        "--base", type=Path, default=Path("/"), help="the file system of the base image; this machine's"
    )
    options = parser.parse_args()
    if os.getuid() != 0:
        print("this mounts file systems and needs root; or build the image: podman build .", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="aimctrl-image-", dir=ELSEWHERE) as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        return _prove(folder, options.base)


def _prove(folder: Path, base: Path) -> int:
    builder = Builder(REPOSITORY, folder, base)
    file = parse((REPOSITORY / "Containerfile").read_text(encoding="utf-8"))
    image = builder.build(file, {"VERSION": __version__})
    wrong = [f"{path}: not wanted in an image" for path in unwanted(image, base)]
    wrong += [f"{path}: no bytecode" for path in not_compiled(image, base)]
    print("\n".join(wrong) or "no compiler, no pip, all bytecode there", flush=True)
    for layer in own_layers(image, base):
        print(f"layer {layer.name}: {_size(layer) / 1e6:.1f} MB")
    pod = Pod(image, Root(image.layers, builder.mount), folder / "account")
    pod.measure_version()
    return 1 if not pod.measure_run() or wrong else 0


def _size(layer: Path) -> int:
    return sum(path.lstat().st_size for path in layer.rglob("*") if path.is_file())


class Pod:
    """An image that is run as a pod would run it."""

    def __init__(self, image: Image, root: Root, account: Path) -> None:
        account.mkdir()
        self._image = image
        self._root = root
        self._account = account

    def start(self, words: tuple[str, ...], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start the entrypoint with these arguments."""
        command = self._root.running([*self._image.entrypoint, *words], self._image.user, self._account)
        return subprocess.Popen(command, env={**self._image.environment, **environment}, stdin=subprocess.DEVNULL)

    def measure_version(self) -> None:
        """Print how long `aimctrl version` takes, and what the mounting takes besides."""
        mounting = median(self._timed("/bin/true") for _ in range(TIMES))
        whole = median(self._timed(*self._image.entrypoint, "version") for _ in range(TIMES))
        print(
            f"aimctrl version: {1000 * (whole - mounting):.0f} ms, and {1000 * mounting:.0f} ms to mount; goal 200 ms"
        )

    def _timed(self, *words: str) -> float:
        began = time.monotonic()
        command = self._root.running(words, self._image.user, self._account)
        subprocess.run(command, env=self._image.environment, stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - began

    def measure_run(self) -> bool:
        """Print how long `aimctrl run` takes to its first reconcile; whether there was one, and a stop in order."""
        with ControlPlane() as plane:
            _apply(plane, (REPOSITORY / "deploy" / "install.yaml").read_text(encoding="utf-8"))
            _apply(plane, json.dumps(_MODEL))
            self._mount_account(plane)
            port = free_port()
            began = time.monotonic()
            running = self.start(self._image.command, _environment(plane, port))
            try:
                reconciled = _until_reconciled(port, running)
                took = time.monotonic() - began
                print(f"aimctrl run: first reconcile after {took:.2f} s; goal 1.5 s; {_memory(running.pid):.0f} MB")
            finally:
                running.terminate()
                code = running.wait(PATIENCE)
        print(f"stopped with {code}")
        return reconciled and code == 0

    def _mount_account(self, plane: ControlPlane) -> None:
        path = f"/api/v1/namespaces/{objects.NAMESPACE}/serviceaccounts/{objects.NAME}/token"
        status, answer = plane.api.request("POST", path, b'{"spec": {"expirationSeconds": 3600}}')
        assert status == http.client.CREATED, answer
        files = {
            "token": json.loads(answer)["status"]["token"],
            "ca.crt": plane.ca.read_text(encoding="utf-8"),
            "namespace": objects.NAMESPACE,
        }
        for name, text in files.items():
            (self._account / name).write_text(text, encoding="utf-8")


_MODEL: dict[str, Any] = {
    "apiVersion": "aim.silogen.ai/v1alpha1",
    "kind": "AIMClusterModel",
    "metadata": {"name": "started"},
    "spec": {"image": "localhost:1/nothing:v1"},
}


def _apply(plane: ControlPlane, manifests: str) -> None:
    command = [str(pinned("kubectl")), f"--kubeconfig={plane.kubeconfig}", "apply", "--server-side", "--filename=-"]
    subprocess.run(command, input=manifests, text=True, stdout=subprocess.DEVNULL, check=True)


def _environment(plane: ControlPlane, port: int) -> dict[str, str]:
    """What the kubelet and the Deployment give a pod, with ports that are free here."""
    host, _, server_port = plane.server.removeprefix("https://").partition(":")
    return {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": server_port,
        "AIM_OPERATOR_NAMESPACE": objects.NAMESPACE,
        "AIM_METRICS_BIND_ADDRESS": f"127.0.0.1:{port}",
        "AIM_HEALTH_PROBE_BIND_ADDRESS": "0",
        "AIM_LOG_LEVEL": "warning",
    }


def _until_reconciled(port: int, running: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and running.poll() is None:
        if RECONCILED.search(_metrics(port)):
            return True
        time.sleep(0.005)
    return False


def _metrics(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()


def _memory(process: int) -> float:
    """Resident memory in MB; of a program that has ended, none."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1000 if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
