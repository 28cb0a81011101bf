"""Step 8: the cache of a template's artifacts (SPEC §3)."""

from typing import Any

import pytest

from aimctrl.aim.template.warm import cache_child, warmth
from aimctrl.api.common import Scope
from aimctrl.api.kinds import AIM_TEMPLATE_CACHE
from aimctrl.api.reasons import TemplateState
from unit.aim.template.samples import cache, refusal, seen

CACHING = {"caching": {"enabled": True}}
TABLE: dict[str, tuple[dict[str, Any], TemplateState, str, str]] = {
    # What is seen, the state as far as caching decides it, and CacheWarm.
    "not asked for": ({}, TemplateState.READY, "False", "CacheNotRequested"),
    "switched off": ({"spec": {"caching": {"enabled": False}}}, TemplateState.READY, "False", "CacheNotRequested"),
    "not asked for, one is there": ({"cache": cache("Failed")}, TemplateState.READY, "False", "CacheNotRequested"),
    "not made yet": ({"spec": CACHING}, TemplateState.PROGRESSING, "False", "WarmRequested"),
    "not begun": ({"spec": CACHING, "cache": cache("Pending")}, TemplateState.PROGRESSING, "False", "WarmRequested"),
    "begun": ({"spec": CACHING, "cache": cache("Progressing")}, TemplateState.PROGRESSING, "False", "Warming"),
    "there": ({"spec": CACHING, "cache": cache("Available")}, TemplateState.READY, "True", "Warm"),
    "failed": ({"spec": CACHING, "cache": cache("Failed")}, TemplateState.DEGRADED, "False", "WarmFailed"),
    "in words of another version": (
        {"spec": CACHING, "cache": cache("Thawing")},
        TemplateState.PROGRESSING,
        "False",
        "WarmRequested",
    ),
    "refused": (
        {"spec": CACHING, "refusals": (refusal(AIM_TEMPLATE_CACHE, "Forbidden"),)},
        TemplateState.DEGRADED,
        "False",
        "WarmFailed",
    ),
}


@pytest.mark.parametrize(("parts", "state", "holds", "reason"), TABLE.values(), ids=TABLE)
def test_the_cache_decides_whether_a_template_is_ready(
    parts: dict[str, Any], state: TemplateState, holds: str, reason: str
) -> None:
    found, said = warmth(seen(**parts))
    assert said is not None
    assert (found, said.type, said.status, said.reason) == (state, "CacheWarm", holds, reason)
    assert said.message


def test_cluster_templates_have_no_cache() -> None:
    assert warmth(seen(scope=Scope.CLUSTER, spec=CACHING)) == (TemplateState.READY, None)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"cache": cache("Failed", "llama: no space left")}, "llama: no space left"),
        ({"cache": cache("Failed")}, "the template cache failed"),
        ({"cache": cache("Available", "of yesterday")}, "all artifacts are cached"),
        ({"refusals": (refusal(AIM_TEMPLATE_CACHE, "NameConflict", "taken"),)}, "the template cache cannot be made: taken"),
    ],
    ids=["the cache's own", "none of its own", "only of failures", "refused"],
)  # fmt: skip
def test_a_failure_says_why(parts: dict[str, Any], message: str) -> None:
    _, said = warmth(seen(spec=CACHING, **parts))
    assert said is not None
    assert said.message == message


def test_the_cache_is_named_after_the_template_and_owned_by_it() -> None:
    template = seen(spec=CACHING)
    child = cache_child(template.target, template.template.spec)
    assert (child.kind, child.mode) == (AIM_TEMPLATE_CACHE, "apply")
    assert child.manifest == {
        "apiVersion": "aim.silogen.ai/v1alpha1",
        "kind": "AIMTemplateCache",
        "metadata": {
            "name": "t",
            "namespace": "ns",
            "labels": {"app.kubernetes.io/managed-by": "aim", "aim.silogen.ai/requested-by": "template"},
            "ownerReferences": [template.target.owner_reference()],
        },
        "spec": {"templateRef": "t"},
    }


def test_downloads_get_what_the_template_says() -> None:
    token = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
    says = {"env": [token], "imagePullSecrets": [{"name": "regcred"}], "runtimeConfigName": "big"}
    template = seen(spec=CACHING | says)
    child = cache_child(template.target, template.template.spec)
    assert child.manifest["spec"] == {"templateRef": "t", **says}
