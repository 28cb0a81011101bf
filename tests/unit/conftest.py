"""Logging is each test's own: what a program under test configures in this process is undone after it."""

import logging
import sys
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if structlog.get_config()["cache_logger_on_first_use"]:
        _forget_cached_loggers()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def _forget_cached_loggers() -> None:
    """Modules' loggers keep what they were first used with, and `reset_defaults` does not change that."""
    for module in tuple(sys.modules.values()):
        log = vars(module).get("log")
        if isinstance(log, structlog._config.BoundLoggerLazyProxy):
            vars(log).pop("bind", None)
