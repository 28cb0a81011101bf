import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from support.workers import Workers

# pytest-asyncio asks for the thread's event loop before it sets its own, and asyncio makes one then that nobody closes:
# a ResourceWarning, which is an error here. There is none to be had.
asyncio.set_event_loop(None)

# API servers of tests live for minutes and have a busy time: collecting garbage less often, they need a third less CPU.
os.environ |= {"GOGC": "300", "GOMEMLIMIT": "768MiB"}

# The same examples each time: what passes here passes there. A machine under load is no failure either.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "what tests/e2e runs on: kube-apiserver and etcd, or the API server that is part of aimctrl"
    parser.addoption("--apiserver", choices=("real", "embedded"), default="real", help=words)
    parser.addoption("--full", action="store_true", help="the full counts in tests/faults, as `make soak` has them")


@pytest.fixture(scope="session", autouse=True)
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """The processes that the tests run in; here, so that whatever another fixture leaves is left before the end."""
    workers = Workers(tmp_path_factory)
    yield workers
    workers.end()
