"""The exit codes of all commands."""

from typing import Final

BROKEN: Final = 1
USAGE: Final = 2
CANNOT_START: Final = 3
LEADERSHIP_LOST: Final = 4
