"""The commands. What a command needs is imported when it runs, so that the others start at once.

Exit codes of all: 0 done, or stopped as asked; 1 something broke, or is not there; 2 wrong usage or settings; 3 the
operator cannot work here (no configuration, no API server, no CRDs, no rights, an address in use); 4 leadership was
lost; 14 the same, and the kernel ended a process that stood still; 128+n ended at once by a second signal n.
"""

import argparse
import gc
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import aimctrl
from aimctrl.commands.codes import CANNOT_START, USAGE
from aimctrl.settings import OPTIONS, Option, SettingError, Settings, load

EXTRA = ("cel_expr_python", "cryptography")
"""Modules that come with `aimctrl[sandbox]`."""

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except SettingError as error:
        print(f"aimctrl: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:  # before the command itself listens for it, say while it is imported
        return 128 + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aimctrl", description="The AIM operator.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=aimctrl.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(command=run)
        return added

    run = command("run", _run, "Run the operator, in a cluster or against a kubeconfig.")
    run.epilog = "Exit codes: " + (__doc__ or "").partition("Exit codes of all: ")[2].replace("\n", " ")
    for option in OPTIONS:
        _add(run, option)
    crds = command("crds", _crds, "Print the CustomResourceDefinitions, or write one file each.")
    crds.add_argument("--output-dir", type=Path, help="the folder to write to, made if need be")
    _add_rbac(command("rbac", _rbac, "Print the roles of the operator, with their bindings, and of its users."))
    command("version", _version, "Print the version.")
    _add_explain(command("explain", _explain, "Say why an AIM object is as it is, and what to do."))
    _add_status(command("status", _status, "Show everything AIM in the cluster, what is stuck on top."))
    _add_uninstall(
        command("uninstall", _uninstall, "Remove the operator, or all of aimctrl; --dry-run says what stays.")
    )
    _add_sandbox(command("sandbox", _sandbox, "Try the operator: a cluster in this process, with models to serve."))
    return parser


def _add_rbac(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Without --namespace, a ClusterRole; with it, a Role in each, and one ClusterRole that only reads. "
        "Exit codes: 0 printed, 2 wrong usage."
    )
    _add_settings(parser, "namespaces", "operator_namespace")
    text = "the operator's account, in its namespace [default aimctrl]"
    parser.add_argument("--service-account", default="aimctrl", metavar="NAME", help=text)


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The JSON keeps its shape, fields are only ever added: kind, namespace, name, status, trouble {reason, "
        "message, care: mend|wait|none, remedy}, facts [{name, value, why, state, trouble, see, parts}], candidates, "
        "templates, gpus, conditions [{type, status, holds, trouble, since, recorded}], next {steps, writesStatus, "
        "seconds}, recorded, events, warnings. "
        "Exit codes: 0 explained, 1 there is no such object, 2 wrong usage, 3 the cluster cannot be seen."
    )
    words = ("service", "template", "model", "templatecache", "modelcache")
    parser.add_argument("what", choices=words, metavar="KIND", help=f"{', '.join(words)}; an image is a model, too")
    parser.add_argument("name", metavar="[NAMESPACE/]NAME", help="looked up in the namespace, then in the cluster")
    parser.add_argument("-n", "--namespace", default="", metavar="NAME", help="the namespace, where NAME has none")
    parser.add_argument("-o", "--output", choices=("tree", "json"), default="tree")
    _add_settings(parser, "kubeconfig", "context", "operator_namespace", "max_discovery_jobs", "template_selection")


def _add_status(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The JSON keeps its shape, fields are only ever added: items [{kind, namespace, name, status, reason, message, "
        "created}]. Exit codes: 0 shown, or stopped as asked, 2 wrong usage, 3 the cluster cannot be seen."
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-A", "--all-namespaces", action="store_true", help="everything; that is the default")
    where.add_argument("-n", "--namespace", default="", metavar="NAME", help="what is in that namespace alone")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("-w", "--watch", action="store_true", help="keep showing, until Ctrl-C")
    how.add_argument("-o", "--output", choices=("table", "json"), default="table")
    _add_settings(parser, "kubeconfig", "context")


def _add_uninstall(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The operator alone is removed, and what serves goes on serving, unless --delete-crds is given. The JSON keeps "
        "its shape, fields are only ever added: items [{kind, namespace, name, status, size, owner, finalizers, fate: "
        "deleted|collected|stays, why}], steps [{what, commands, ifHeld}], warnings. "
        "Exit codes: 0 shown, or removed, 1 something does not go, 2 wrong usage, 3 the cluster cannot be seen."
    )
    parser.add_argument("--dry-run", action="store_true", help="only show it, and the commands to type in its place")
    parser.add_argument("--yes", action="store_true", help="do it")
    parser.add_argument("--delete-crds", action="store_true", help="the definitions, all AIM objects and what serves")
    parser.add_argument("--keep-data", action="store_true", help="but not the volumes with cached weights")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    _add_settings(parser, "kubeconfig", "context", "operator_namespace")


def _add_sandbox(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "It is up until Ctrl-C, and then gone. "
        "Exit codes: 0 stopped as asked, or all shown, 1 the sample service does not run, 2 wrong usage, 3 it cannot "
        "start."
    )
    parser.add_argument(
        "--apiserver",
        choices=("embedded", "real"),
        default="embedded",
        help="embedded is in memory and starts at once; real is built by a checkout's hack/controlplane",
    )
    parser.add_argument("--port", type=int, default=0, help="of the embedded API server; by default a free one")
    parser.add_argument("--kubeconfig-out", type=Path, metavar="FILE", help="where to write the kubeconfig; a new file")
    parser.add_argument("--no-catalogue", dest="catalogue", action="store_false", help="leave out nodes and samples")
    parser.add_argument("--no-operator", dest="operator", action="store_false", help="leave out the operator")
    parser.add_argument("--once", action="store_true", help="end when the sample service runs")


def _add_settings(parser: argparse.ArgumentParser, *fields: str) -> None:
    for option in OPTIONS:
        if option.field in fields:
            _add(parser, option)


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    default = getattr(Settings(), option.field)
    shown = "" if option.form == "list" else str(default)
    text = f"{option.help} [${option.variable}{f', default {shown}' if shown else ''}]".replace("%", "%%")
    if option.form == "switch":
        parser.add_argument(option.flag, dest=option.field, help=text, action=argparse.BooleanOptionalAction)
    elif option.form == "list":
        parser.add_argument(option.flag, dest=option.field, help=text, action="append", metavar="NAME")
    else:
        parser.add_argument(option.flag, dest=option.field, help=text, metavar="VALUE")


def _given(options: argparse.Namespace) -> dict[str, str]:
    """What the command line said, as the text an environment variable would have."""
    said = {option.field: getattr(options, option.field, None) for option in OPTIONS}
    return {
        field: ",".join(cast("list[str]", value)) if isinstance(value, list) else str(value)
        for field, value in said.items()
        if value is not None
    }


def _version(_: argparse.Namespace) -> int:
    print(aimctrl.__version__)
    return 0


def _crds(options: argparse.Namespace) -> int:
    from aimctrl import manifests

    folder: Path | None = options.output_dir
    if folder is None:
        print(manifests.to_yaml(manifests.crds()), end="")
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in sorted(manifests.crd_files().items()):
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)
    return 0


def _rbac(options: argparse.Namespace) -> int:
    settings = load(_given(options))
    from aimctrl import manifests, rbac

    roles = rbac.manifests(
        settings.namespaces,
        operator_namespace=settings.operator_namespace,
        service_account=options.service_account,
    )
    print(manifests.to_yaml(roles), end="")
    return 0


def _explain(options: argparse.Namespace) -> int:
    from aimctrl.commands.explain import Question, explain

    return explain(Question(options.what, options.name, options.namespace, options.output), load(_given(options)))


def _status(options: argparse.Namespace) -> int:
    from aimctrl.commands.status import Overview, status

    return status(Overview(options.namespace, options.watch, options.output), load(_given(options)))


def _uninstall(options: argparse.Namespace) -> int:
    from aimctrl.aim.removal import Scope
    from aimctrl.commands.uninstall import Uninstall, uninstall

    scope = Scope(delete_crds=options.delete_crds, keep_data=options.keep_data)
    asked = Uninstall(scope, dry_run=options.dry_run, yes=options.yes, output=options.output)
    return uninstall(asked, load(_given(options)))


def _sandbox(options: argparse.Namespace) -> int:
    began = time.monotonic()
    gc.disable()  # while it starts next to nothing becomes garbage, and looking for it takes time
    try:
        from aimctrl.commands.lean import import_aiohttp

        import_aiohttp()
        from aimctrl.commands.sandbox import Sandbox, sandbox

        return sandbox(
            Sandbox(
                options.apiserver,
                catalogue=options.catalogue,
                operator=options.operator,
                once=options.once,
                port=options.port,
                kubeconfig_out=options.kubeconfig_out,
                began=began,
            )
        )
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        print(f"aimctrl: the sandbox needs {error.name}: pip install 'aimctrl[sandbox]'", file=sys.stderr)
        return CANNOT_START
    finally:
        gc.enable()


def _run(options: argparse.Namespace) -> int:
    settings = load(_given(options))
    gc.disable()  # until all is imported: next to nothing becomes garbage
    try:
        from aimctrl.commands.run import run

        return run(settings)
    finally:
        gc.enable()
