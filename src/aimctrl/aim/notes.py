"""The event that several families record about their runtime config."""

from aimctrl.aim.resolution import ConfigOutcome, DefaultNotFound
from aimctrl.api.cache import ModelCacheStatus, TemplateCacheStatus
from aimctrl.api.common import DEFAULT_CONFIG
from aimctrl.api.model import ModelStatus
from aimctrl.api.reasons import ConditionType, EventReason, ModelReason
from aimctrl.api.template import TemplateStatus
from aimctrl.kube.conditions import find
from aimctrl.runtime.plan import Note

CacheStatus = ModelCacheStatus | TemplateCacheStatus


def config_notes(config: ConfigOutcome, old: ModelStatus | TemplateStatus | CacheStatus) -> tuple[Note, ...]:
    """`DefaultRuntimeConfigNotFound`, once: not where the status before says that it went without already (SPEC §7)."""
    said = find(old.conditions, ConditionType.READY)
    looked = said is not None and said.reason != ModelReason.RUNTIME_CONFIG_MISSING
    if not isinstance(config, DefaultNotFound) or (looked and old.resolved_runtime_config is None):
        return ()
    told = f'there is no runtime config "{DEFAULT_CONFIG}", neither here nor in the cluster; goes on without'
    return (Note(EventReason.DEFAULT_RUNTIME_CONFIG_NOT_FOUND, told, "Warning"),)
