"""What a template's decision is made from: everything that was read, frozen."""

from dataclasses import dataclass
from datetime import datetime

from aimctrl.aim.discovery.inputs import DiscoveryInputs
from aimctrl.aim.discovery.log import DiscoveryResult, Unparsable
from aimctrl.aim.discovery.state import JobState
from aimctrl.aim.gpu import Inventory
from aimctrl.aim.resolution import CatalogueEntry, ConfigOutcome
from aimctrl.api.cache import AIMTemplateCache
from aimctrl.api.common import Scope
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.core import Job
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.lister import Availability, Available
from aimctrl.runtime.plan import Refusal, Target


@dataclass(frozen=True, slots=True)
class JobView:
    """The Job of the inputs as they are now, what it and its Pods say, and what its log holds where that was read.

    `last_line` is the last line of the log of a Job that failed.
    """

    job: Job
    state: JobState
    result: DiscoveryResult | Unparsable | None = None
    last_line: str = ""


_AVAILABLE = Available()


@dataclass(frozen=True, slots=True)
class Observed:
    """One template and what matters to it.

    `nodes` says whether a GPU model that `inventory` does not have is not in the cluster. `inputs` are those of
    discovery, None where runtime config or model are not known; `job_namespace` is where it runs. `outdated_jobs` are
    the template's Jobs for other inputs that would stay if nobody removed them. `slot_free` says whether a discovery
    Job may be created now. `cache` is the template cache of the template's name that it owns, `unread_caches` why there
    may be one that is not seen. `runtime_missing_kind` names KServe's CRD where it is not installed.
    """

    now: datetime
    target: Target
    template: AIMServiceTemplate
    config: ConfigOutcome
    model: Found[CatalogueEntry] | Missing | Unreachable
    inventory: Inventory
    job_namespace: str
    nodes: Availability = _AVAILABLE
    inputs: DiscoveryInputs | None = None
    job: JobView | None = None
    outdated_jobs: tuple[Job, ...] = ()
    slot_free: bool = False
    cache: AIMTemplateCache | None = None
    unread_caches: str = ""
    runtime_missing_kind: str = ""
    refusals: tuple[Refusal, ...] = ()

    @property
    def scope(self) -> Scope:
        """The scope of the template's kind."""
        return Scope.NAMESPACE if self.target.kind.namespaced else Scope.CLUSTER
