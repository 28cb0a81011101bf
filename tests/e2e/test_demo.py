"""`make demo`, but for what installs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

HACK = Path(__file__).parents[2] / "hack"


def test_demo_tells_the_whole_story():
    env = {**os.environ, "PYTHONPATH": str(HACK)}
    done = subprocess.run(
        [sys.executable, "-m", "demo"], env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    chapters = [
        r"applied +Node mi300x-a",
        r"AIMClusterModel +meta-llama-3-8b-instruct is Ready",
        r"AIMClusterServiceTemplate +llama-3-8b-latency is Ready: ProfilesDiscovered",
        r"discovery +Job kaiwo-system/discover-llama-3-8b-latency-",
        r"AIMClusterServiceTemplate +llama-3-8b-throughput is NotAvailable: GPUNotAvailable",
        r"AIMService +ml-team/chat is Running",
        r"selection +llama-3-8b-latency chosen",
        r"InferenceService +ml-team/chat runs llama-3-8b-latency",
        r"HTTPRoute +ml-team/chat serves /ml-team/research/meta-llama-3-8b-instruct",
        r"the service is Running",
    ]
    at = 0
    for chapter in chapters:
        found = re.compile(chapter).search(done.stdout, at)
        assert found, f"nothing like {chapter!r} after:\n{done.stdout[:at]}\nin:\n{done.stdout}"
        at = found.end()
