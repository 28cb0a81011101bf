"""Storage as scheduler, provisioner and kubelet see it: claims are bound where their class has them bound here.

No PersistentVolumes are made; a claim names the one it would have. Expansion is done at once.
Source: https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from aimctrl.kube.core import StorageClass
from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import ConflictError, NotFoundError
from aimctrl.runtime.index import Index
from aimctrl.runtime.lister import Lister
from aimctrl.runtime.request import Request, Result
from aimctrl.runtime.store import Change
from aimctrl.sandbox.script import ClaimVerdict, Scripts
from aimctrl.sandbox.status import patch_status
from aimctrl.sandbox.wire import CLAIMS, PODS, Claim, ClaimStatus, Pod, PodSpec

PROVISIONER = "sandbox.aimctrl.dev/storage"
"""The provisioner of the storage classes whose claims are bound here."""

BOUND = "pv.kubernetes.io/bind-completed"


class _Status(msgspec.Struct, gc=False):
    phase: str = ""


class _Use(msgspec.Struct):
    spec: PodSpec = PodSpec()
    status: _Status = msgspec.field(default_factory=_Status)


def _claims_of(meta: Meta, use: _Use) -> Iterable[str]:
    over = use.status.phase in {"Succeeded", "Failed"}
    return () if over else (str(Key(meta.namespace, name)) for name in use.spec.claims)


BY_CLAIM = Index("sandbox-claim", _Use, _claims_of)
"""Pods that are not over, by namespace and name of each claim they use."""


class Volumes:
    """Whether pods can be given a node, and run there, as far as their claims go."""

    def __init__(self, claims: Lister[Claim], classes: Lister[StorageClass]) -> None:
        self._claims = claims
        self._classes = classes

    def obstacle(self, pod: Pod) -> str:
        """Why a pod cannot be given a node, in the scheduler's words, `""` where it can."""
        for name in pod.spec.claims:
            claim = self._claims.get(pod.metadata.namespace, name)
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if claim.metadata.deletion_timestamp is not None:
                return f'persistentvolumeclaim "{name}" is being deleted'
            if claim.status.phase == "Lost":
                return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume'
            if claim.status.phase != "Bound" and not self.waits_for_use(claim):
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    def are_bound(self, pod: Pod) -> bool:
        """Whether all claims of a pod have their volumes, so that its containers can be made."""
        claims = [self._claims.get(pod.metadata.namespace, name) for name in pod.spec.claims]
        return all(claim is not None and claim.status.phase == "Bound" for claim in claims)

    def waits_for_use(self, claim: Claim) -> bool:
        """Whether a claim is bound once a pod with it has a node."""
        found = self._classes.get("", claim.spec.storage_class_name or "")
        return found is not None and found.volume_binding_mode == "WaitForFirstConsumer"

    def is_ours(self, claim: Claim) -> bool:
        """Whether the claim's volume is provisioned here."""
        found = self._classes.get("", claim.spec.storage_class_name or "")
        return found is not None and found.provisioner == PROVISIONER


@dataclass(frozen=True, slots=True)
class Fate:
    """What a claim comes to: its phase, and whether its volume is still to be noted in its spec."""

    status: ClaimStatus
    binds: bool = False


def fate(claim: Claim, verdict: ClaimVerdict, *, wanted: bool) -> Fate:
    """What becomes of a claim of ours; `wanted` says whether it may be bound now."""
    had = bool(claim.spec.volume_name)
    if verdict == "lost" and had:
        return Fate(msgspec.structs.replace(claim.status, phase="Lost"))
    if not had and (verdict != "bound" or not wanted):
        return Fate(claim.status)
    asked = claim.spec.resources.get("requests", {})
    modes = claim.spec.access_modes
    return Fate(ClaimStatus(phase="Bound", access_modes=modes, capacity=dict(asked)), binds=not had)


class ClaimReconciler:
    """Binds claims at once, or when the first pod with them has a node; and has them lost on demand."""

    def __init__(
        self, client: Client, claims: Lister[Claim], pods: Lister[Pod], volumes: Volumes, scripts: Scripts
    ) -> None:
        self._client = client
        self._claims = claims
        self._pods = pods
        self._volumes = volumes
        self._scripts = scripts

    def used(self, change: Change) -> Iterable[Key]:
        """The claims that a pod uses."""
        entry = change.new or change.old
        if entry is None:
            return ()
        pod = PODS.decode(entry.raw)
        return [Key(pod.metadata.namespace, name) for name in pod.spec.claims]

    async def reconcile(self, request: Request) -> Result:
        """Do what is next for the claim, if its class is ours."""
        claim = self._claims.get(request.namespace, request.name)
        if claim is None or claim.metadata.deletion_timestamp is not None or not self._volumes.is_ours(claim):
            return Result()
        wanted = self._is_used(claim) if self._volumes.waits_for_use(claim) else True
        comes = fate(claim, self._scripts.find_claim(claim.metadata.name), wanted=wanted)
        if comes.binds and not await self._bind(claim):
            return Result()
        if comes.status != claim.status:
            await patch_status(self._client, CLAIMS, claim.metadata, (claim.status, comes.status))
        return Result()

    def _is_used(self, claim: Claim) -> bool:
        pods = self._pods.by_index(BY_CLAIM.name, str(claim.key))
        return any(pod.spec.node_name for pod in pods)

    async def _bind(self, claim: Claim) -> bool:
        """Note in the claim the volume it has; False where it is gone or has changed, of which the watch will tell."""
        meta = claim.metadata
        body = {
            "metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version, "annotations": {BOUND: "yes"}},
            "spec": {"volumeName": f"pvc-{meta.uid}"},
        }
        try:
            await self._client.patch(CLAIMS, claim.key, body)
        except (ConflictError, NotFoundError):
            return False
        return True
