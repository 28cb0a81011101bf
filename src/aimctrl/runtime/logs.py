"""Structured logs of a program; called by programs only, a library leaves logging as it finds it."""

import json
import logging
import sys
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

Format = Literal["auto", "json", "console"]

QUIET = ("aiohttp.access", "asyncio", "kubernetes_asyncio")
"""Loggers that say too much below WARNING."""


def configure_logging(format: Format = "auto", level: str = "info", *, stream: TextIO | None = None) -> None:  # noqa: A002
    """Send everything logged in this process, by whatever library, to `stream` (standard error).

    `json` writes one object a line: timestamp, level, logger, event, then what the caller added. `console` is for
    people, with colours on a terminal; `auto` is `console` on a terminal and `json` elsewhere.
    """
    target = stream if stream is not None else sys.stderr
    colours = target.isatty()
    pretty = format == "console" or (format == "auto" and colours)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder()],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                *([_console(colours=colours)] if pretty else [structlog.processors.format_exc_info, _json]),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(capture=True)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _console(*, colours: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)


def _json(_: Any, __: str, event: EventDict) -> str:
    """The fields in a fixed order; what JSON does not know is shown as `repr` does."""
    first = ("timestamp", "level", "logger", "event")
    ordered = {name: event.pop(name, "") for name in first} | dict(sorted(event.items()))
    try:
        return msgspec.json.encode(ordered, enc_hook=repr).decode()
    except (TypeError, ValueError):
        # Keys that are no text, or lone surrogates: rare, and still worth a line.
        return json.dumps(ordered, default=repr, skipkeys=True)
