"""`make demo`, but for what installs it: on the embedded API server and on a real one."""

import re
from pathlib import Path

import pytest

from support.program import program

MAKEFILE = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")

CHAPTERS = (
    r"the API server answers",
    r"applied +Node mi300x-a",
    r"AIMClusterModel +meta-llama-3-8b-instruct is Ready",
    r"AIMClusterServiceTemplate +llama-3-8b-latency is Ready: ProfilesDiscovered",
    r"discovery +Job discover-llama-3-8b-latency-\w+ found:",
    r"hf://meta-llama/Llama-3.1-8B-Instruct \(15.0 GiB\)",
    r"AIMClusterServiceTemplate +llama-3-8b-throughput is NotAvailable: GPUNotAvailable",
    r"AIMService +ml-team/chat is Running: RuntimeReady\n",
    r"selection +llama-3-8b-latency chosen",
    r"InferenceService +ml-team/chat runs llama-3-8b-latency",
    r"HTTPRoute +ml-team/chat serves /ml-team/research/meta-llama-3-8b-instruct",
    r"event +Normal InferenceServiceCreated",
    r"the service is Running",
    r"AIMService +ml-team +chat +Running",
)


@pytest.mark.parametrize("apiserver", ["embedded", "real"])
async def test_demo_tells_the_whole_story(apiserver: str):
    assert "aimctrl sandbox $(if $(REAL),--apiserver real) $(if $(KEEP),,--once)\n" in MAKEFILE
    async with program("sandbox", "--once", f"--apiserver={apiserver}") as demo:
        assert await demo.ends(timeout=180) == 0, demo.output
    at = 0
    for chapter in CHAPTERS:
        found = re.compile(chapter).search(demo.output, at)
        assert found, f"nothing like {chapter!r} after:\n{demo.output[:at]}\nin:\n{demo.output}"
        at = found.end()
    assert "Traceback" not in demo.output
