"""The order of a list into which a strategic merge patch was merged.

Source: https://github.com/kubernetes/design-proposals-archive/blob/main/cli/preserve-order-in-strategic-merge-patch.md.
"""

from collections.abc import Callable, Sequence

from aimctrl.sandbox.apiserver.schema.node import Json

Key = Callable[[Json], Json]
"""What tells the items of a list from each other: their merge key, or they themselves."""


def arranged(merged: Sequence[Json], wanted: Sequence[Json], live: Sequence[Json], key: Key) -> list[Json]:
    """The merged items: those that the patch names as it has them, the others as the live list has them.

    An item of the others stands before the first of the patch's that the live list has later.
    """
    order, there = [key(item) for item in wanted], [key(item) for item in live]
    ours = sorted((item for item in merged if key(item) in order), key=lambda item: order.index(key(item)))
    rest = sorted((item for item in merged if key(item) not in order), key=lambda item: _at(there, key(item)))
    line: list[Json] = []
    for item in ours:
        place = _at(there, key(item))
        while place >= 0 and rest and 0 <= _at(there, key(rest[0])) < place:
            line.append(rest.pop(0))
        line.append(item)
    return line + rest


def _at(line: list[Json], key: Json) -> int:
    return line.index(key) if key in line else -1
