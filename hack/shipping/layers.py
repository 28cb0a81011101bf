"""Folders on top of one another, as the layers of an image are, and programs that run in them.

Needs Linux and root: each program has a mount namespace of its own, which ends with it.
"""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SERVICE_ACCOUNT = "run/secrets/kubernetes.io/serviceaccount"
"""Where a pod's service account is; `/var/run` is a link to `/run`."""

NAMES = Path("/etc/resolv.conf")
CHROOT = "/usr/sbin/chroot"
"""Not on the image's PATH, which programs have from the start."""


@dataclass(frozen=True, slots=True)
class Root:
    """A root file system: its layers, the upper ones first, and an empty folder to mount it at."""

    layers: tuple[Path, ...]
    at: Path

    def building(self, words: Sequence[str], layer: Path, workdir: str = "/") -> list[str]:
        """The command line that runs `words` as root; what it writes goes to `layer`.

        A folder of the same name with `.work` beside it is used as well.
        """
        names = [f"mount --bind {NAMES.resolve()} {self.at}{NAMES}"] if NAMES.exists() else []
        upper = f",upperdir={layer},workdir={layer}.work"
        return self._command(words, upper, names, workdir=workdir)

    def running(self, words: Sequence[str], user: str, account: Path) -> list[str]:
        """The command line that runs `words` as that user, as in a pod: nothing can be written to.

        `account` has the files of the service account.
        """
        folder = self.at / SERVICE_ACCOUNT
        mounts = [f"mount -t tmpfs tmpfs {self.at}/run", f"mkdir -p {folder}", f"mount --bind {account} {folder}"]
        return self._command(words, "", mounts, user=user)

    def _command(
        self, words: Sequence[str], upper: str, mounts: Sequence[str], *, user: str = "0:0", workdir: str = "/"
    ) -> list[str]:
        layers = ":".join(map(str, self.layers))
        inside = f"cd {shlex.quote(workdir)} && exec {shlex.join(words)}"
        script = (
            f"mount -t overlay overlay -o lowerdir={layers}{upper} {self.at}",
            f"mount -t proc proc {self.at}/proc",
            f"mount --rbind /dev {self.at}/dev",
            *mounts,
            f"exec {CHROOT} --userspec={user} {self.at} /bin/sh -c {shlex.quote(inside)}",
        )
        return ["unshare", "--mount", "/bin/sh", "-ec", "\n".join(script)]


def network(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What programs have to know to get at packages: proxies, and what pip was told."""
    return {
        name: value for name, value in environment.items() if name.lower().endswith("_proxy") or name.startswith("PIP_")
    }
