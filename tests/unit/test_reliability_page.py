"""docs/reliability.md names tests that there are."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "reliability.md"
LINKS = re.findall(r"\[([\w./]+)\]\(\.\./([\w./]+)\)", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "file"), LINKS, ids=[name for name, _ in LINKS])
def test_every_test_the_page_names_is_there(name: str, file: str):
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    assert name.endswith(".py") or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE)


def test_every_fault_test_is_in_the_table():
    there = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "tests" / "faults").glob("test_*.py")}
    assert there <= {file for _, file in LINKS}


def test_every_row_has_its_four_cells():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert {line.count(" |") for line in rows} == {4}
