"""Every discovery Job of a cluster, as the API server's own stream of changes tells it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aimctrl.kube.core import JOBS, Job
from aimctrl.kube.kinds import Key
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.store import Change
from controlplane import ControlPlane

SELECTOR = "app.kubernetes.io/managed-by=aim,app.kubernetes.io/component=discovery"


class JobLog:
    """What came since the watch began: which Jobs, and the most that were unfinished at one time."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        """The latest state of each Job there ever was, by uid."""
        self.most = 0
        self._unfinished: set[str] = set()

    @property
    def unfinished(self) -> int:
        """How many are at work or waiting for a Pod now."""
        return len(self._unfinished)

    def of(self, template: str, namespace: str = "") -> list[Job]:
        """The Jobs of the templates of that name, the gone ones too; in a namespace, or anywhere."""
        return [
            job
            for job in self.jobs.values()
            if job.metadata.labels["aim.silogen.ai/template"] == template and namespace in {"", job.metadata.namespace}
        ]

    def names(self, prefix: str) -> list[Key]:
        """The name of each Job there ever was of templates with that prefix, as often as it was created."""
        return sorted(job.key for job in self.jobs.values() if _template(job).startswith(prefix))

    def on_change(self, change: Change) -> None:
        """Take note; the handler for an informer of discovery Jobs."""
        for entry in (change.old, change.new):
            if entry is not None:
                job = JOBS.decode(entry.raw)
                self.jobs[job.metadata.uid] = job
                self._count(job, here=entry is change.new)
        self.most = max(self.most, len(self._unfinished))

    def _count(self, job: Job, *, here: bool) -> None:
        if here and not job.finished:
            self._unfinished.add(job.metadata.uid)
        else:
            self._unfinished.discard(job.metadata.uid)


def _template(job: Job) -> str:
    return job.metadata.labels["aim.silogen.ai/template"]


@asynccontextmanager
async def job_log(plane: ControlPlane) -> AsyncIterator[JobLog]:
    """Follows the Jobs while the block runs, on a connection of its own."""
    log = JobLog()
    async with Client(await connect(str(plane.kubeconfig))) as client:
        informers = Informers(client)
        informers.informer(JOBS, selector=SELECTOR).add_handler(log.on_change)
        running = asyncio.create_task(informers.run())
        try:
            await informers.wait_settled()
            yield log
        finally:
            running.cancel()
            await asyncio.wait({running})
