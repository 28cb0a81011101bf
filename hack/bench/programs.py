"""The programs that are measured: aimctrl's own as they are here; the others, and what all need, from the cache."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controlplane.assets import Assets

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
SOURCE = CHECKOUT / "src"

GO, FIFO, OURS, KOPF = "controller-runtime", "controller-runtime, FIFO", "aimctrl", "kopf"
FLOOR = "receiving alone"
GENERATION_ONLY = "--generation-only"


class UnbuiltError(Exception):
    """A peer could not be built or installed; its tool has said why on stderr."""


@dataclass(frozen=True, slots=True)
class Program:
    """How to start a peer: its name in the tables, its command, and what to add to the environment."""

    name: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()

    def with_options(self, *options: str) -> "Program":
        """The same program with these options besides."""
        return Program(self.name, (*self.command, *options), self.env)


def ours(python: str = sys.executable) -> Program:
    """The peer on aimctrl, among what the image has and nothing besides: a developer's venv has much that is imported.

    Raises UnbuiltError.
    """
    return Program(OURS, (_lean(python), "-m", "bench.ours"), (("PYTHONPATH", _paths()),))


def floor(python: str) -> Program:
    """What only receives the events that the peers do something about, with the Python and the libraries of ours.

    Raises UnbuiltError.
    """
    return Program(FLOOR, (_lean(python), "-m", "bench.floor"), (("PYTHONPATH", _paths()),))


def operator(python: str, *options: str) -> Program:
    """`aimctrl run` without endpoints, among what the image has and nothing besides.

    Raises UnbuiltError.
    """
    quiet = ("--metrics-bind-address=0", "--health-probe-bind-address=0", "--log-format=json", "--log-level=warning")
    code = "import sys; from aimctrl.cli import main; sys.exit(main())"
    return Program("aimctrl run", (_lean(python), "-c", code, "run", *quiet, *options), (("PYTHONPATH", _paths()),))


def stand_ins() -> Program:
    """Nodes, kubelets and KServe for the operator, on the real control plane."""
    return Program("stand-ins", (sys.executable, "-m", "bench.stand_ins"), (("PYTHONPATH", _paths()),))


def controller_runtime() -> Program:
    """The peer on controller-runtime, built where the cache does not hold it.

    Raises UnbuiltError.
    """
    folder = HERE / "go"
    target = _cached(folder.iterdir()) / "peer"
    if not target.is_file():
        _say("building the peer on controller-runtime; the first time takes minutes")
        unfinished = target.with_name(f".peer.{os.getpid()}")
        flags = ("-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", str(unfinished))
        _call("go", "build", *flags, ".", cwd=folder, env={"CGO_ENABLED": "0", "GOWORK": "off"})
        unfinished.rename(target)
    return Program(GO, (str(target),))


def kopf(python: str) -> Program:
    """The peer on kopf, in a venv of its own that holds what kopf.lock says.

    Raises UnbuiltError.
    """
    peer = str(HERE / "kopf_peer.py")
    command = (_venv(python, HERE / "kopf.lock"), "-m", "kopf")
    return Program(KOPF, (*command, "run", "--quiet", "--standalone", "--all-namespaces", peer))


def version(python: str) -> str:
    """Which release a Python is, when it was built, with what, and from where it was started.

    Raises UnbuiltError.
    """
    code = "import sys; print(sys.version.replace(chr(10), ' '), sys.base_prefix)"
    try:
        return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnbuiltError(f"{python} is no Python: {error}") from error


def _lean(base: str) -> str:
    """A Python with what the image has; what is imported from here is compiled already, as what is installed is."""
    python = _venv(base, CHECKOUT / "requirements.lock")
    _call(python, "-m", "compileall", "-q", str(SOURCE), str(HERE))
    return python


def _venv(base: str, lock: Path) -> str:
    """The Python of a venv that holds what the lock says, installed where the cache does not hold it for that base."""
    venv = _cached([lock], version(base)) / "venv"
    python, uv = str(venv / "bin" / "python"), str(Path(sys.executable).with_name("uv"))
    if not (venv / "installed").is_file():
        _say(f"installing what {lock.name} says")
        _call(uv, "--quiet", "venv", "--clear", "--python", base, str(venv))
        options = ("--compile-bytecode", "--require-hashes", "--python", python, str(lock))
        sync = (uv, "--quiet", "pip", "sync", *options)
        # What the developer's venv holds is in uv's cache, and needs no network.
        if subprocess.run((*sync, "--offline"), check=False, capture_output=True).returncode:
            _call(*sync)
        (venv / "installed").touch()
    return python


def _cached(sources: Iterable[Path], tool: str = "") -> Path:
    """A folder of the cache that is another one whenever what is built from, or with, has changed."""
    digest = hashlib.sha256(tool.encode())
    for path in sorted(sources):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    folder = Assets().cache.parent / "bench" / digest.hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _call(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    try:
        subprocess.run(command, cwd=cwd, env={**os.environ, **(env or {})}, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnbuiltError(f"{command[0]} failed: {error}") from error


def _paths() -> str:
    return os.pathsep.join([str(SOURCE), str(HERE.parent)])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
