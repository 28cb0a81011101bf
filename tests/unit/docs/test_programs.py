"""The Python of docs/ is typed as the library is, and that of other frameworks is at least Python."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from support.pages import DOCS, Block, blocks, pages

PROGRAMS = [block for page in pages() for block in blocks(page) if block.language == "python"]
OWN = [block for block in PROGRAMS if not block.illustration]


@pytest.mark.parametrize("block", PROGRAMS, ids=map(str, PROGRAMS))
def test_a_program_is_python(block: Block):
    ast.parse(block.text)


def test_programs_are_typed(tmp_path: Path):
    """But for tests, which have fixtures without types; what a program imports from another of its page is Any."""
    for block in OWN:
        if not block.file.startswith("test_"):
            name = f"{block.page.stem}_{block.file}".replace("-", "_")
            (tmp_path / name).write_text(block.text, encoding="utf-8")
    options = ["--config-file", str(DOCS.parent / "pyproject.toml"), "--no-incremental", "--ignore-missing-imports"]
    command = [sys.executable, "-m", "mypy", *options, *map(str, sorted(tmp_path.iterdir()))]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)  # in this process it moves limits
    assert checked.returncode == 0, checked.stdout + checked.stderr
