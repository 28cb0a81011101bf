"""Builds with Go what is nowhere to be found, into the cache, once for all processes that ask at the same time."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controlplane.assets import BINARIES, CRDS, KUBERNETES, MONITORING, Assets, Binary, Pin

CRD_SOURCES = {
    CRDS: {
        "kserve": ("github.com/kserve/kserve", "config/crd/full"),
        "gateway-api": ("sigs.k8s.io/gateway-api", "config/crd/standard"),
    },
    MONITORING: {
        "prometheus-operator": (MONITORING.module, "example/prometheus-operator-crd"),
    },
}
"""The modules that hold CRDs, and where: by the pin, and by the folder that they are copied to."""


class BuildError(Exception):
    """Go could not build or fetch what is pinned."""


def ensure(*names: str, assets: Assets | None = None) -> dict[str, Path]:
    """The path of each binary, built first where it is not found.

    Raises:
        MissingError: where there is no Go to build it with.
        BuildError: where Go fails; its own message stands on stderr.
    """
    assets = assets or Assets()
    missing = [name for name in names if assets.find(name) is None]
    if missing and assets.go is None:
        raise assets.missing(missing)
    for name in missing:
        _build(BINARIES[name], assets)
    return {name: path for name in names if (path := assets.find(name))}


def pinned(name: str, assets: Assets | None = None) -> Path:
    """The binary of the pinned version, built first where the cache does not hold it: elsewhere may be another one.

    Raises:
        MissingError: where there is no Go to build it with.
        BuildError: where Go fails; its own message stands on stderr.
    """
    assets = assets or Assets()
    path = assets.cached(BINARIES[name].pin) / name
    if not path.is_file():
        if assets.go is None:
            raise assets.missing([name])
        _build(BINARIES[name], assets)
    return path


def crd_folder(assets: Assets | None = None, pin: Pin = CRDS) -> Path:
    """The folder with `kserve/` and `gateway-api/`, one file per CRD, fetched first where the cache does not hold it.

    Of `MONITORING` it is that with `prometheus-operator/`.

    Raises:
        MissingError: where there is no Go to fetch them with.
        BuildError: where Go fails, or where a CRD asks for a conversion webhook that nobody would serve.
    """
    assets = assets or Assets()
    folder = assets.cached(pin)
    if not folder.is_dir():
        if assets.go is None:
            raise assets.missing_crds(pin)
        with _lock(assets, pin):
            if not folder.is_dir():
                _fetch_crds(assets, pin, folder)
    return folder


def _build(binary: Binary, assets: Assets) -> None:
    target = assets.cached(binary.pin) / binary.name
    with _lock(assets, binary.pin):
        if target.exists():
            return
        _say(f"building {binary.name} {binary.pin.version} from Go modules; the first one takes minutes")
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{binary.name}.{os.getpid()}")
        try:
            flags = ["-mod=readonly", "-trimpath", "-ldflags", _linker_flags(binary.pin), "-o", str(unfinished)]
            flags += ["-tags", binary.tags] if binary.tags else []
            _go(assets, ["build", *flags, binary.package], binary.pin, quiet=False)
            unfinished.rename(target)
        finally:
            unfinished.unlink(missing_ok=True)


def _linker_flags(pin: Pin) -> str:
    """What makes a Kubernetes program know its version, which a build from modules would not."""
    flags = ["-s", "-w"]
    if pin == KUBERNETES:
        major, minor, _ = pin.version.removeprefix("v").split(".", 2)
        values = {"gitVersion": pin.version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
            flags += [f"-X {package}.{name}={value}" for name, value in values.items()]
    return " ".join(flags)


def _fetch_crds(assets: Assets, pin: Pin, folder: Path) -> None:
    _say(f"fetching the CRDs of {pin.about} as Go modules")
    modules = [module for module, _ in CRD_SOURCES[pin].values()]
    answer = _go(assets, ["mod", "download", "-json", *modules], pin, quiet=True)
    sources = {entry["Path"]: Path(entry["Dir"]) for entry in _objects(answer)}
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        for name, (module, subfolder) in CRD_SOURCES[pin].items():
            _copy_crds(sources[module] / subfolder, unfinished / name)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _copy_crds(source: Path, target: Path) -> None:
    """Copies the CRDs that lie in `source` itself: not its subfolders, kustomizations or admission policies."""
    target.mkdir(parents=True)
    for path in sorted(source.glob("*_*.yaml")):
        text = path.read_text(encoding="utf-8")
        if "\nkind: CustomResourceDefinition\n" not in f"\n{text}":
            continue
        if "\n    strategy: Webhook\n" in text:
            raise BuildError(f"{path} asks for a conversion webhook, which nobody serves here")
        (target / path.name).write_text(text, encoding="utf-8")


def _go(assets: Assets, arguments: Sequence[str], pin: Pin, *, quiet: bool) -> str:
    """Runs Go in the pin's folder and returns its stdout, which is kept off ours."""
    env = {**assets.env, "CGO_ENABLED": "0", "GOWORK": "off"}
    done = subprocess.run(
        [assets.go or "go", *arguments],
        cwd=pin.folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"go {arguments[0]} failed in {pin.folder}\n{done.stdout}{done.stderr or ''}".rstrip())
    return done.stdout


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand one after another in `text`."""
    decoder, position = json.JSONDecoder(), 0
    while rest := text[position:].lstrip():
        position = len(text) - len(rest)
        value, end = decoder.raw_decode(rest)
        yield value
        position += end


@contextmanager
def _lock(assets: Assets, pin: Pin) -> Iterator[None]:
    """Holds the pin's lock file, so that a second process waits for the first one's result."""
    assets.cache.mkdir(parents=True, exist_ok=True)
    with (assets.cache / f".{pin.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another process is building from {pin.name}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
