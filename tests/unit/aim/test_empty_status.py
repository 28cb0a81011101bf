"""A child that has just been made has no status yet: that is never the best there is, whichever family looks at it."""

from dataclasses import replace
from typing import Any

import pytest

from aimctrl.aim.cache.template_cache_decide import decide as decide_template_cache
from aimctrl.aim.service.decide import decide as decide_service
from aimctrl.aim.service.observed import RuntimeView
from aimctrl.aim.template.decide import decide as decide_template
from aimctrl.api.cache import AIMTemplateCache
from aimctrl.kube.external import InferenceService
from aimctrl.runtime.plan import Plan
from unit.aim.cache import samples as caches
from unit.aim.model.cluster import World
from unit.aim.service import samples as services
from unit.aim.template import samples as templates

EMPTY = pytest.mark.parametrize("empty", [{}, {"status": {}}], ids=["none", "empty"])


def outcome(plan: Plan) -> tuple[str, str]:
    assert plan.status is not None
    ready = next(c for c in plan.status["conditions"] if c["type"] == "Ready")
    return plan.status["status"], ready["status"]


@EMPTY
@pytest.mark.parametrize("others", ["Ready", "NotAvailable", "Failed"])
async def test_a_model_waits_for_an_auto_generated_template_without_status(empty: dict[str, Any], others: str) -> None:
    async with World().inspecting() as world:
        world.model()
        await world.settle()
        fresh, *rest = world.templates()
        live = world.cluster.live(world.template_kind, fresh)
        world.cluster.put(world.template_kind, {k: v for k, v in live.items() if k != "status"} | empty)
        for name in rest:
            world.state(name, others)
        assert (await world.settle())["status"] == "Progressing"
        assert world.said("Ready") == "False TemplatesProgressing"


@pytest.mark.parametrize("others", ["Available", None], ids=["another-is-available", "alone"])
def test_a_template_cache_waits_for_a_model_cache_without_status(others: str | None) -> None:
    tokenizer = caches.Artifact("tokenizer", "hf://meta/tokenizer", "1Gi")
    held = [caches.model_cache()]
    if others:
        held.append(caches.model_cache("tokenizer", status=others, sourceURI=tokenizer.source))
    artifacts = (caches.LLAMA, tokenizer) if others else (caches.LLAMA,)
    seen = caches.seen_template_cache(held=tuple(held), template=caches.template(*artifacts))
    assert outcome(decide_template_cache(seen)) == ("Pending", "False")


def test_a_template_waits_for_a_template_cache_without_status() -> None:
    fresh = templates.cache("Pending").model_dump(exclude={"status"})
    seen = templates.seen(
        templates.discovered(), spec={"caching": {"enabled": True}}, cache=AIMTemplateCache.model_validate(fresh)
    )
    assert outcome(decide_template(seen)) == ("Progressing", "False")


@EMPTY
def test_a_service_waits_for_an_inference_service_without_status(empty: dict[str, Any]) -> None:
    live = services.isvc().live
    assert live is not None
    raw = {"metadata": live.metadata, "spec": live.spec} | empty
    runtime = RuntimeView(live=services.decoded(InferenceService, raw))
    seen = replace(services.seen(services.service(), services.template()), runtime=runtime)
    assert outcome(decide_service(seen)) == ("Starting", "False")
