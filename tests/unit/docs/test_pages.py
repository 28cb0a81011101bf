"""Every block of every page of docs/ is something that a test can follow, or says why not."""

from pathlib import Path

import pytest

from support.pages import COMMANDS, DOCS, FILES, Block, agrees, blocks, pages

PAGES = pages()
BLOCKS = [block for page in PAGES for block in blocks(page)]
UNSAID = {"conftest.py", "kustomization.yaml", "pyproject.toml"}
"""Files that programs look for by themselves."""

NAMES = [str(page.relative_to(DOCS)) for page in PAGES]


@pytest.mark.parametrize("block", BLOCKS, ids=map(str, BLOCKS))
def test_a_block_can_be_followed_or_says_why_not(block: Block):
    assert block.illustration or block.language in FILES | COMMANDS | {"text", "promql"}
    if block.illustration:
        return
    if block.language in FILES and block.file not in UNSAID:
        commands = [other.text for other in BLOCKS if other.page == block.page and other.language in COMMANDS]
        nameless = block.language == "yaml" and not block.file
        assert nameless or block.file, "the first line is to be a comment with the file's name"
        assert nameless or any(block.file in text for text in commands), "no command is about that file"
    if block.language == "console":
        assert block.text.startswith("$ ")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_are_in_fences(page: Path):
    """An indented block would be followed by no test."""
    text = page.read_text(encoding="utf-8")
    outside = [line for at, part in enumerate(text.split("```")) if at % 2 == 0 for line in part.splitlines()]
    assert not [
        line for line in outside if line.startswith(("    aimctrl", "    kubectl", "    pip", "    python", "$ "))
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a  b\n", "a b\n\n", True),
        ("chat Running 3s\n", "chat   Running   1m20s\n", True),
        ("chat Running 3s\n", "chat   Running   soon\n", False),
        ("discover-…-abc\n", "discover-x-abc\n", True),
        ("a\n…\nz\n", "a\nb\nc\nz\n", True),
        ("a\n…\nz\n", "a\nz\n", True),
        ("a\n", "a\nb\n", False),
        ("a (b) [c]\n", "a (b) [c]\n", True),
    ],
    ids=["blanks", "age", "no age", "part of a line", "lines", "no lines", "more than shown", "signs"],
)
def test_what_is_shown_is_compared_in_its_stable_parts(shown: str, printed: str, same: bool):
    assert agrees(shown, printed) is same
