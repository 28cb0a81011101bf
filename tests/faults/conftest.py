"""What the fault tests share: control planes of their own, which may be hurt, and how much is to be tried."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import ControlPlane, crd_folder

AIM_CRDS = Path(__file__).parents[2] / "deploy" / "crds"


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the full counts are asked for (`make soak`), or the reduced ones that fit into CI."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """The module's control plane with all CRDs; its tests leave it running and unpaused."""
    with ControlPlane(crds=[AIM_CRDS, crd_folder()]) as plane:
        yield plane
