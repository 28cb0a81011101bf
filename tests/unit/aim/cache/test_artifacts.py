"""Which model cache holds an artifact, how a new one is called, and where it is mounted."""

import pytest

from aimctrl.aim.cache.artifacts import Artifact, assign, discovered, listed
from aimctrl.aim.cache.names import creator_label, mount_point
from aimctrl.api.common import DiscoveredSource, ModelSource
from aimctrl.kube.names import short_hash
from unit.aim.cache.samples import LLAMA, SOURCE, model_cache

OTHER = Artifact("meta/llama", "s3://bucket/llama", "1Gi")


def test_artifacts_are_read_from_both_kinds_of_lists():
    named = ModelSource.model_validate({"name": "a", "sourceURI": "hf://a", "size": "16Gi"})
    sizeless = ModelSource.model_validate({"name": "b", "sourceURI": "hf://b"})
    assert listed((named, sizeless)) == (Artifact("a", "hf://a", "16Gi"), Artifact("b", "hf://b"))
    found = (
        DiscoveredSource(name="a", source="hf://a", size_bytes=16 * 2**30),
        DiscoveredSource(name="b", source="hf://b", size_bytes=1500),
        DiscoveredSource(name="c", source="hf://c"),
    )
    assert discovered(found) == (
        Artifact("a", "hf://a", "16Gi"),
        Artifact("b", "hf://b", "1500"),
        Artifact("c", "hf://c"),
    )


@pytest.mark.parametrize(
    ("held", "current", "expected"),
    [
        pytest.param([model_cache("a"), model_cache("b", status="Available")], set(), "b", id="an-available-one"),
        pytest.param([model_cache("a"), model_cache("b")], {"b"}, "b", id="the-one-there-was-before"),
        pytest.param(
            [model_cache("a", status="Available"), model_cache("b", status="Failed")],
            {"b"},
            "a",
            id="an-available-one-rather-than-the-one-before",
        ),
        pytest.param(
            [
                model_cache("a", creationTimestamp="2030-01-02T00:00:00Z"),
                model_cache("b", creationTimestamp="2030-01-01T00:00:00Z"),
            ],
            set(),
            "b",
            id="the-oldest",
        ),
        pytest.param([model_cache("b"), model_cache("a")], set(), "a", id="the-first-by-name"),
    ],
)
def test_of_several_with_one_source_one_is_taken(held, current, expected):
    (part,) = assign([LLAMA], held, current, set())
    assert (part.name, part.cache.metadata.name) == (expected, expected)


def test_a_model_cache_of_another_source_holds_nothing():
    (part,) = assign([LLAMA], [model_cache("llama", sourceURI="hf://other")], set(), {"llama"})
    assert part.cache is None


def test_a_new_one_is_named_after_its_artifact():
    (part,) = assign([Artifact("Meta-Llama/Llama_3.1 8B", SOURCE)], [], set(), set())
    assert part.name == "meta-llama-llama-3-1-8b"


@pytest.mark.parametrize("taken", [{"meta-llama"}, {"meta-llama", "x"}])
def test_and_after_its_source_too_where_that_name_is_another_s(taken):
    (part,) = assign([LLAMA], [], set(), taken)
    assert part.name == f"meta-llama-{short_hash(SOURCE)}"


def test_names_stay_within_what_a_claim_s_name_allows():
    long = Artifact("m" * 253, SOURCE)
    (plain,) = assign([long], [], set(), set())
    (apart,) = assign([long], [], set(), {plain.name})
    assert len(plain.name) == len(apart.name) == 48


def test_artifacts_whose_names_come_out_alike_are_kept_apart():
    parts = assign([LLAMA, OTHER], [], set(), set())
    assert [part.name for part in parts] == ["meta-llama", f"meta-llama-{short_hash(OTHER.source)}"]


def test_one_source_under_two_names_is_cached_once():
    again = Artifact("tokenizer", SOURCE, "1Gi")
    parts = assign([LLAMA, again], [], set(), set())
    assert [(part.artifact.name, part.name) for part in parts] == [
        ("meta/llama", "meta-llama"),
        ("tokenizer", "meta-llama"),
    ]


@pytest.mark.parametrize(
    ("artifact", "expected"),
    [
        ("tokenizer", "/workspace/model-cache/tokenizer"),
        ("meta-llama/Llama-3.1-8B", "/workspace/model-cache/meta-llama/Llama-3.1-8B"),
        ("/../a//b:1/./", "/workspace/model-cache/a/b-1"),
    ],
)
def test_artifacts_are_mounted_under_their_names_and_nowhere_else(artifact, expected):
    assert mount_point(artifact) == expected


def test_the_label_of_the_creator_tells_long_names_apart():
    assert creator_label("fast") == "fast"
    long = ["t" * 200 + end for end in "ab"]
    labels = {creator_label(name) for name in long}
    assert len(labels) == 2
    assert all(len(label) == 63 for label in labels)
