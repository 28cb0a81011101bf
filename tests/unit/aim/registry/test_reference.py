"""References to images."""

import pytest

from aimctrl.aim.registry.reference import InvalidReferenceError, Reference, parse_reference

SHA = f"sha256:{'a' * 64}"
SHA512 = f"sha512:{'b' * 128}"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "version"),
    [
        ("ubuntu", "docker.io", "library/ubuntu", "latest"),
        ("ubuntu:22.04", "docker.io", "library/ubuntu", "22.04"),
        ("amd/llama", "docker.io", "amd/llama", "latest"),
        ("docker.io/ubuntu", "docker.io", "library/ubuntu", "latest"),
        ("index.docker.io/amd/llama:1", "docker.io", "amd/llama", "1"),
        ("ghcr.io/x/y/z:v1.2.0", "ghcr.io", "x/y/z", "v1.2.0"),
        ("localhost/x", "localhost", "x", "latest"),
        ("localhost:5000/x:1", "localhost:5000", "x", "1"),
        ("registry:5000/x", "registry:5000", "x", "latest"),
        ("UPPER/x", "UPPER", "x", "latest"),
        ("10.0.0.1/x__y/a-b--c", "10.0.0.1", "x__y/a-b--c", "latest"),
        ("[::1]:5000/x:1", "[::1]:5000", "x", "1"),
        (f"ghcr.io/x@{SHA}", "ghcr.io", "x", SHA),
        (f"ghcr.io/x:v1@{SHA512}", "ghcr.io", "x", SHA512),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
def test_what_is_left_out_is_docker_hub_s_library_and_latest(text, registry, repository, version):
    found = parse_reference(text)
    assert (found.registry, found.repository, found.version) == (registry, repository, version)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no repository"),
        ("https://ghcr.io/x", "no scheme"),
        ("ghcr.io/x:", "no tag"),
        ("ghcr.io/x:.v1", "no tag"),
        (f"ghcr.io/x:{'v' * 129}", "no tag"),
        ("ghcr.io/x@", "no sha256"),
        ("ghcr.io/x@latest", "no sha256"),
        ("ghcr.io/x@sha256:abc", "no sha256"),
        (f"ghcr.io/x@sha256:{'A' * 64}", "no sha256"),
        (f"ghcr.io/x@md5:{'a' * 32}", "no sha256"),
        ("ghcr.io/Team/Llama", "uppercase"),
        ("ghcr.io/x//y", "no repository"),
        ("ghcr.io/../x", "no repository"),
        ("ghcr.io/x/", "no repository"),
        ("ghcr.io/x?y", "no repository"),
        ("ghcr.io/", "no repository"),
        ("gh_cr.io/x", "no registry"),
        ("-ghcr.io/x", "no registry"),
        ("me:secret@ghcr.io/x", "no sha256"),
        ("ghcr.io:0/x", "port"),
        ("ghcr.io:65536/x", "port"),
        ("[::g]:5000/x", "no registry"),
        ("[:::::]/x", "IPv6"),
        (f"ghcr.io/{'x' * 250}", "longer than 255"),
    ],
    ids=lambda value: value[:30] or "empty",
)
def test_what_names_no_image_is_told(text, told):
    with pytest.raises(InvalidReferenceError, match=told):
        parse_reference(text)


def test_docker_hub_is_served_by_a_host_of_another_name():
    assert parse_reference("ubuntu").host == "registry-1.docker.io"
    assert parse_reference("ghcr.io/x").host == "ghcr.io"


def test_the_digest_outranks_the_tag():
    assert Reference("r", "x", "v1", SHA).version == SHA
