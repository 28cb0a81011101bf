"""Everything that is reconciled can be explained."""

import pytest

from aimctrl.aim.explain.kinds import EXPLAINED, command
from aimctrl.aim.reconcilers import RECONCILED
from aimctrl.kube.kinds import Key


def test_all_that_is_reconciled_is_explained() -> None:
    kinds = [kind for kinds in EXPLAINED.values() for kind in kinds]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == set(RECONCILED)


@pytest.mark.parametrize(
    ("kind", "key", "expected"),
    [
        ("AIMService", Key("ml", "chat"), "aimctrl explain service ml/chat"),
        ("AIMClusterImage", Key("", "llama"), "aimctrl explain model llama"),
        ("AIMClusterServiceTemplate", Key("", "fast"), "aimctrl explain template fast"),
        ("AIMTemplateCache", Key("ml", "fast"), "aimctrl explain templatecache ml/fast"),
        ("AIMModelCache", Key("ml", "weights"), "aimctrl explain modelcache ml/weights"),
    ],
)
def test_what_to_type(kind: str, key: Key, expected: str) -> None:
    assert command(kind, key) == expected
