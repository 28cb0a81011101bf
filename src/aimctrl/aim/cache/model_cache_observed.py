"""What a model cache's decision is made from: everything that was read, frozen."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aimctrl.aim.cache.download import DownloadInputs, DownloadView
from aimctrl.aim.merging import first_set, merge_env, merge_pull_secrets, propagated_labels
from aimctrl.aim.resolution import ConfigOutcome, config_spec
from aimctrl.api.cache import AIMModelCache
from aimctrl.api.reasons import CacheState
from aimctrl.kube.core import PersistentVolumeClaim, StorageClass
from aimctrl.kube.kinds import Kind
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Refusal, Target

ClassOutcome = Found[StorageClass] | Missing | Unreachable


@dataclass(frozen=True, slots=True)
class Observed:
    """One model cache and what matters to it.

    `claim` and `download` are its own, None where there are none. `storage_class` is the claim's, or, where there is
    no claim, the one a new claim is to have.
    """

    now: datetime
    target: Target
    cache: AIMModelCache
    config: ConfigOutcome
    storage_class: ClassOutcome
    claim: PersistentVolumeClaim | None = None
    download: DownloadView | None = None
    refusals: tuple[Refusal, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the artifact is known to be on the very volume there is."""
        status, claim = self.cache.status, self.claim
        if claim is None or claim.metadata.deletion_timestamp is not None or claim.status.phase != "Bound":
            return False
        return status.status is CacheState.AVAILABLE and status.persistent_volume_claim_uid == claim.metadata.uid

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the cache that what it makes gets, too."""
        return propagated_labels(self.target.meta.labels, config_spec(self.config).label_propagation)

    def refusal(self, kind: Kind[Any]) -> Refusal | None:
        """Why the API server would not take a child of that kind."""
        return next((refusal for refusal in self.refusals if refusal.child.kind == kind), None)

    def inputs(self, claim: PersistentVolumeClaim) -> DownloadInputs:
        """What the download onto that claim depends on."""
        spec, config = self.cache.spec, config_spec(self.config)
        return DownloadInputs(
            source=spec.source_uri,
            volume=claim.metadata.uid,
            image=spec.model_download_image,
            size=str(spec.size),
            env=merge_env(*([entry.wire() for entry in level.env] for level in (spec, config))),
            pull_secrets=merge_pull_secrets(
                *([ref.name for ref in level.image_pull_secrets] for level in (spec, config))
            ),
            service_account=first_set(config.service_account_name),
        )
