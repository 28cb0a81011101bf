"""What many kinds with a status have in common: nobody creates one with a status."""

from collections.abc import Callable

from aimctrl.sandbox.apiserver.resources import Strategy
from aimctrl.sandbox.apiserver.schema.node import Object


class Resetting(Strategy):
    """A kind whose status is empty when it is created; `empty` makes that status."""

    def __init__(self, empty: Callable[[], Object]) -> None:
        self._empty = empty

    def prepare_create(self, thing: Object) -> None:
        """Drops whatever status it came with."""
        thing["status"] = self._empty()
