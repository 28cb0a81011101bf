"""What is told about caches: down to the volume and the download that keep an artifact from being there."""

from typing import Any

import pytest

from aimctrl.aim.cache.model_cache_decide import decide as decide_model_cache
from aimctrl.aim.cache.template_cache_decide import decide as decide_template_cache
from aimctrl.aim.explain.cache import cache_fact
from aimctrl.aim.explain.explanation import Explanation, Fact
from aimctrl.aim.remedies import REMEDIES
from aimctrl.api.cache import AIMModelCache, AIMTemplateCache
from aimctrl.kube.kinds import Key
from aimctrl.kube.lookup import Found, Missing, Unreachable
from unit.aim.cache.samples import (
    NO_CONFIG,
    claim,
    condition,
    model_cache,
    record,
    seen,
    seen_template_cache,
    storage_class,
    template,
    view,
)
from unit.aim.explain.look import explained, fact, words

NO_CLASS = Missing('there is no StorageClass "big"')


def told(status: Any = None, **parts: Any) -> Explanation:
    world = seen(status, **parts)
    return explained(world, decide_model_cache(world))


def brief(one: Fact) -> tuple[str, str, str, str]:
    return one.name, one.value, one.state, one.trouble.reason if one.trouble else ""


def test_a_model_cache_without_a_storage_class() -> None:
    found = told(claim=None, storage_class=NO_CLASS)
    assert (found.status, found.trouble.reason) == ("Failed", "StorageFailed")
    assert words(found, "artifact") == ("hf://meta/llama", "16Gi", "")
    assert words(found, "storage class") == ("none", 'there is no StorageClass "big"', "")
    volume = fact(found, "volume")
    assert brief(volume) == ("volume", 'PersistentVolumeClaim "ns/llama-cache"', "not there", "StorageFailed")
    assert volume.trouble is not None
    assert volume.trouble.remedy == REMEDIES["StorageFailed"].text
    assert found.gpus is None


@pytest.mark.parametrize(
    ("outcome", "spec", "expected"),
    [
        pytest.param(
            Found(storage_class()),
            {},
            ("fast", "the cluster's default; binds volumes Immediate", ""),
            id="default",
        ),
        pytest.param(
            Found(storage_class()),
            {"storageClassName": "fast"},
            ("fast", "named in spec.storageClassName or the runtime config; binds volumes Immediate", ""),
            id="named",
        ),
        pytest.param(Unreachable("forbidden"), {}, ("not known", "forbidden", ""), id="not known"),
    ],
)
def test_the_storage_class(outcome: Any, spec: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert words(told(spec=spec, storage_class=outcome), "storage class") == expected


def test_a_download_that_failed_is_told_with_its_pause() -> None:
    found = told(record(2, 90))
    assert brief(fact(found, "volume"))[2:] == ("Bound", "")
    download = fact(found, "download")
    assert brief(download) == ("download", 'Job "ns/llama-cache-download"', "", "DownloadFailed")
    assert download.why == "failed 2 times; it is tried again at 2030-01-01 12:01:30 UTC"
    assert download.trouble is not None
    assert "no space left" in download.trouble.message


def test_a_download_that_runs() -> None:
    found = told(download=view())
    assert brief(fact(found, "download"))[3] == "Downloading"
    assert found.status == "Progressing"


def test_an_artifact_that_is_there_needs_no_download() -> None:
    status = {"status": "Available", "persistentVolumeClaimUID": "pvc-uid"}
    found = told(status, claim=claim())
    assert [one.name for one in found.facts] == ["runtime config", "artifact", "storage class", "volume"]


def test_the_runtime_config_of_a_cache() -> None:
    found = told(config=NO_CONFIG, spec={"runtimeConfigName": "big"})
    assert words(found, "runtime config")[0] == "none"
    assert found.trouble.reason == "RuntimeConfigMissing"


FAILED = {
    "status": "Failed",
    "conditions": [
        condition("StorageReady", "False", "StorageFailed", "no such class"),
        condition("Ready", "False", "StorageFailed", "no such class"),
        condition("Failure", "True", "StorageFailed", "no such class"),
    ],
}


def of_templates(**parts: Any) -> Explanation:
    world = seen_template_cache(**parts)
    return explained(world, decide_template_cache(world))


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(template(), ('AIMServiceTemplate "ns/fast"', "named in spec.templateRef", ""), id="there"),
        pytest.param(
            template(found=False),
            ('AIMServiceTemplate "ns/fast"', "named in spec.templateRef", "not discovered"),
            id="not discovered",
        ),
        pytest.param(
            Missing('AIMServiceTemplate "fast"'),
            ("none", 'named in spec.templateRef, but there is no AIMServiceTemplate "fast"', ""),
            id="missing",
        ),
        pytest.param(Unreachable("forbidden"), ("not known", "forbidden", ""), id="not known"),
    ],
)
def test_the_template_of_a_template_cache(outcome: Any, expected: tuple[str, str, str]) -> None:
    assert words(of_templates(template=outcome), "template") == expected


def test_a_template_cache_goes_down_to_the_volume_of_what_failed() -> None:
    found = of_templates(template=template(), held=(model_cache(status=FAILED),))
    assert (found.status, found.trouble.reason) == ("Failed", "CacheFailed")
    artifact = fact(found, "artifact")
    assert brief(artifact) == ("artifact", 'AIMModelCache "ns/llama"', "Failed", "StorageFailed")
    assert (artifact.why, artifact.see) == (
        "meta/llama, 16Gi from hf://meta/llama",
        "aimctrl explain modelcache ns/llama",
    )
    assert [brief(part) for part in artifact.parts] == [
        ("volume", 'PersistentVolumeClaim "ns/llama-cache"', "not there", "StorageFailed")
    ]


def test_an_artifact_that_has_no_model_cache_yet() -> None:
    assert words(of_templates(template=template()), "artifact")[1:] == ("meta/llama", "not there")


def template_cache(state: str, *conditions: dict[str, Any], parts: tuple[str, ...] = ("b", "a")) -> AIMTemplateCache:
    entries = {f"org/{name}": {"name": name, "model": f"org/{name}"} for name in parts}
    status = {"status": state, "conditions": conditions, "modelCaches": entries}
    meta = {"name": "fast", "namespace": "ns", "uid": "u"}
    return AIMTemplateCache.model_validate({"metadata": meta, "spec": {"templateRef": "fast"}, "status": status})


def test_what_stands_on_a_cache_that_failed_is_told_which_part_did() -> None:
    caches: dict[Key, AIMModelCache] = {Key("ns", "a"): model_cache("a", status=FAILED)}
    cache = template_cache("Failed", condition("Ready", "False", "CacheFailed", "a failed"))
    found = cache_fact(cache, "asked for", caches.get)
    assert brief(found) == ("cache", 'AIMTemplateCache "ns/fast"', "Failed", "CacheFailed")
    assert (found.why, found.see) == ("asked for", "aimctrl explain templatecache ns/fast")
    assert [brief(part) for part in found.parts] == [
        ("artifact", 'AIMModelCache "ns/a"', "Failed", "StorageFailed"),
        ("artifact", 'AIMModelCache "ns/b"', "not there", ""),
    ]


def test_of_a_cache_that_is_there_no_parts_are_told() -> None:
    found = cache_fact(template_cache("Available", condition("Ready", "True", "CacheWarm")), "", lambda _: None)
    assert (found.trouble, found.see, found.parts) == (None, "", ())
