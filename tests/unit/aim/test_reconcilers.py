"""Each kind has its reconciler."""

from typing import Any

import pytest

from aimctrl.aim.reconcilers import RECONCILED, Basis, reconciler
from aimctrl.api.kinds import AIM_RUNTIME_CONFIG


def test_runtime_configs_are_read_and_not_reconciled() -> None:
    nothing: Any = None
    assert AIM_RUNTIME_CONFIG not in RECONCILED
    with pytest.raises(ValueError, match="aimruntimeconfigs"):
        reconciler(AIM_RUNTIME_CONFIG, Basis(nothing, nothing, nothing))
