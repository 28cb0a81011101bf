"""The server's controllers as a context."""

import pytest

from aimctrl.sandbox.apiserver.builtin.kinds import builtin_registry
from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.controllers.run import run_controllers


async def test_what_the_block_raises_comes_out_as_itself() -> None:
    cluster = Cluster(registry=builtin_registry())
    with pytest.raises(LookupError, match="of the block"):
        async with run_controllers(cluster):
            raise LookupError("of the block")
    assert not cluster.storage.listeners
