import re

import pytest

from aimctrl.aim import naming
from aimctrl.kube.names import canonical_json, short_hash

LONG = "m" * 63


def test_a_generated_template_is_named_after_what_it_is_for():
    digest = short_hash("llama-MI300X-x8-latency-fp8", 4)
    assert naming.generated_template_name("llama", "MI300X", 8, "latency", "fp8") == f"llama-8x-mi300x-lat-fp8-{digest}"


def test_a_long_model_name_is_cut_in_a_generated_templates_name():
    digest = short_hash(f"{LONG}-MI300X-x1-throughput-fp16", 4)
    name = naming.generated_template_name(LONG, "MI300X", 1, "throughput", "fp16")
    suffix = f"-1x-mi300x-thr-fp16-{digest}"
    assert name == "m" * (63 - len(suffix)) + suffix


def test_generated_names_differ_where_the_cut_parts_do():
    names = {naming.generated_template_name("m" * 60 + end, "MI300X", 1, "latency", "fp8") for end in "abc"}
    assert len(names) == 3


def test_a_strange_gpu_name_still_gives_a_valid_name():
    name = naming.generated_template_name("m", "GPU (rev/2) " * 20, 1, "latency", "fp8")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)


@pytest.mark.parametrize(
    ("image", "start"),
    [
        ("ghcr.io/example/llama-3.1-8b-instruct:v1.2.0", "llama-3-1-8b-instruct-v1-2-0-"),
        ("llama:latest", "llama-latest-"),
        ("registry.local:5000/team/llama", "llama-"),
        ("registry.local:5000/llama:1", "llama-1-"),
        ("ghcr.io/x/llama:1@sha256:" + "0" * 64, "llama-1-"),
        ("ghcr.io/x/llama@sha256:" + "0" * 64, "llama-"),
        ("ghcr.io/x/My_Model:RC_1", "my-model-rc-1-"),
    ],
)
def test_a_model_made_for_an_image_is_named_after_image_and_tag(image, start):
    assert naming.model_name(image) == f"{start}{short_hash(image)}"


@pytest.mark.parametrize("tag", ["1.0", "x" * 128], ids=["short tag", "long tag"])
def test_the_image_part_of_a_models_name_is_cut(tag):
    image = f"ghcr.io/x/{'long-' * 30}:{tag}"
    name = naming.model_name(image)
    assert len(name) <= 63
    assert name.startswith("long-")
    assert name.endswith(short_hash(image))


def test_a_derived_template_is_named_after_base_and_overrides():
    overrides = {"precision": "fp16", "metric": "throughput"}
    digest = short_hash(canonical_json(overrides), 8)
    assert naming.derived_template_name("base-template", overrides) == f"base-template-ovr-{digest}"
    assert naming.derived_template_name("base-template", dict(reversed(overrides.items()))).endswith(digest)


def test_bases_that_are_cut_alike_give_different_derived_names():
    names = [naming.derived_template_name("b" * 60 + end, {"metric": "latency"}) for end in ("x", "y")]
    assert names[0] != names[1]
    assert all(len(name) == 63 and name.startswith("b" * 50 + "-ovr-") for name in names)


def test_a_base_that_just_fits_is_not_cut():
    overrides = {"metric": "latency"}
    assert (
        naming.derived_template_name("b" * 50, overrides) == "b" * 50 + f"-ovr-{short_hash(canonical_json(overrides))}"
    )


def test_a_name_that_is_taken_gets_a_hash_of_the_spec():
    overrides, spec = {"metric": "latency"}, b'{"metric":"latency"}'
    apart = naming.derived_template_name("base", overrides, spec)
    assert apart == f"base-ovr-{short_hash(canonical_json(overrides))}-{short_hash(spec, 4)}"
    assert len(naming.derived_template_name(LONG, overrides, spec)) == 63


@pytest.mark.parametrize(
    ("service", "namespace", "kept"),
    [
        ("chat", "ml-team", None),
        ("s" * 45, "ml-team", None),
        ("s" * 46, "ml-team", "s" * 36),
        ("s" * 63, "n", "s" * 42),
        ("chat-service", "n" * 63, "c"),
    ],
    ids=["short", "just fits", "one too many", "long service", "long namespace"],
)
def test_an_inference_service_leaves_room_for_kserves_host_name(service, namespace, kept):
    name = naming.inference_service_name(service, namespace)
    assert name == (service if kept is None else f"{kept}-{short_hash(service)}")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama-llama-3-1-8b-instruct"),
        ("tokenizer", "tokenizer"),
        ("x" * 60, "x" * 48),
    ],
)
def test_a_model_cache_is_named_after_its_source(source, name):
    assert naming.model_cache_name(source) == name


def test_a_model_cache_whose_name_is_taken_gets_a_hash_of_its_uri():
    assert naming.model_cache_name_apart("tokenizer", "hf://a") == f"tokenizer-{short_hash('hf://a')}"
    assert len(naming.model_cache_name_apart("x" * 60, "hf://a")) == 48
