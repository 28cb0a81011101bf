"""A namespace in which one test serves a model, told in as few words as there are decisions in it."""

from dataclasses import dataclass
from typing import Any

from aimctrl.api.kinds import AIM_MODEL, AIM_SERVICE, AIM_SERVICE_TEMPLATE
from aimctrl.api.service import AIMService
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Kind
from aimctrl.sandbox.volumes import PROVISIONER
from support.world import Json, World, eventually, is_told, reasons
from support.world import reason as why

SOURCES: list[dict[str, Any]] = [{"name": "weights", "sourceURI": "hf://org/weights", "size": "1Gi"}]
GATEWAY = {"name": "gateway", "namespace": "gateways"}
CONDITIONS = {"Resolved", "CacheReady", "RuntimeReady", "RoutingReady", "Ready", "Progressing", "Failure"}


@dataclass(frozen=True)
class Home:
    """One namespace; what is not named otherwise is the model `llama`, the template `fast` and the service `chat`."""

    world: World
    namespace: str

    @property
    def image(self) -> str:
        """The image of the model; no other test uses it."""
        return f"registry.test/{self.namespace}:v1"

    async def model(self, name: str = "llama", **spec: Any) -> None:
        """Have a model."""
        await self.world.have(AIM_MODEL, name, self.namespace, **{"image": self.image, **spec})

    async def template(self, name: str = "fast", **spec: Any) -> None:
        """Have a template that needs no discovery."""
        await self.discovered(name, **{"modelSources": SOURCES, **spec})

    async def discovered(self, name: str = "fast", **spec: Any) -> None:
        """Have a template that is discovered."""
        await self.world.have(AIM_SERVICE_TEMPLATE, name, self.namespace, **{"modelName": "llama", **spec})

    async def service(self, name: str = "chat", **spec: Any) -> None:
        """Have a service; one with just these fields, whatever it had before."""
        await self.world.have(AIM_SERVICE, name, self.namespace, **{"model": {"ref": "llama"}, **spec})

    async def routed(self, name: str = "chat", **routing: Any) -> None:
        """Have a service with a route."""
        await self.service(name, routing={"enabled": True, "gatewayRef": GATEWAY, **routing})

    async def becomes(
        self, status: str, reason: str, name: str = "chat", *, timeout: float = 90.0, **conditions: tuple[str, str]
    ) -> AIMService:
        """The service once it has that status for that reason and those conditions; what follows from it is checked."""
        found: AIMService = await self.world.until(
            AIM_SERVICE,
            name,
            self.namespace,
            lambda s: (
                is_told(s)
                and (s.status.status, why(s)) == (status, reason)
                and conditions.items() <= reasons(s).items()
            ),
            timeout=timeout,
        )
        assert reasons(found) | {
            "Ready": (str(status == "Running"), reason),
            "Progressing": (str(status in {"Pending", "Starting"}), reason),
            "Failure": (str(status in {"Degraded", "Failed"}), reason),
        } == reasons(found)
        assert reasons(found).keys() == CONDITIONS
        assert {c.observed_generation for c in found.status.conditions} == {found.metadata.generation}
        return found

    async def runs(self, name: str = "chat", **conditions: tuple[str, str]) -> AIMService:
        """The service once it is Running."""
        return await self.becomes("Running", "RuntimeReady", name, **conditions)

    async def inference_service(self, name: str = "chat") -> Json:
        """The service's InferenceService as JSON."""
        return await self.world.json(INFERENCE_SERVICES, name, self.namespace)

    async def route(self, name: str = "chat") -> Json:
        """The service's HTTPRoute as JSON."""
        return await self.world.json(HTTPROUTES, name, self.namespace)

    async def loses(self, kind: Kind[Any], name: str) -> None:
        """Wait until the object is gone."""

        async def gone() -> bool:
            return await self.world.get(kind, name, self.namespace) is None

        assert await eventually(gone)


def storage_class(name: str, mode: str = "Immediate", *, default: bool = False) -> Json:
    """A storage class of the stand-in for storage."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": name,
            "annotations": {"storageclass.kubernetes.io/is-default-class": str(default).lower()},
        },
        "provisioner": PROVISIONER,
        "volumeBindingMode": mode,
        "allowVolumeExpansion": True,
    }


def message(service: AIMService, kind: str) -> str:
    """What a condition says."""
    return {c.type: c.message for c in service.status.conditions}[kind]
