"""Two operators with leader election on a real API server: one works, and its loss is taken over (SPEC §8)."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_SERVICE_TEMPLATE
from aimctrl.kube.core import LEASES
from aimctrl.rbac import operator_roles
from aimctrl.runtime.election import LeaderOptions
from controlplane import ControlPlane
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from support.program import account, run, user_of, writers

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPTIONS = LeaderOptions("any", "any", "any")
TAKEN_OVER = OPTIONS.lease_duration + OPTIONS.retry_period + 5.0
HANDED_OVER = OPTIONS.retry_period + 5.0
MODEL = "elected"


async def test_one_leads_its_loss_is_taken_over_and_a_clean_stop_hands_over_fast(
    control_plane: ControlPlane, unmanned: Stage, namespace: str, tmp_path: Path
):
    user = unmanned.world
    await user.have(AIM_CLUSTER_MODEL, MODEL, image="registry.test/elected:v1")
    ids = [f"{name}-{uuid4().hex[:6]}" for name in ("one", "two")]
    rules = [rule for role in operator_roles() for rule in role["rules"]]
    one, two = [await account(user, control_plane, tmp_path, name, *rules) for name in ids]
    first, second = map(user_of, ids)

    async def works(name: str, timeout: float) -> None:
        await user.have(AIM_SERVICE_TEMPLATE, name, namespace, modelName=MODEL)
        await user.reaches(AIM_SERVICE_TEMPLATE, name, namespace, status="Ready", timeout=timeout)

    async with run(control_plane, "--leader-elect", kubeconfig=one) as leader:
        await leader.says("controller started")
        async with run(control_plane, "--leader-elect", kubeconfig=two) as standby:
            await standby.says("waiting to lead")
            await works("by-the-first", 30.0)
            lease = await user.get(LEASES, "aimctrl", OPERATOR_NAMESPACE)
            assert str(leader.process.pid) in lease.spec.holder_identity
            await leader.kill()
            await works("by-the-second", TAKEN_OVER)
            assert writers(control_plane, first, second) == [first, second]
            async with run(control_plane, "--leader-elect", kubeconfig=one) as again:
                await again.says("waiting to lead")
                assert "controller started" not in again.output
                async with asyncio.TaskGroup() as tasks:
                    stopping = tasks.create_task(standby.terminate())
                    tasks.create_task(works("by-the-first-again", HANDED_OVER))
                assert stopping.result() == 0
                assert "leadership released" in standby.output
                assert await again.terminate() == 0
    assert writers(control_plane, first, second) == [first, second, first]
