"""What the generated pages are put together from."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars inside cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: object) -> str:
    """A literal."""
    return f"`{text}`"


def page(*parts: str) -> str:
    """Paragraphs, tables and headings, one blank line between them; empty ones are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"
