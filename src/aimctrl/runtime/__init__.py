"""The framework: everything a controller of one's own needs, under one roof.

Names are loaded when they are first used, so that a program pays only for what it imports.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimctrl.runtime.access import Access, policy_rules
    from aimctrl.runtime.client import Client
    from aimctrl.runtime.connection import connect
    from aimctrl.runtime.controller import Controller, ControllerOptions
    from aimctrl.runtime.election import LeaderOptions
    from aimctrl.runtime.errors import (
        ApiError,
        ConflictError,
        ControllerError,
        ForbiddenError,
        InvalidError,
        MendableError,
        NotFoundError,
        TerminalError,
        TransientError,
    )
    from aimctrl.runtime.events import EventRecorder
    from aimctrl.runtime.index import Index
    from aimctrl.runtime.informer import Informer
    from aimctrl.runtime.leader import LeaderElector
    from aimctrl.runtime.lister import Lister, Unavailable
    from aimctrl.runtime.logs import configure_logging
    from aimctrl.runtime.manager import Manager, ManagerOptions
    from aimctrl.runtime.metrics import Metrics
    from aimctrl.runtime.plan import Child, Note, Plan, Refusal, Removal, Target
    from aimctrl.runtime.planning import PlanReconciler
    from aimctrl.runtime.request import Reconciler, Request, Result
    from aimctrl.runtime.store import Change
    from aimctrl.runtime.triggers import Watch, owns, spec_changed

_HOMES = {
    "Access": "access",
    "policy_rules": "access",
    "Client": "client",
    "connect": "connection",
    "Controller": "controller",
    "ControllerOptions": "controller",
    "LeaderOptions": "election",
    "ApiError": "errors",
    "ConflictError": "errors",
    "ControllerError": "errors",
    "ForbiddenError": "errors",
    "InvalidError": "errors",
    "MendableError": "errors",
    "NotFoundError": "errors",
    "TerminalError": "errors",
    "TransientError": "errors",
    "EventRecorder": "events",
    "Index": "index",
    "Informer": "informer",
    "LeaderElector": "leader",
    "Lister": "lister",
    "Unavailable": "lister",
    "configure_logging": "logs",
    "Manager": "manager",
    "ManagerOptions": "manager",
    "Metrics": "metrics",
    "Child": "plan",
    "Note": "plan",
    "Plan": "plan",
    "Refusal": "plan",
    "Removal": "plan",
    "Target": "plan",
    "PlanReconciler": "planning",
    "Reconciler": "request",
    "Request": "request",
    "Result": "request",
    "Change": "store",
    "Watch": "triggers",
    "owns": "triggers",
    "spec_changed": "triggers",
}

__all__ = [
    "Access",
    "ApiError",
    "Change",
    "Child",
    "Client",
    "ConflictError",
    "Controller",
    "ControllerError",
    "ControllerOptions",
    "EventRecorder",
    "ForbiddenError",
    "Index",
    "Informer",
    "InvalidError",
    "LeaderElector",
    "LeaderOptions",
    "Lister",
    "Manager",
    "ManagerOptions",
    "MendableError",
    "Metrics",
    "NotFoundError",
    "Note",
    "Plan",
    "PlanReconciler",
    "Reconciler",
    "Refusal",
    "Removal",
    "Request",
    "Result",
    "Target",
    "TerminalError",
    "TransientError",
    "Unavailable",
    "Watch",
    "configure_logging",
    "connect",
    "owns",
    "policy_rules",
    "spec_changed",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
