"""How often an operator in this process looks at a template."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aimctrl.aim.template.observed import Observed
from aimctrl.aim.template.reconciler import TemplateReconciler
from aimctrl.runtime.request import Request


@contextmanager
def template_looks() -> Iterator[list[str]]:
    """The names of the templates that are looked at while the block runs, as often as they are."""
    names: list[str] = []
    observe = TemplateReconciler.observe

    async def observed(self: TemplateReconciler, request: Request) -> Observed | None:
        names.append(request.name)
        return await observe(self, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TemplateReconciler, "observe", observed)
        yield names
