"""The steps of the Containerfile done on folders, where there is no builder of images.

Each stage writes to a folder of its own on top of those that it is from, the first of which is the base.
"""

import json
import posixpath
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shipping.containerfile import Containerfile, ContainerfileError, Stage, Step, filled
from shipping.layers import Root, network

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Image:
    """What a stage has come to: layers of files, the upper ones first, and how a program in it is run."""

    layers: tuple[Path, ...]
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    labels: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


class Builder:
    """Builds one Containerfile, with the files of `context`, upon the file system at `base`.

    It does so in `folder`, which has to be below `/dev/shm` where steps use the network: they see it there as well.
    """

    def __init__(self, context: Path, folder: Path, base: Path) -> None:
        self._context = context
        self._folder = folder
        self._base = base
        self._allowed = allowed((context / ".containerignore").read_text(encoding="utf-8"))
        self._stages: dict[str, Image] = {}
        self._network = network()
        self.mount = folder / "mount"

    def build(self, file: Containerfile, arguments: Mapping[str, str]) -> Image:
        """The image of the last stage.

        Raises ContainerfileError, and CalledProcessError where a step fails.
        """
        self.mount.mkdir(parents=True)
        if certificates := self._network.get("PIP_CERT"):
            self._network["PIP_CERT"] = str(shutil.copy(certificates, self._folder / "certificates"))
        given = {**file.arguments, **arguments}
        image = Image(())
        for stage in file.stages:
            image = self._stage(stage, stage.name or "image", given)
        return image

    def _stage(self, stage: Stage, name: str, given: Mapping[str, str]) -> Image:
        below = self._stages.get(stage.base)
        layer = self._folder / name
        for folder in (layer, layer.with_name(f"{name}.work")):
            folder.mkdir()
        image = Image((layer, *(below.layers if below else (self._base,))))
        if below:
            image.environment, image.workdir, image.user = dict(below.environment), below.workdir, below.user
        self._stages[name] = image
        for step in stage.steps:
            print(f"{name}: {step.keyword} {step.text[:100]}", flush=True)
            self._do(step, image, given)
        return image

    def _do(self, step: Step, image: Image, given: Mapping[str, str]) -> None:
        if step.keyword == "RUN":
            self._run(image, ["/bin/sh", "-c", step.text])
            return
        text = filled(step.text, {**image.arguments, **image.environment})
        if step.keyword == "COPY":
            self._copy(step, image, shlex.split(text))
        elif step.keyword == "ARG":
            name, _, default = text.partition("=")
            image.arguments[name] = given.get(name, default)
        else:
            _note(step.keyword, text, image)

    def _run(self, image: Image, words: list[str]) -> None:
        layer, *below = image.layers
        command = Root(tuple(below), self.mount).building(words, layer, image.workdir)
        environment = {**self._network, **image.arguments, **image.environment}
        subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)

    def _copy(self, step: Step, image: Image, words: list[str]) -> None:
        *sources, target = words
        place = image.layers[0] / posixpath.join(image.workdir, target).lstrip("/")
        if sources[0].startswith("--from="):
            stage, path = sources[0].removeprefix("--from="), sources[1]
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(self._stages[stage].layers[0] / path.lstrip("/"), place, symlinks=True, dirs_exist_ok=True)
            return
        for source in sources:
            if source not in self._allowed:
                raise ContainerfileError(f"line {step.line}: .containerignore leaves {source} out")
            copied(self._context / source, place / source if target.endswith("/") else place)


def _note(keyword: str, text: str, image: Image) -> None:
    """Keep what a step says of the programs that run in the image."""
    match keyword:
        case "ENV":
            image.environment |= pairs(text)
        case "LABEL":
            image.labels |= pairs(text)
        case "WORKDIR":
            image.workdir = posixpath.join(image.workdir, text)
            (image.layers[0] / image.workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            image.user = text
        case "ENTRYPOINT":
            image.entrypoint = tuple(json.loads(text))
        case "CMD":
            image.command = tuple(json.loads(text))


def copied(source: Path, target: Path) -> None:
    """Copy a file, or what is in a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def allowed(ignored: str) -> frozenset[str]:
    """What a .containerignore lets in that leaves out everything but what it names with `!`."""
    lines = ignored.split()
    if "*" not in lines:
        raise ContainerfileError(".containerignore does not begin by leaving out everything")
    return frozenset(line.removeprefix("!") for line in lines if line.startswith("!"))


def pairs(text: str) -> dict[str, str]:
    """`NAME=value` and `NAME="a value"`, one after another."""
    return dict(word.split("=", 1) for word in shlex.split(text))


def own_layers(image: Image, base: Path) -> Iterable[Path]:
    """The image's layers but for the base, the upper ones first."""
    return (layer for layer in image.layers if layer != base)


_UNWANTED: Final = re.compile(r"(pip|pip3|ensurepip|setuptools|wheel|gcc|g\+\+|cc|clang|make|ld)([.\d-].*)?")


def unwanted(image: Image, base: Path) -> list[str]:
    """What the image has that it should not: compilers, installers, and lists of packages."""
    found: list[str] = []
    for layer in own_layers(image, base):
        files = [
            path.relative_to(layer) for path in layer.rglob("*") if not path.is_char_device()
        ]  # such are deletions
        found += [f"/{path}" for path in files if _UNWANTED.fullmatch(path.name) and path.parent.name in _PLACES]
        found += [f"/{path}" for path in files if path.is_relative_to(_LISTS) and path.name.endswith("_Packages")]
    return sorted(found)


_LISTS: Final = "var/lib/apt/lists"
_PLACES: Final = ("bin", "sbin", "site-packages", "dist-packages", "operator")


def not_compiled(image: Image, base: Path) -> list[str]:
    """The modules of the operator and its dependencies that Python would have to compile at each start."""
    layers = [layer / "opt" for layer in own_layers(image, base)]
    sources = [path for layer in layers for path in layer.rglob("*.py") if path.parent.name != "bin"]
    return sorted(str(path) for path in sources if not _is_compiled(path))


def _is_compiled(source: Path) -> bool:
    """Whether its bytecode is there, and taken whatever the times of the files are (PEP 552)."""
    return any(
        path.read_bytes()[4:8] == b"\x01\0\0\0"
        for path in source.parent.glob(f"__pycache__/{source.stem}.cpython-*.pyc")
    )
