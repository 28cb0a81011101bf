"""Manifests and configs from registries, good and hostile."""

import json

import pytest

from aimctrl.aim.registry.manifest import (
    CONFIG_LIMIT,
    MANIFEST_LIMIT,
    Descriptor,
    Image,
    Index,
    Platform,
    choose,
    parse_manifest,
    read_config,
)
from aimctrl.aim.registry.outcomes import FailedError, Malformed
from support.registry import (
    DOCKER_LIST,
    LABELS,
    OCI_MANIFEST,
    config_blob,
    digest_of,
    entry,
    image_manifest,
    index_manifest,
    packed,
)

CONFIG = config_blob()


def manifest(**parts):
    return json.dumps({"schemaVersion": 2} | parts).encode()


def described(**parts):
    return {"digest": digest_of(CONFIG), "size": len(CONFIG)} | parts


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (image_manifest(CONFIG), ""),
        (image_manifest(CONFIG, docker=True), "text/plain"),
        (manifest(config=described()), f"{OCI_MANIFEST}; charset=utf-8"),
        (manifest(config=described(mediaType="application/octet-stream")), ""),
        (manifest(config=described(), unknown={"x": [1]}, annotations={"a": "b"}), ""),
    ],
    ids=["oci", "docker", "named in the header", "by an old builder", "with more in it"],
)
def test_the_manifest_of_an_image_leads_to_its_config(body, content_type):
    found = parse_manifest(body, content_type)
    assert isinstance(found, Image)
    assert found.config.digest == digest_of(CONFIG)


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_an_index_lists_what_is_in_it(docker):
    found = parse_manifest(index_manifest(entry(b"x", "linux/amd64"), docker=docker), "")
    assert found == Index((Descriptor(digest_of(b"x"), OCI_MANIFEST, 1, Platform("linux", "amd64")),))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not valid"),
        (b"<html>", "not valid"),
        (b"[]", "not valid"),
        (b"\xff\xfe", "not valid"),
        (b'{"config": ' * 100_000, "not valid"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not valid"),
        (manifest(), "neither"),
        (manifest(manifests=[entry(b"x")], config=described()), "neither"),
        (manifest(config=described(), mediaType=DOCKER_LIST), "neither"),
        (manifest(manifests=[], mediaType=OCI_MANIFEST), "neither"),
        (manifest(config="sha256:x"), "not valid"),
        (manifest(config={}), "not valid"),
        (manifest(config=described(digest="latest")), "no sha256"),
        (manifest(config=described(digest="sha256:../../../token")), "no sha256"),
        (manifest(config=described(size=CONFIG_LIMIT + 1)), "larger than 4 MiB"),
        (manifest(config=described(size=10**30)), "larger than 4 MiB"),
        (manifest(config=described(mediaType="application/vnd.cncf.helm.config.v1+json")), "no container image"),
        (json.dumps({"schemaVersion": 1, "history": []}).encode(), "schema 1"),
        (image_manifest(CONFIG) + b" " * MANIFEST_LIMIT, "larger than 4 MiB"),
    ],
    ids=[
        "empty", "html", "a list", "no text", "cut off", "nested", "nothing in it", "two in one", "an index by name",
        "an image by name", "config no object", "config without digest", "config by tag", "config by path",
        "large config", "absurd config", "a chart", "schema 1", "too large",
    ],
)  # fmt: skip
def test_a_manifest_that_is_none_is_told(body, told):
    with pytest.raises(FailedError, match=told) as caught:
        parse_manifest(body, "")
    assert isinstance(caught.value.outcome, Malformed)


@pytest.mark.parametrize(
    ("platforms", "chosen"),
    [
        (["linux/arm64", "linux/amd64"], 1),
        (["windows/amd64", "linux/arm64", "linux/s390x"], 1),
        (["unknown/unknown", "linux/arm64"], 1),
        (["", "linux/riscv64"], 1),
        (["unknown/unknown", "", ""], 1),
        (["windows/amd64", "unknown/unknown"], None),
        ([], None),
    ],
    ids=["amd64 first", "any linux", "no attestation", "linux before open", "open", "no linux", "empty"],
)
def test_linux_amd64_is_chosen_then_any_linux(platforms, chosen):
    entries = [entry(str(number).encode(), platform) for number, platform in enumerate(platforms)]
    found = parse_manifest(index_manifest(*entries), "")
    assert isinstance(found, Index)
    picked = choose(found)
    assert (picked and picked.digest) == (None if chosen is None else digest_of(str(chosen).encode()))


@pytest.mark.parametrize(
    ("pushed", "body"),
    [(CONFIG, CONFIG), (packed(CONFIG), packed(CONFIG)), (CONFIG, packed(CONFIG)), (packed(CONFIG), packed(packed(CONFIG)))],
    ids=["plain", "packed in the registry", "packed on the way", "packed twice"],
)  # fmt: skip
def test_a_config_may_be_packed(pushed, body):
    assert read_config(body, digest_of(pushed)) == LABELS


@pytest.mark.parametrize("config", [b"{}", b'{"config": null}', b'{"config": {}}', config_blob(None)])
def test_an_image_may_have_no_labels(config):
    assert read_config(config, digest_of(config)) == {}


@pytest.mark.parametrize(
    ("body", "digest", "told"),
    [
        (CONFIG, digest_of(b"other"), "does not have the digest"),
        (CONFIG, "sha256:x", "does not have the digest"),
        (CONFIG + b" " * CONFIG_LIMIT, "", "larger than 4 MiB"),
        (packed(b"x" * (CONFIG_LIMIT + 1)), None, "larger than 4 MiB"),
        (packed(CONFIG)[:-20], None, "not valid"),
        (b"\x1f\x8b no gzip", None, "damaged gzip"),
        (b"", None, "not valid"),
        (b"null", None, "not valid"),
        (b'{"config": {"Labels": ["x"]}}', None, "not valid"),
        (b'{"config": {"Labels": {"x": 1}}}', None, "not valid"),
        (b'{"config": {"Labels": {"x": "\\ud800"}}}', None, "not valid"),
        (b'{"config": {"Labels": {"x": "\xff"}}}', None, "not valid"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None, "not valid"),
    ],
    ids=[
        "another's", "no digest", "too large", "a bomb", "cut off", "damaged", "empty", "null", "a list of labels",
        "labels that are no text", "a lone surrogate", "no UTF-8", "nested",
    ],
)  # fmt: skip
def test_a_config_that_is_none_is_told(body, digest, told):
    with pytest.raises(FailedError, match=told) as caught:
        read_config(body, digest_of(body) if digest is None else digest)
    assert isinstance(caught.value.outcome, Malformed)
