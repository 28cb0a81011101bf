"""The reference of `aimctrl.runtime`: which public names there are; what they are is read from their docstrings."""

import inspect
from collections.abc import Iterator

from aimctrl import runtime
from reference.markdown import page

INTRODUCTION = """\
# Python API

What a program of one's own imports from `aimctrl.runtime`. Kinds are in `aimctrl.kube.core` and `aimctrl.kube.kinds`
(`Kind`, `Key`, `Model`, `Resource`), conditions in `aimctrl.kube.conditions`, the operator in `aimctrl.aim.operator`,
the fixtures of tests in `aimctrl.testing`. All else may change in any release."""

GROUPS = (
    ("Running", ("Manager", "ManagerOptions", "Controller", "ControllerOptions", "LeaderElector", "LeaderOptions")),
    ("What is looked at", ("Watch", "owns", "spec_changed", "Change", "Index")),
    ("Reconciling", ("Reconciler", "Request", "Result", "PlanReconciler")),
    ("Plans", ("Plan", "Target", "Child", "Removal", "Note", "Refusal")),
    ("Reading", ("Informer", "Lister", "Unavailable")),
    ("The API server", ("connect", "Client")),
    ("Rights", ("Access", "policy_rules")),
    ("Showing", ("EventRecorder", "Metrics", "configure_logging")),
)
"""What is in no group, errors apart, is under Others."""


def python() -> str:
    """The page."""
    grouped = {name for _, names in GROUPS for name in names}
    errors = [name for name in runtime.__all__ if name.endswith("Error")]
    others = [name for name in runtime.__all__ if name not in grouped and name not in errors]
    groups = [*GROUPS, *([("Others", tuple(others))] if others else []), ("Errors", tuple(errors))]
    return page(INTRODUCTION, *(part for heading, names in groups for part in _group(heading, names)))


def _group(heading: str, names: tuple[str, ...]) -> Iterator[str]:
    yield f"## {heading}"
    yield "```{eval-rst}\n" + "\n".join(_directive(name) for name in names) + "```"


def _directive(name: str) -> str:
    value = getattr(runtime, name)
    if not inspect.isclass(value):
        return f".. autofunction:: aimctrl.runtime.{name}\n"
    return f".. autoclass:: aimctrl.runtime.{name}\n   :members:\n"
