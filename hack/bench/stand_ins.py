"""Nodes, kubelets, storage, KServe and a gateway for the operator, in a process of their own; KUBECONFIG says where."""

import asyncio
import signal
from contextlib import suppress

import uvloop

from aimctrl.runtime import connect
from aimctrl.sandbox.script_file import parse_scripts
from aimctrl.sandbox.stand_ins import stand_ins


async def _main() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with stand_ins(await connect(), parse_scripts("default: {aim: {}}")):
        print('{"event": "ready"}', flush=True)
        await stopped.wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(_main())
