"""What the end-to-end tests share: one real control plane with all CRDs, and a namespace for each test."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from controlplane import ControlPlane, crd_folder

REPOSITORY = Path(__file__).parents[2]
AIM_CRDS = REPOSITORY / "deploy" / "crds"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """The session's control plane: the CRDs of AIM, KServe and Gateway API are there before its controllers start."""
    with ControlPlane(crds=[AIM_CRDS, crd_folder()]) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane: ControlPlane, request: pytest.FixtureRequest) -> str:
    """A namespace of this test's own; it is left to the end of the session, since deleting one takes seconds."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:40].strip("-")
    name = f"{words}-{uuid4().hex[:8]}"
    body = json.dumps({"metadata": {"name": name}}).encode()
    status, answer = control_plane.api.request("POST", "/api/v1/namespaces", body)
    assert status == 201, answer
    return name
