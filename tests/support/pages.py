"""The pages of docs/ as a reader follows them: fenced blocks, which of them are run, and a terminal to run them in.

What a block is follows from its language:

- `yaml`, `python`, `toml`: a file to write; its first line is a comment with its name. YAML without a name is an object
  that the API server has to take.
- `shell`: commands to type; each has to succeed. One that ends in `# in a terminal of its own` goes on beside the rest.
- `console`: commands after `$`, each with what it prints. `…` stands for anything, as a line of its own for any lines;
  blanks, ages and durations may differ. What only looks is repeated until it prints that.
- `text`: no more than a picture. `promql`: a query; the tests of the metrics look at those.

Any block may instead be an illustration: then the paragraph above it begins with `*Not run by a test:` and says why.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
SOURCE = DOCS.parent / "src"
DEPLOY = DOCS.parent / "deploy"
FILES = {"yaml", "python", "toml"}
COMMANDS = {"shell", "console"}
NAMELESS = "nameless.yaml"
ASIDE = "# in a terminal of its own"
ILLUSTRATION = "*Not run by a test: "
LOOKS = re.compile(r"(kubectl (get|describe|logs|wait)|aimctrl (status|explain)|cat|curl)\b")

PATIENCE = 90.0
"""Seconds until what a command prints has to be what the page says."""


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` is that of its fence."""

    page: Path
    line: int
    language: str
    text: str
    illustration: str = ""
    """Why it is not run; empty where it is."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(DOCS)}:{self.line}"

    @property
    def file(self) -> str:
        """The name in the comment of the first line; empty where there is none."""
        found = re.match(r"# ([\w./-]+)\n", self.text)
        return found[1] if found else ""

    def exchanges(self) -> Iterator[tuple[str, str]]:
        """The commands of a console, each with what it prints."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def pages() -> list[Path]:
    """All pages, sorted."""
    return sorted(DOCS.rglob("*.md"))


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, but for directives."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found: list[Block] = []
    at = 0
    while at < len(lines):
        if not lines[at].startswith("```"):
            at += 1
            continue
        end = lines.index("```", at + 1)
        language = lines[at].removeprefix("```")
        if not language.startswith("{"):
            text = "".join(f"{line}\n" for line in lines[at + 1 : end])
            found.append(Block(page, at + 1, language, text, _why_not(lines[:at])))
        at = end + 1
    return found


def _why_not(above: list[str]) -> str:
    paragraph = "\n".join(above).rstrip().rpartition("\n\n")[2].replace("\n", " ")
    return paragraph.removeprefix(ILLUSTRATION) if paragraph.startswith(ILLUSTRATION) else ""


def runnable(page: Path) -> list[Block]:
    """The blocks of a page that are run, files included."""
    return [block for block in blocks(page) if not block.illustration and block.language in FILES | COMMANDS]


def agrees(shown: str, printed: str) -> bool:
    """Whether a command printed what the page shows."""
    pattern = "".join(_line(line) for line in shown.rstrip().splitlines())
    told = "".join(f"{' '.join(line.split())}\n" for line in printed.rstrip().splitlines())
    return re.fullmatch(pattern, told) is not None


DURATION = re.compile(r"(?<![\w.-])(?:\d+(?:\.\d+)?(?:ms|[smhd]))+(?![\w-])")


def _line(line: str) -> str:
    words = " ".join(line.split())
    if words == "…":
        return r"(?:.*\n)*?"
    parts = (re.escape(part).replace("…", ".*") for part in DURATION.split(words))
    return DURATION.pattern.join(parts) + r"\n"


class Terminal:
    """A folder with a checkout's `deploy` and a shell's variables; commands are run one after another, those aside until `close`."""

    def __init__(self, folder: Path, programs: Path, replaced: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._state = folder / ".state"
        self._state.touch()
        (folder / "deploy").symlink_to(DEPLOY)
        self._replaced = replaced or {}
        self._aside: list[subprocess.Popen[bytes]] = []
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIM_", "KUBE", "PYTEST"))
        }
        self._env = inherited | {
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(SOURCE),
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
        }

    def follow(self, block: Block) -> None:
        """Do what a block says. Raises AssertionError where it goes otherwise."""
        if block.language in FILES:
            self.write(block.file or NAMELESS, block.text)
            if not block.file:
                self.type(f"kubectl create --dry-run=server -f {NAMELESS}", block)
        elif block.language == "shell":
            for command in _commands(block.text):
                self.type(command, block)
        else:
            for command, shown in block.exchanges():
                self.see(command, shown, block)

    def write(self, name: str, text: str) -> None:
        """Have a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._with_replacements(text), encoding="utf-8")

    def type(self, command: str, where: object = "") -> str:
        """Run a command that has to succeed, or begin one aside; what it printed."""
        if command.rstrip().endswith(ASIDE):
            self._begin(command)
            return ""
        code, printed = self._run(command)
        assert code == 0, f"{where}: {command}\n{code}: {printed}"
        return printed

    def see(self, command: str, shown: str, where: object = "") -> None:
        """Run a command that has to print that."""
        deadline = time.monotonic() + PATIENCE
        while True:
            code, printed = self._run(command)
            if (agrees(shown, printed)) if shown.strip() else code == 0:
                return
            again = LOOKS.match(command) and time.monotonic() < deadline
            assert again, (
                f"{where}: {command}\n--- printed ({code}):\n{printed}\n--- shown:\n{shown}{self._said_aside()}"
            )
            time.sleep(0.5)

    def close(self) -> None:
        """End what runs aside."""
        for process in reversed(self._aside):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _begin(self, command: str) -> None:
        words = command.removesuffix(ASIDE).strip()
        with (self.folder / f".aside-{len(self._aside)}").open("wb") as output:
            self._aside.append(
                subprocess.Popen(
                    ["bash", "-c", f"source .state; exec {self._with_replacements(words)}"],
                    cwd=self.folder,
                    env=self._env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )
        if words.startswith("aimctrl sandbox"):
            self._await_sandbox()

    def _await_sandbox(self) -> None:
        """As a reader does: it says what to type next."""
        deadline = time.monotonic() + PATIENCE
        while "export KUBECONFIG=" not in (said := self._said_aside()):
            assert time.monotonic() < deadline, said
            time.sleep(0.1)

    def _run(self, command: str) -> tuple[int, str]:
        script = f"source .state\n{self._with_replacements(command)}\ncode=$?\nexport -p > .state\nexit $code"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    def _said_aside(self) -> str:
        said = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(self.folder.glob(".aside-*"))]
        return "".join(f"\n--- aside:\n{text[-3000:]}" for text in said)

    def _with_replacements(self, text: str) -> str:
        for old, new in self._replaced.items():
            text = text.replace(old, new)
        return text


def _commands(text: str) -> Iterator[str]:
    """The commands of a shell block: lines, those that go on after a backslash or belong to a here-document joined."""
    lines = iter(text.splitlines())
    for line in lines:
        command = line
        while command.endswith("\\"):
            command += "\n" + next(lines)
        if marker := re.search(r"<<'?(\w+)'?", command):
            for inner in lines:
                command += "\n" + inner
                if inner == marker[1]:
                    break
        if command.strip() and not command.startswith("#"):
            yield command
