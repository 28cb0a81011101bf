"""The command line: build, path, up, crds, down. Results go to stdout, everything else to stderr."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from controlplane.assets import BINARIES, MONITORING, Assets, MissingError
from controlplane.build import BuildError, crd_folder, ensure
from controlplane.processes import ControlPlaneError
from controlplane.server import ControlPlane, down

Command = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code, 1 for a failure that is told on stderr."""
    options = _parser().parse_args(arguments)
    command: Command = options.run
    try:
        command(options)
    except (MissingError, BuildError, ControlPlaneError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="controlplane", description=_first_line())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    build = command("build", _build, "build the binaries that are not found, and fetch the CRDs")
    build.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BINARIES)}; all by default")
    path = command("path", _path, "print where each binary is, building nothing")
    path.add_argument("name", nargs="?", choices=BINARIES, help="print only this one's path")
    up = command("up", _up, "start a control plane and print its folder, which holds `kubeconfig`")
    up.add_argument("--folder", type=Path, help="where to keep everything; a new temporary folder by default")
    up.add_argument("--crds", action="store_true", help="apply the CRDs of KServe and Gateway API")
    up.add_argument("--no-controllers", action="store_true", help="leave out kube-controller-manager")
    command("crds", _crds, "print the folder of the CRDs of KServe and Gateway API, fetched first if need be")
    stop = command("down", _down, "stop the control plane of a folder and remove the folder")
    stop.add_argument("folder", type=Path)
    return parser


def _first_line() -> str:
    return "A real etcd, kube-apiserver and kube-controller-manager on this machine."


def _build(options: argparse.Namespace) -> None:
    names = options.names or list(BINARIES)
    if unknown := sorted(set(names) - set(BINARIES)):
        raise ControlPlaneError(f"unknown: {', '.join(unknown)}; known are {', '.join(BINARIES)}")
    for path in ensure(*names).values():
        print(path)
    if not options.names:
        print(crd_folder())
        print(crd_folder(pin=MONITORING))


def _path(options: argparse.Namespace) -> None:
    assets = Assets()
    if options.name is not None:
        if (found := assets.find(options.name)) is None:
            raise assets.missing([options.name])
        print(found)
        return
    for name in BINARIES:
        print(f"{name}\t{assets.find(name) or '-'}")


def _up(options: argparse.Namespace) -> None:
    crds = [crd_folder()] if options.crds else []
    plane = ControlPlane(options.folder, crds=crds, controllers=not options.no_controllers, detached=True).start()
    print(plane.folder)
    print(f"export KUBECONFIG={plane.kubeconfig}", file=sys.stderr)


def _crds(_: argparse.Namespace) -> None:
    print(crd_folder())


def _down(options: argparse.Namespace) -> None:
    down(options.folder)
