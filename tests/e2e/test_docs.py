"""What docs/ shows works as it stands there: each page is followed from top to bottom, in a sandbox of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controlplane import ensure
from support.pages import ASIDE, DOCS, Terminal, pages, runnable
from support.registry import FakeRegistry, config_blob

REGISTRY = DOCS / "how-to" / "private-registry.md"

ELSEWHERE = {REGISTRY: "below"}
"""Pages that tests of their own follow, and where these are."""

FOLLOWED = [page for page in pages() if runnable(page) and page not in ELSEWHERE]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `kubectl` in it."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "kubectl").symlink_to(ensure("kubectl")["kubectl"])
    return folder


@contextmanager
def terminal(folder: Path, programs: Path, replaced: dict[str, str] | None = None) -> Iterator[Terminal]:
    opened = Terminal(folder, programs, replaced)
    try:
        yield opened
    finally:
        opened.close()


def follow(page: Path, terminal: Terminal) -> None:
    """Do all that a page says, in the tutorial's sandbox where it does not start its own."""
    told = runnable(page)
    if not any("aimctrl sandbox" in block.text for block in told if block.language == "shell"):
        terminal.type(f"aimctrl sandbox --kubeconfig-out kubeconfig   {ASIDE}")
        terminal.type("export KUBECONFIG=$PWD/kubeconfig")
        terminal.see("kubectl get aimservice -n ml-team chat -o jsonpath={.status.status}", "Running")
    for block in told:
        terminal.follow(block)


@pytest.mark.parametrize("page", FOLLOWED, ids=[str(page.relative_to(DOCS)) for page in FOLLOWED])
def test_a_page_can_be_followed(page: Path, tmp_path: Path, programs: Path):
    with terminal(tmp_path, programs) as opened:
        follow(page, opened)


async def test_the_page_on_registries_can_be_followed(tmp_path: Path, programs: Path):
    """The page's registry is one of the test's, which wants the page's password."""
    registry = FakeRegistry()
    registry.password = "secret"
    registry.push(config_blob({"org.amd.silogen.model.canonicalName": "meta-llama/Llama-3.1-8B-Instruct"}))
    async with registry.serving():
        with terminal(tmp_path, programs, {"registry.example.com": registry.host}) as opened:
            await asyncio.to_thread(follow, REGISTRY, opened)
