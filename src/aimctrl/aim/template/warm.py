"""Step 8 of a template's decision: the cache of its artifacts, where it is asked for (SPEC §3)."""

from aimctrl.aim.naming import FOR_TEMPLATE, MANAGED_BY, MANAGER, REQUESTED_BY
from aimctrl.aim.template.observed import Observed
from aimctrl.api.cache import AIMTemplateCache, TemplateCacheSpec
from aimctrl.api.common import Scope
from aimctrl.api.kinds import AIM_TEMPLATE_CACHE
from aimctrl.api.reasons import CacheState, ConditionType, TemplateReason, TemplateState
from aimctrl.api.template import TemplateSpec
from aimctrl.kube.conditions import Condition, condition, find
from aimctrl.runtime.plan import Child, Refusal, Target

_WARMTH = {
    CacheState.PENDING: (TemplateState.PROGRESSING, TemplateReason.WARM_REQUESTED, "the template cache has not begun"),
    CacheState.PROGRESSING: (TemplateState.PROGRESSING, TemplateReason.WARMING, "the artifacts are being downloaded"),
    CacheState.AVAILABLE: (TemplateState.READY, TemplateReason.WARM, "all artifacts are cached"),
    CacheState.FAILED: (TemplateState.DEGRADED, TemplateReason.WARM_FAILED, "the template cache failed"),
}


def warmth(seen: Observed) -> tuple[TemplateState, Condition | None]:
    """The state as far as caching decides it, and `CacheWarm`; cluster templates have none."""
    if seen.scope is Scope.CLUSTER:
        return TemplateState.READY, None
    if not seen.template.spec.caching_enabled:
        told = "the template does not ask for a cache"
        return TemplateState.READY, _warm(TemplateReason.CACHE_NOT_REQUESTED, told)
    refusal = next((refusal for refusal in seen.refusals if refusal.child.kind == AIM_TEMPLATE_CACHE), None)
    if refusal is not None:
        return TemplateState.DEGRADED, _warm(TemplateReason.WARM_FAILED, _refused(refusal))
    state, reason, message = _WARMTH[seen.cache.status.status if seen.cache else CacheState.PENDING]
    return state, _warm(reason, _detail(seen.cache) or message)


def cache_child(target: Target, spec: TemplateSpec) -> Child:
    """The template cache of the template's own name, owned by it."""
    asked = TemplateCacheSpec(
        template_ref=target.meta.name,
        env=spec.env,
        image_pull_secrets=spec.image_pull_secrets,
        runtime_config_name=spec.runtime_config_name,
    )
    manifest = {
        "apiVersion": AIM_TEMPLATE_CACHE.api_version,
        "kind": AIM_TEMPLATE_CACHE.name,
        "metadata": {
            "name": target.meta.name,
            "namespace": target.meta.namespace,
            "labels": {MANAGED_BY: MANAGER, REQUESTED_BY: FOR_TEMPLATE},
            "ownerReferences": [target.owner_reference()],
        },
        "spec": asked.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True),
    }
    return Child(AIM_TEMPLATE_CACHE, manifest)


def _warm(reason: TemplateReason, message: str) -> Condition:
    return condition(ConditionType.CACHE_WARM, reason is TemplateReason.WARM, reason, message)


def _detail(cache: AIMTemplateCache | None) -> str:
    """What a cache that failed says itself."""
    if cache is None or cache.status.status is not CacheState.FAILED:
        return ""
    failure = find(cache.status.conditions, ConditionType.FAILURE)
    return failure.message if failure is not None else ""


def _refused(refusal: Refusal) -> str:
    return f"the template cache cannot be made: {refusal.message}"
