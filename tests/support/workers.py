"""Tests in several processes at once (pytest-xdist): what those that have ended leave to the one that looks back."""

import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest

PATIENCE = 1800.0
"""Seconds that the others may take to end; the longest file takes a few minutes."""


class Workers:
    """The processes of this run; each may leave lines, and is over when it has run all its tests."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._own = os.environ.get("PYTEST_XDIST_WORKER", "")
        self._count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        self._folder = factory.getbasetemp().parent if self._own else factory.getbasetemp()

    def leave(self, subject: str, values: Iterable[Any]) -> None:
        """Have the others know these values once this process is over; once for each subject, and of JSON."""
        (self._folder / f"{self._own}.{subject}").write_bytes(msgspec.json.encode(list(values)))

    def end(self) -> None:
        """Say that nothing more will come of this process."""
        (self._folder / f"{self._own}.over").touch()

    def left_by_others(self, subject: str) -> Iterator[Any]:
        """What all others have left of a subject, once they are over.

        Raises:
            TimeoutError: where they don't come to an end.
        """
        until = time.monotonic() + PATIENCE
        while len(list(self._folder.glob("*.over"))) < self._count - 1:
            if time.monotonic() > until:
                raise TimeoutError(f"of {self._count - 1} other processes not all came to an end")
            time.sleep(0.5)
        for file in self._folder.glob(f"*.{subject}"):
            yield from msgspec.json.decode(file.read_bytes())
