"""The order in which caches list what there is decides nothing: no status changes of itself, and so none is written."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import msgspec
import pytest

from aimctrl.aim.cache.artifacts import Artifact
from aimctrl.aim.cache.model_cache_decide import decide as decide_model_cache
from aimctrl.aim.cache.template_cache_decide import decide as decide_template_cache
from aimctrl.aim.model.decide import decide as decide_model
from aimctrl.aim.service.decide import decide as decide_service
from aimctrl.aim.service.observed import Several
from aimctrl.aim.template.decide import decide as decide_template
from aimctrl.kube.names import canonical_json
from aimctrl.runtime.plan import Plan
from unit.aim.cache import samples as caches
from unit.aim.model import samples as models
from unit.aim.service import samples as services
from unit.aim.service.test_caching import cache as template_cache
from unit.aim.template import samples as templates


@dataclass(frozen=True)
class Case:
    """What is observed, the decision about it, and the fields that come out of a list, each a tuple of several."""

    decide: Callable[[Any], Plan]
    seen: Any
    fields: tuple[str, ...]


def _model(name: str) -> Any:
    return replace(services.model(), name=name, uid=name)


def _derived(name: str, *owners: str) -> Any:
    return services.template(
        name, owners=("chat-uid", *owners), made_for={"precision": "fp8"}, precision="fp8"
    ).template


def _job(name: str) -> Any:
    job = templates.job()
    return msgspec.structs.replace(job, metadata=msgspec.structs.replace(job.metadata, name=name, uid=name))


def _held(name: str, status: str, source: str = caches.SOURCE) -> Any:
    failed = {"status": status, "conditions": [caches.condition("Failure", "True", "DownloadFailed", f"{name} broke")]}
    return caches.made_by_it(name, status=failed, sourceURI=source)


ARTIFACTS = (Artifact("a", "hf://a", "1Gi"), Artifact("b", "hf://b", "1Gi"), Artifact("c", "hf://c", "1Gi"))
PARTS = tuple(_held(name, "Failed", f"hf://{name}") for name in "abc")

CASES = (
    [
        pytest.param(
            Case(
                decide_model,
                models.seen(models.read(models.FAST), own=models.own(a=one, b=other, c=other)),
                ("auto_templates",),
            ),
            id=f"model-{one}-{other}",
        )
        for one, other in (("Ready", "Ready"), ("Ready", "Failed"), ("Pending", "Progressing"), ("Failed", "Failed"))
    ]
    + [
        pytest.param(
            Case(
                decide_service,
                services.seen(services.service(), *(services.template(name, state) for name in ("a", "b", "c"))),
                ("templates",),
            ),
            id=f"service-templates-{state}",
        )
        for state in ("Ready", "Pending", "NotAvailable", "Failed")
    ]
    + [
        pytest.param(
            Case(
                decide_service,
                services.seen(
                    services.service(overrides={"precision": "fp8"}),
                    services.template("base"),
                    services.template("a", precision="fp8", made_for={"precision": "fp8"}),
                    services.template("b", precision="fp8", made_for={"precision": "fp8"}),
                ),
                ("templates",),
            ),
            id="service-derived-templates",
        ),
        pytest.param(
            Case(
                decide_service,
                services.seen(
                    services.service(),
                    services.template(),
                    joined=(_derived("a"), _derived("b", "talk-uid"), _derived("c")),
                ),
                ("joined",),
            ),
            id="service-joined",
        ),
        pytest.param(
            Case(
                decide_template_cache,
                caches.seen_template_cache(template=caches.template(*ARTIFACTS), held=PARTS, created=PARTS),
                ("held", "created"),
            ),
            id="template-cache-parts",
        ),
        pytest.param(
            Case(
                decide_template_cache,
                caches.seen_template_cache(held=tuple(_held(name, "Available") for name in "abc")),
                ("held",),
            ),
            id="template-cache-of-one-source",
        ),
        pytest.param(
            Case(
                decide_template_cache,
                caches.seen_template_cache(
                    deletionTimestamp="2029-01-01T00:00:00Z",
                    finalizers=["aim.silogen.ai/template-cache"],
                    created=PARTS,
                ),
                ("created",),
            ),
            id="template-cache-leaving",
        ),
        pytest.param(
            Case(
                decide_service,
                services.seen(
                    services.service(cacheModel=True),
                    services.template(),
                    caches=tuple(template_cache(name) for name in ("x", "y", "z")),
                ),
                ("caches",),
            ),
            id="service-caches",
        ),
        pytest.param(
            Case(decide_template, templates.seen(outdated_jobs=tuple(map(_job, "abc"))), ("outdated_jobs",)),
            id="template-outdated-jobs",
        ),
    ]
)


@pytest.mark.parametrize("case", CASES)
def test_lists_may_come_in_any_order(case: Case) -> None:
    first = written(case.decide(case.seen))
    for field in case.fields:
        for order in permutations(getattr(case.seen, field)):
            assert written(case.decide(replace(case.seen, **{field: order}))) == first, (field, order)


@pytest.mark.parametrize("order", list(permutations(("a", "b", "c"))), ids="".join)
def test_so_may_models_of_one_image(order: tuple[str, ...]) -> None:
    seen = services.seen(services.service(model={"image": "i:1"}), model=Several(tuple(map(_model, order))))
    assert services.told(decide_service(seen), "Resolved") == (
        'several models have the image i:1: AIMClusterModel "a", AIMClusterModel "b", AIMClusterModel "c"; '
        "set spec.model.ref"
    )


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_so_may_the_pods_of_a_download(order: tuple[int, ...]) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off"}
    pods = (caches.pod("a", unscheduled="no node"), caches.pod("b", waiting=waiting), caches.pod("c", "Running"))
    seen = caches.seen(download=caches.view(pods=tuple(pods[number] for number in order)))
    said = "the image kserve/storage-initializer cannot be pulled"
    assert caches.told(decide_model_cache(seen)) == said


def written(plan: Plan) -> bytes:
    """All that is written of a plan; removals and the children of one kind may come in any order."""
    children = sorted(canonical_json([c.mode, c.kind.name, c.manifest]) for c in plan.children)
    removals = sorted(str((r.kind, r.key, r.uid, r.version)) for r in plan.removals)
    notes = [(note.reason, note.message) for note in plan.notes]
    return canonical_json([plan.status, [c.decode() for c in children], removals, notes])
