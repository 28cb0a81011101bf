"""An explanation of something that is fine."""

from aimctrl.aim.explain.explanation import Explanation, Next, Trouble
from aimctrl.aim.remedies import Care

FINE = Trouble("Resolved", "", Care.NONE, "")

LEAST = Explanation(
    kind="AIMService",
    namespace="ml",
    name="chat",
    status="Running",
    trouble=FINE,
    facts=(),
    conditions=(),
    next=Next((), writes_status=False, seconds=None),
)
