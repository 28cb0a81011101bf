"""The reference of the command line, from its parser, and of the settings, from their table."""

import argparse
from collections.abc import Iterator

from aimctrl import cli
from aimctrl.settings import OPTIONS, Settings
from reference.markdown import code, page, table

INTRODUCTION = """\
# Commands and settings

`aimctrl COMMAND --help` says the same as this page, which is made from the command line's parser."""

SETTINGS = """\
## Settings

Options of `aimctrl run`, some of other commands too. An option wins over its environment variable, a variable over the
default; an empty one counts as not set. `aimctrl run` reads the environment nowhere else, but for what Kubernetes
(`KUBECONFIG`), proxies (`HTTPS_PROXY`, `NO_PROXY`) and TLS (`SSL_CERT_FILE`) define."""


def commands() -> str:
    """The page."""
    parser = cli._parser()  # noqa: SLF001 - nobody else has use for it
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    told = [part for name, command in sorted(found[0].choices.items()) for part in _command(name, command)]
    return page(INTRODUCTION, *told, SETTINGS, _settings())


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## `aimctrl {name}`"
    yield parser.description or ""
    shared = {option.field for option in OPTIONS}
    rows, settings = [], []
    for action in parser._actions:  # noqa: SLF001 - argparse shows them nowhere else
        if isinstance(action, argparse._HelpAction):  # noqa: SLF001
            continue
        if action.dest in shared and action.option_strings:
            settings.append(code(action.option_strings[0]))
        else:
            rows.append((_invocation(action), (action.help or "").replace("%%", "%") or _choices(action)))
    if rows:
        yield table(("Argument", "Meaning"), rows)
    if name == "run":
        yield "Its options are the [settings](#settings) below."
    elif settings:
        yield f"Settings it takes, too: {', '.join(settings)}."
    yield _epilog(parser)


def _epilog(parser: argparse.ArgumentParser) -> str:
    """The epilog; the shape of JSON stands in it as a literal."""
    text = " ".join((parser.epilog or "").split())
    start, mark, rest = text.partition("only ever added: ")
    if not mark:
        return text
    shape, _, codes = rest.partition(". Exit codes")
    return f"{start}{mark}`{shape}`. Exit codes{codes}"


def _invocation(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else str(action.metavar or "|".join(action.choices or ()) or action.dest.upper())
    if not action.option_strings:
        return code(value)
    return ", ".join(code(f"{flag} {value}".strip()) for flag in action.option_strings)


def _choices(action: argparse.Action) -> str:
    default = f"; {code(action.default)} by default" if action.default else ""
    return ", ".join(code(choice) for choice in action.choices or ()) + default


def _settings() -> str:
    defaults = Settings()
    rows = []
    for option in OPTIONS:
        value = getattr(defaults, option.field)
        shown = ",".join(value) if isinstance(value, tuple) else str(value).lower() if value is False else str(value)
        rows.append((code(option.flag), code(option.variable), code(shown) if shown else "", option.help))
    return table(("Option", "Variable", "Default", "Meaning"), rows)
