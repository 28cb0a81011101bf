"""The commands. What a command needs is imported when it runs, so that the others start at once.

Exit codes of all: 0 done, or stopped as asked; 1 something broke, or is not there; 2 wrong usage or settings; 3 the
operator cannot work here (no configuration, no API server, no CRDs, no rights, an address in use); 4 leadership was
lost; 128+n ended at once by a second signal n.
"""

import argparse
import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

import aimctrl
from aimctrl.settings import OPTIONS, Option, SettingError, Settings, load

if TYPE_CHECKING:
    from aimctrl.runtime.connection import Connection
    from aimctrl.runtime.leader import LeaderElector

BROKEN, USAGE, CANNOT_START, LEADERSHIP_LOST = 1, 2, 3, 4

LEASE = "aimctrl"
LEASE_TIMEOUT = 5.0
"""Seconds a request about the Lease may take: it has to be tried again well within the deadline."""

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
    command("version", _version, "Print the version.")
    _add_explain(command("explain", _explain, "Say why an AIM object is as it is, and what to do."))
    _add_status(command("status", _status, "Show everything AIM in the cluster, what is stuck on top."))
    _add_sandbox(command("sandbox", _sandbox, "Try the operator: a cluster in this process, with models to serve."))
    return parser


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


def _explain(options: argparse.Namespace) -> int:
    from aimctrl.commands.explain import Question, explain

    return explain(Question(options.what, options.name, options.namespace, options.output), load(_given(options)))


def _status(options: argparse.Namespace) -> int:
    from aimctrl.commands.status import Overview, status

    return status(Overview(options.namespace, options.watch, options.output), load(_given(options)))


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
        return _run_with(settings)
    finally:
        gc.enable()


def _run_with(settings: Settings) -> int:
    import uvloop

    from aimctrl.commands.lean import import_aiohttp
    from aimctrl.runtime.logs import configure_logging

    configure_logging(settings.log_format, settings.log_level)
    import_aiohttp()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_operate(settings))
        except asyncio.CancelledError:  # by a signal, while there was nothing yet to stop in order
            return 0


async def _operate(settings: Settings) -> int:
    """Run the operator until it is told to stop; the exit code, the reason having been logged."""
    import structlog

    from aimctrl.preflight import PreflightError
    from aimctrl.runtime.errors import ConfigurationError, LeadershipLostError
    from aimctrl.runtime.serving import AddressError

    log = structlog.get_logger(__name__)
    task = asyncio.current_task()
    assert task is not None
    _on_signals(task.cancel)
    try:
        await _work(settings)
    except (PreflightError, ConfigurationError, AddressError) as error:
        log.error("cannot start", reason=str(error))  # noqa: TRY400 - its message is for people
        return CANNOT_START
    except LeadershipLostError as error:
        log.error("leadership lost", reason=str(error))  # noqa: TRY400 - no trace helps here
        return LEADERSHIP_LOST
    except Exception:
        log.exception("broken")
        return BROKEN
    return 0


async def _work(settings: Settings) -> None:
    from aimctrl.aim.operator import add_controllers
    from aimctrl.aim.options import OperatorOptions
    from aimctrl.api.config import TemplateSelection
    from aimctrl.api.kinds import ALL
    from aimctrl.kube.core import JOBS, NODES, PODS
    from aimctrl.preflight import preflight
    from aimctrl.runtime.client import Client
    from aimctrl.runtime.connection import connect
    from aimctrl.runtime.manager import Manager, ManagerOptions
    from aimctrl.runtime.metrics import Metrics

    gc.enable()
    connection = await connect(settings.kubeconfig or None, settings.context or None)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(connection, metrics=metrics))
        await preflight(client, (*ALL, JOBS, NODES, PODS), settings.namespaces)
        manager = Manager(
            client,
            namespaces=settings.namespaces,
            leader=await _elector(settings, connection, stack) if settings.leader_elect else None,
            metrics=metrics,
            options=ManagerOptions(
                health_address=settings.health_probe_bind_address,
                metrics_address=settings.metrics_bind_address,
                grace_period=settings.grace_period,
                resync_seconds=settings.resync_seconds,
            ),
        )
        add_controllers(
            manager,
            OperatorOptions(
                operator_namespace=settings.operator_namespace,
                max_discovery_jobs=settings.max_discovery_jobs,
                max_concurrent_reconciles=settings.max_concurrent_reconciles,
                template_selection=TemplateSelection(settings.template_selection),
                insecure_registries=settings.insecure_registries,
            ),
        )
        manager.on_elected(_freeze)
        _on_signals(manager.stop)
        await manager.run()


async def _elector(settings: Settings, connection: "Connection", stack: AsyncExitStack) -> "LeaderElector":
    """An elector with a client of its own: its requests neither wait behind the operator's nor are fenced."""
    from aimctrl.runtime.client import Client
    from aimctrl.runtime.election import LeaderOptions
    from aimctrl.runtime.leader import LeaderElector, unique_identity

    client = await stack.enter_async_context(Client(connection, timeout=LEASE_TIMEOUT))
    return LeaderElector(client, LeaderOptions(LEASE, settings.operator_namespace, unique_identity()))


def _on_signals(stop: Callable[[], object]) -> None:
    """The first SIGTERM or SIGINT calls `stop`, the next one ends the process where it stands."""
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def handle(number: int) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle, number)


async def _freeze() -> None:
    """What the caches hold by now stays: the collector need not walk it again."""
    gc.collect()
    gc.freeze()
