"""The events of a service: what the new status says that the old one did not (SPEC §5)."""

from collections.abc import Iterator

from aimctrl.aim.resolution import ConfigOutcome, DefaultNotFound, RuntimeConfig
from aimctrl.api.common import DEFAULT_CONFIG, ResolvedReference
from aimctrl.api.reasons import ConditionType, EventReason, ServiceReason
from aimctrl.api.service import ServiceStatus
from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.lookup import Found
from aimctrl.runtime.plan import Note


def notes(config: ConfigOutcome, old: ServiceStatus, new: ServiceStatus) -> tuple[Note, ...]:
    """Once per transition or change; the same status twice gives none."""
    return (*_config(config, old), *_warnings(old, new), *_template(old, new))


def _config(config: ConfigOutcome, old: ServiceStatus) -> Iterator[Note]:
    match config:
        case Found(found) if _another(old.resolved_runtime_config, found.reference):
            yield Note(EventReason.RUNTIME_CONFIG_RESOLVED, f"uses {_told(found)}")
        case DefaultNotFound() if not _went_without(old):
            told = f'there is no runtime config "{DEFAULT_CONFIG}", neither here nor in the cluster; goes on without'
            yield Note(EventReason.DEFAULT_RUNTIME_CONFIG_NOT_FOUND, told, "Warning")
        case _:
            return


def _told(config: RuntimeConfig) -> str:
    return f'{config.reference.kind} "{config.reference.name}"'


def _went_without(old: ServiceStatus) -> bool:
    """Whether the service has been looked at before and had no runtime config, nor named a missing one."""
    said = find(old.conditions, ConditionType.RESOLVED)
    looked = said is not None and said.status != "Unknown" and said.reason != ServiceReason.RUNTIME_CONFIG_MISSING
    return looked and old.resolved_runtime_config is None


_WARNINGS = (
    (ConditionType.RESOLVED, ServiceReason.RUNTIME_CONFIG_MISSING, EventReason.RUNTIME_CONFIG_MISSING),
    (ConditionType.ROUTING_READY, ServiceReason.ROUTE_TEMPLATE_INVALID, EventReason.ROUTE_TEMPLATE_INVALID),
)


def _warnings(old: ServiceStatus, new: ServiceStatus) -> Iterator[Note]:
    for kind, reason, event in _WARNINGS:
        said = find(new.conditions, kind)
        if said is not None and said.reason == reason and _differs(find(old.conditions, kind), said):
            yield Note(event, said.message, "Warning")


def _differs(old: Condition | None, new: Condition) -> bool:
    return old is None or (old.reason, old.message) != (new.reason, new.message)


def _template(old: ServiceStatus, new: ServiceStatus) -> Iterator[Note]:
    found = new.resolved_template
    if found is not None and _another(old.resolved_template, found):
        yield Note(EventReason.TEMPLATE_RESOLVED, f'runs {found.kind} "{found.name}"')


def _another(old: ResolvedReference | None, new: ResolvedReference) -> bool:
    """Whether another object is meant; a derived template gets its uid only once it is made."""
    if old is None or (old.kind, old.key) != (new.kind, new.key):
        return True
    return bool(old.uid) and old.uid != new.uid
