"""Which pages of docs/reference are made from the code, and of what."""

from pathlib import Path

from reference.commands import commands
from reference.kinds import kinds
from reference.python import python

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def pages() -> dict[str, str]:
    """The text of each generated page, by file name: equal code gives equal bytes."""
    return {"commands.md": commands(), "kinds.md": kinds(), "python.md": python()}
