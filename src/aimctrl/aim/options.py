"""What the operator can be told; the program reads it from its settings, an embedding program builds it."""

from dataclasses import dataclass

from aimctrl.api.config import TemplateSelection

LEASE = "aimctrl"
"""What the Lease is called that operators of one cluster contend for."""

NAMESPACE = "kaiwo-system"
"""Where the operator is where nothing else is said."""

LABELS = {"app.kubernetes.io/name": "aimctrl"}
"""On all that is installed for the operator: `aimctrl uninstall` finds it by that."""


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """The operator's own settings.

    `operator_namespace`: where discovery for cluster templates runs and where cluster objects find their secrets.
    `max_discovery_jobs`: unfinished discovery Jobs at a time, over all namespaces watched.
    `max_concurrent_reconciles`: reconciles at a time, of each controller.
    `insecure_registries`: `host` or `host:port` of registries, besides those on localhost, that may be plain HTTP.
    `template_selection`: what several fitting templates mean where no runtime config says it.
    """

    operator_namespace: str = NAMESPACE
    max_discovery_jobs: int = 10
    max_concurrent_reconciles: int = 4
    template_selection: TemplateSelection = TemplateSelection.STRICT
    insecure_registries: tuple[str, ...] = ()
