"""What a program on the runtime pays for when it starts: told by what is imported, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import aimctrl

DEAR = ("aiohttp", "jsonpath_ng", "kubernetes_asyncio", "opentelemetry", "prometheus_client", "yaml")
"""What takes long to import and is needed by few, or later."""

PROGRAM = f"""
import asyncio, sys
from aimctrl.kube.core import CONFIGMAPS
from aimctrl.runtime import Client, Controller, Manager, Result
from aimctrl.runtime.connection import Connection

class Nothing:
    async def reconcile(self, request):
        return Result()

def imported():
    return sorted(set({DEAR!r}) & set(sys.modules))

async def main():
    async with Client(Connection("http://127.0.0.1:1")) as client:
        manager = Manager(client)
        manager.add(Controller("nothing", CONFIGMAPS, Nothing()))
        print(imported())
        {{then}}

asyncio.run(main())
"""


def printed(then: str = "") -> list[str]:
    env = os.environ | {"PYTHONPATH": str(Path(aimctrl.__file__).parent.parent)}
    command = [sys.executable, "-c", PROGRAM.replace("{then}", then)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.splitlines()


def test_a_program_without_kubeconfig_and_endpoints_imports_nothing_for_them():
    assert printed() == ["[]"]


def test_prometheus_client_is_imported_when_somebody_wants_to_see_the_metrics():
    then = "print(b'workqueue_depth' in manager.metrics.exposition(), imported())"
    assert printed(then) == ["[]", "True ['prometheus_client']"]


def test_a_manager_without_addresses_runs_without_a_server():
    then = "manager.stop(); await manager.run(); print(imported())"
    assert printed(then)[-1] == "[]"
