"""What the README says is so; docs/ has pages that say the rest, and `test_docs.py` follows them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from aimctrl.api.kinds import ALL
from controlplane import ControlPlane, ensure

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (\S.*)$", README, re.MULTILINE)
LINKS = re.findall(r"\]\(([\w./-]+)\)", README)
SCREEN = 50
"""Lines."""


def kubectl(plane: ControlPlane, *words: str, given: bytes = b"") -> bytes:
    """What kubectl says to that control plane."""
    command = [str(ensure("kubectl")["kubectl"]), "--kubeconfig", str(plane.kubeconfig), *words]
    done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=120, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_printed_crds_can_be_applied(control_plane: ControlPlane):
    """`aimctrl crds | kubectl apply --server-side -f -`, the way to install them by hand."""
    aimctrl = str(Path(sys.executable).with_name("aimctrl"))
    printed = subprocess.run([aimctrl, "crds"], capture_output=True, check=True, timeout=60).stdout
    said = kubectl(control_plane, "apply", "--server-side", "--force-conflicts", "-f", "-", given=printed)
    assert said.count(b"serverside-applied") == len(ALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_there(command: str):
    """A target of the Makefile, or a file of the checkout; that they work is tested where they are made."""
    if command.startswith("make "):
        targets = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{command.split()[1]}:", targets, re.MULTILINE)
    else:
        assert (REPOSITORY / command.rsplit(maxsplit=1)[-1]).is_file()


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link: str):
    assert (REPOSITORY / link).is_file()


def test_it_is_no_longer_than_a_screen():
    assert README.count("\n") <= SCREEN
