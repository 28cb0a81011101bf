"""docs/ becomes a site without a warning, and its generated pages are as the code is."""

import subprocess
import sys
from pathlib import Path

import pytest

from reference.pages import FOLDER, pages
from support.pages import DOCS


@pytest.mark.parametrize(("name", "text"), pages().items(), ids=pages())
def test_a_reference_is_as_generated(name: str, text: str):
    """`make docs` writes them anew."""
    assert (FOLDER / name).read_text(encoding="utf-8") == text


def test_the_site_is_built_without_a_warning(tmp_path: Path):
    """A page that no other names, a link that leads nowhere, a docstring that cannot be read: all are warnings."""
    words = ["-m", "sphinx", "--quiet", "--fail-on-warning", "--doctree-dir", str(tmp_path / "trees")]
    built = subprocess.run(
        [sys.executable, *words, str(DOCS), str(tmp_path / "site")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "site" / "tutorial.html").is_file()


def test_every_page_but_the_first_is_in_a_table_of_contents():
    listed = [
        (page.parent / f"{line.strip()}.md").resolve()
        for page in DOCS.rglob("index.md")
        for tree in page.read_text(encoding="utf-8").split("```{toctree}")[1:]
        for line in tree.partition("```")[0].splitlines()
        if line.strip() and not line.startswith(":")
    ]
    assert sorted(listed) == sorted(page.resolve() for page in DOCS.rglob("*.md") if page != DOCS / "index.md")
