"""Who wrote how often, by the API server's own account."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.load import SENDER

_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_BYSTANDERS = (f"{SENDER} ", "kube-apiserver/", "kube-controller-manager/", "aimctrl-sandbox ")


class _Record(msgspec.Struct, rename="camel"):
    verb: str
    stage: str
    user_agent: str = ""
    object_ref: dict[str, str] = {}

    @property
    def is_write(self) -> bool:
        """Whether a program that is measured has written, leases and events not counted."""
        measured = not self.user_agent.startswith(_BYSTANDERS)
        return self.verb in _VERBS and self.stage == "ResponseComplete" and measured and not self._is_aside

    @property
    def _is_aside(self) -> bool:
        return self.object_ref.get("resource") in {"events", "leases"}


_decode = msgspec.json.Decoder(_Record).decode


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The audit log of a control plane; a mark is a place in it."""

    path: Path

    def mark(self) -> int:
        """Where it ends now."""
        return self.path.stat().st_size

    def since(self, mark: int) -> int:
        """How many writes the programs that are measured have made since, failed ones too."""
        with self.path.open("rb") as file:
            file.seek(mark)
            return sum(_decode(line).is_write for line in file if line.endswith(b"\n"))
