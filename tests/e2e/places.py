"""The two scopes that templates, models and runtime configs live in, so that one test can be told for both."""

from dataclasses import dataclass, field
from typing import Any

from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.core import JOBS
from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Kind
from support.world import World, is_told
from support.world import reason as why

DISCOVERED = ("True", "ProfilesDiscovered")


@dataclass(frozen=True)
class Place:
    """One scope as a test uses it: everything of the test is called `name` there, but for what it names itself.

    `namespace` is `""` in the cluster's scope; `jobs` is the namespace of discovery Jobs.
    """

    world: World
    name: str
    namespace: str
    jobs: str
    template_kind: Kind[Any] = field(init=False)
    model_kind: Kind[Any] = field(init=False)
    config_kind: Kind[Any] = field(init=False)
    runtime_kind: Kind[Any] = field(init=False)

    def __post_init__(self) -> None:
        kinds = (AIM_SERVICE_TEMPLATE, AIM_MODEL, AIM_RUNTIME_CONFIG, SERVING_RUNTIMES)
        if not self.namespace:
            kinds = (
                AIM_CLUSTER_SERVICE_TEMPLATE,
                AIM_CLUSTER_MODEL,
                AIM_CLUSTER_RUNTIME_CONFIG,
                CLUSTER_SERVING_RUNTIMES,
            )
        for part, kind in zip(("template", "model", "config", "runtime"), kinds, strict=True):
            object.__setattr__(self, f"{part}_kind", kind)

    @property
    def image(self) -> str:
        """The image of the test's model; no other test uses it."""
        return f"registry.test/{self.name}:v1"

    async def model(self, **spec: Any) -> None:
        """Have the model."""
        await self.world.have(self.model_kind, self.name, self.namespace, **{"image": self.image, **spec})

    async def config(self, **spec: Any) -> None:
        """Have the runtime config."""
        await self.world.have(self.config_kind, self.name, self.namespace, **spec)

    async def template(self, **spec: Any) -> None:
        """Have the template."""
        await self.world.have(self.template_kind, self.name, self.namespace, **{"modelName": self.name, **spec})

    async def becomes(self, status: str, reason: str, *, timeout: float = 90.0) -> AIMServiceTemplate:
        """The template once it has that status for that reason; the conditions that follow from it are checked."""
        found: AIMServiceTemplate = await self.world.until(
            self.template_kind,
            self.name,
            self.namespace,
            lambda t: is_told(t) and (t.status.status, why(t)) == (status, reason),
            timeout=timeout,
        )
        expected = {
            "Ready": status == "Ready",
            "Progressing": status in {"Pending", "Progressing"},
            "Failure": status in {"Degraded", "Failed"},
        }
        said = {c.type: c for c in found.status.conditions}
        assert {kind: said[kind].status for kind in expected} == {kind: str(holds) for kind, holds in expected.items()}
        kept = {"Discovered", *expected} | ({"CacheWarm"} if self.namespace else set())
        assert set(said) == kept
        assert {c.observed_generation for c in said.values()} == {found.metadata.generation}
        return found

    async def job(self, template: AIMServiceTemplate) -> Any:
        """The discovery Job whose result is in the template's status, as JSON."""
        assert template.status.discovery is not None
        return await self.world.json(JOBS, template.status.discovery.job_name or "", self.jobs)
