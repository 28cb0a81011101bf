"""The clock of a server: that of the machine, until somebody has it jump."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)


class Clock:
    """Says the moment; `listeners` are told of each jump, at once."""

    def __init__(self, machine: Callable[[], datetime] = utc_now) -> None:
        self.listeners: list[Callable[[], None]] = []
        self._machine = machine
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The moment, with an offset from UTC."""
        return self._machine() + self._ahead

    def jump(self, seconds: float) -> None:
        """Go on that many seconds later, or earlier where they are negative."""
        self._ahead += timedelta(seconds=seconds)
        for listener in tuple(self.listeners):
            listener()
