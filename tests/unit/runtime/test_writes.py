"""Collecting what a reconcile wrote."""

import asyncio

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.writes import Write, collect, record

KIND = Kind("", "v1", "Pod", "pods", dict)


def write(version):
    return Write(KIND, Key("x", "a"), version)


def test_writes_outside_of_any_reconcile_are_dropped():
    record(write(1))
    with collect() as writes:
        record(write(2))
    record(write(3))
    assert writes == [write(2)]


async def test_tasks_inside_a_reconcile_share_its_list_and_other_reconciles_have_their_own():
    async def late(version):
        await asyncio.sleep(0)
        record(write(version))

    async def reconcile(version):
        with collect() as writes:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(late(version))
                tasks.create_task(late(version + 1))
        return writes

    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(reconcile(10))
        second = tasks.create_task(reconcile(20))
    assert first.result() == [write(10), write(11)]
    assert second.result() == [write(20), write(21)]
