"""What controllers of the server have in common: keys of objects to look at, one at a time and each once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

from aimctrl.sandbox.apiserver.errors import StatusError

log = structlog.get_logger(__name__)

K = TypeVar("K", bound=Hashable)

_AGAIN_SECONDS = 1.0


class Loop(Generic[K]):
    """Looks at each key that was added, in order; a key that is refused something is looked at again a second later.

    `look` may ask, by its result in seconds, to be called again for the key.
    """

    def __init__(self, name: str, look: Callable[[K], Awaitable[float | None] | float | None]) -> None:
        self.name, self._look = name, look
        self._keys: dict[K, None] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()

    def add(self, key: K) -> None:
        """Have a key looked at, soon."""
        self._keys[key] = None
        self._wake.set()

    def hasten(self) -> None:
        """Have all keys looked at that wait for a moment to come, as moments are others by now."""
        for key in self._timers:
            self.add(key)

    async def run(self) -> None:
        """Look at keys until it is cancelled."""
        try:
            while True:
                await self._wake.wait()
                if not self._keys:
                    self._wake.clear()
                    continue
                key = next(iter(self._keys))
                del self._keys[key]
                self._set_timer(key, await self._looked_at(key))
                await asyncio.sleep(0)
        finally:
            for timer in self._timers.values():
                timer.cancel()

    def _set_timer(self, key: K, seconds: float | None) -> None:
        """Has a key looked at again then, and at no other time that was asked for before."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if seconds is not None:
            self._timers[key] = asyncio.get_running_loop().call_later(seconds, self.add, key)

    async def _looked_at(self, key: K) -> float | None:
        try:
            result = self._look(key)
            return await result if isinstance(result, Awaitable) else result
        except StatusError as error:
            log.debug("controller was refused", controller=self.name, key=str(key), error=error.message)
            return _AGAIN_SECONDS
        except Exception:
            log.exception("controller failed", controller=self.name, key=str(key))
            return None
