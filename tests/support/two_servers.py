"""The same command of kubectl against a real API server and the embedded one, and where what they print differs."""

import asyncio
import difflib
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

MASKS = (
    (UUID, "UID"),
    (r"\b(\d+[smhd])+\b", "AGE"),
    (r"20\d\d-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"[A-Z][a-z]{2}, \d\d \w+ \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
    (r'(?i)("?resource ?version"?: +)"?\d+"?', r"\1VERSION"),
    (r"127\.0\.0\.1:\d+", "SERVER"),
    (r"kube-api-access-\w{5}", "VOLUME"),
    (r"(?m)^Warning: .*\n", ""),
    (r"/tmp/(LIVE|MERGED)-\d+/", r"\1/"),
    (r"20\d\d-\d\d-\d\d [\d:.]+ [+-]\d{4}", "TIME"),
    (r"-{3,}", "---"),
    (r" +", " "),
)
"""What is never the same in two clusters, and the widths that follow from it; warnings are compared elsewhere."""


@dataclass(frozen=True)
class TwoServers:
    """Both servers, by the kubeconfig of each, and a namespace that both have."""

    kubectl: Path
    real: Path
    embedded: Path
    namespace: str

    async def differences(self, command: str, text: str = "", *, editor: str = "") -> list[str]:
        """What each alone prints for a command of kubectl, or ends with; `text` is what it reads from its input."""
        words = shlex.split(command)
        async with asyncio.TaskGroup() as group:
            real, embedded = (
                group.create_task(self._printed(config, words, text, editor)) for config in (self.real, self.embedded)
            )
        lines = difflib.unified_diff(real.result(), embedded.result(), "real", "embedded", lineterm="", n=0)
        return [f"{command}: {line}" for line in list(lines)[2:] if not line.startswith("@@")]

    async def both(self, command: str, text: str = "") -> None:
        """Runs a command on both, whatever comes of it."""
        await self.differences(command, text)

    async def _printed(self, config: Path, words: Sequence[str], text: str, editor: str) -> list[str]:
        process = await asyncio.create_subprocess_exec(
            self.kubectl,
            f"--namespace={self.namespace}",
            f"--cache-dir={config}.cache",
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(config.parent),
                "KUBECONFIG": str(config),
                "KUBE_EDITOR": editor,
            },
        )
        try:
            async with asyncio.timeout(90):
                out, err = await process.communicate(text.encode())
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        printed = f"{out.decode()}\n{err.decode()}\nexit {process.returncode}"
        return masked(printed).splitlines()


def masked(printed: str) -> str:
    """What kubectl printed, without what differs by chance."""
    for pattern, word in MASKS:
        printed = re.sub(pattern, word, printed)
    return printed
