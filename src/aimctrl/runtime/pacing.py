"""How long what failed waits before it is tried again, and how much may be done in a time."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses in seconds that double from `base` to `limit`, each drawn from its upper half.

    The jitter spreads what failed together; the lower half is kept so that a pause never vanishes.
    """

    base: float
    limit: float

    def pause(self, failures: int) -> float:
        """The pause after that many failures in a row, 1 being the first."""
        whole = min(self.limit, self.base * 2.0 ** min(failures - 1, 60))
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


RETRY = Backoff(0.2, 300.0)
MENDABLE = Backoff(15.0, 900.0)
"""For what somebody has to mend first and no watch would tell of."""


class TokenBucket:
    """`rate` tokens a second, at most `burst` saved up; taking more than there are means waiting."""

    __slots__ = ("_burst", "_full_at", "_rate")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._full_at = float("-inf")

    def reserve(self, now: float) -> float:
        """Take a token; the seconds until it is there."""
        self._full_at = max(self._full_at, now) + 1 / self._rate
        return max(0.0, self._full_at - now - self._burst / self._rate)

    def allow(self, now: float) -> bool:
        """Take a token if there is one."""
        if max(self._full_at, now) + 1 / self._rate - now > self._burst / self._rate + 1e-9:
            return False
        self.reserve(now)
        return True
