"""Reconciling in three steps that stay apart: read the world, decide without touching it, carry the decision out.

`observe` does all reading, `decide` is pure, and the Applier does all writing; so a decision can be tested, and
explained to a person, without an API server.
"""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import structlog

from aimctrl.runtime.applier import Applier
from aimctrl.runtime.errors import MendableError
from aimctrl.runtime.foresight import Foresight
from aimctrl.runtime.plan import Plan, Refusal
from aimctrl.runtime.request import Request, Result

log = structlog.get_logger(__name__)

Observed = TypeVar("Observed")

REFUSED_PAUSE = 60.0
"""Seconds until children that were refused are tried again: what refused them may change unseen."""


class PlanReconciler(ABC, Generic[Observed]):
    """A reconciler in the observe, decide, apply form; `Observed` is a frozen value."""

    def __init__(self, applier: Applier) -> None:
        self.applier = applier

    @abstractmethod
    async def observe(self, request: Request) -> Observed | None:
        """Read all that the decision needs, `request.now` included; None where the object is gone."""

    @abstractmethod
    def decide(self, observed: Observed) -> Plan:
        """The state to bring about: no I/O, clock, randomness or logging; the same for the same value."""

    def refused(self, observed: Observed, refusals: tuple[Refusal, ...]) -> Observed:
        """What is observed once it is known that these children are refused; `decide` turns it into conditions.

        Raises MendableError here, where a reconciler has no conditions for it.
        """
        del observed
        raise MendableError("; ".join(f"{r.child.kind.name} {r.child.key}: {r.message}" for r in refusals))

    def decided(self, observed: Observed, plan: Plan) -> None:
        """Called between decide and apply, without an await in between: the place to reserve what was decided on."""

    async def reconcile(self, request: Request) -> Result:
        """Observe, decide, carry out; where children are refused, decide again and write but the status.

        Raises what the API server's answers mean (`runtime.errors`). Cancelling leaves writes done or not done, never
        half done; the next reconcile goes on from there.
        """
        observed = await self.observe(request)
        if observed is None:
            return Result()
        plan = self.decide(observed)
        self.decided(observed, plan)
        refusals = await self.applier.carry_out(plan)
        if not refusals:
            return Result(plan.requeue_after)
        for refusal in refusals:
            told = f"{refusal.child.kind.name} {refusal.child.key}"
            tell = log.debug if refusal.reason == "NamespaceTerminating" else log.warning
            tell("child refused", child=told, reason=refusal.reason, error=refusal.message)
        plan = self.decide(self.refused(observed, refusals))
        await self.applier.conclude(plan)
        return Result(_again(plan))

    async def foresee(self, request: Request) -> Foresight[Observed] | None:
        """What `reconcile` would do now, without reserving or writing anything; None where the object is gone.

        Raises TransientError where the API server does not answer.
        """
        observed = await self.observe(request)
        if observed is None:
            return None
        plan = self.decide(observed)
        steps = await self.applier.foresee(plan)
        refusals = tuple(step.refusal for step in steps if step.refusal is not None)
        if not refusals:
            return Foresight(observed, plan, steps, plan.requeue_after)
        observed = self.refused(observed, refusals)
        plan = self.decide(observed)
        return Foresight(observed, plan, steps, _again(plan))


def _again(plan: Plan) -> float:
    """Seconds until a plan whose children were refused is looked at again."""
    return REFUSED_PAUSE if plan.requeue_after is None else min(plan.requeue_after, REFUSED_PAUSE)
