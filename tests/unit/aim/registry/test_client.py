"""Reading labels from a registry over HTTP."""

import pytest

from aimctrl.aim.registry.client import RegistryClient
from aimctrl.aim.registry.docker_config import Credential
from aimctrl.aim.registry.outcomes import AuthFailure, ImageNotFound, Inspected, Malformed
from aimctrl.aim.registry.reference import parse_reference
from support.registry import (
    LABELS,
    OCI_INDEX,
    REPOSITORY,
    FakeRegistry,
    config_blob,
    digest_of,
    entry,
    error,
    index_manifest,
    packed,
)

ME = Credential("me", "secret")


@pytest.fixture
async def registry():
    async with FakeRegistry().serving() as registry:
        yield registry


@pytest.fixture
async def client():
    async with RegistryClient() as client:
        yield client


async def ask(client, registry, *credentials, version=":v1"):
    image = f"{registry.host}/{REPOSITORY}{version}"
    return await client.labels(parse_reference(image), credentials)


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
@pytest.mark.parametrize("config", [config_blob(), packed(config_blob())], ids=["plain", "packed"])
async def test_a_public_image_is_read_with_two_requests(client, registry, config, docker):
    registry.push(config, docker=docker)
    assert await ask(client, registry) == Inspected(LABELS)
    assert registry.paths == [f"/v2/{REPOSITORY}/manifests/v1", f"/v2/{REPOSITORY}/blobs/{digest_of(config)}"]
    assert registry.credentials() == ["", ""]


async def test_what_the_registry_packs_on_the_way_is_unpacked(client, registry):
    registry.push(stored=packed(config_blob()))
    assert await ask(client, registry) == Inspected(LABELS)


async def test_an_image_by_digest_is_checked_against_it(client, registry):
    digest = digest_of(registry.push())
    assert await ask(client, registry, version=f":ignored@{digest}") == Inspected(LABELS)
    registry.manifests[digest] = registry.push(config_blob({}), "v2")
    assert await ask(client, registry, version=f"@{digest}") == Malformed(
        f"the manifest does not have the digest {digest}"
    )


async def test_of_an_index_the_image_for_linux_is_read_and_checked(client, registry):
    arm, amd = registry.push(config_blob({"a": "arm"}), "x"), registry.push(tag="y")
    registry.hold(index_manifest(entry(arm, "linux/arm64"), entry(amd, "linux/amd64")), "v1")
    assert await ask(client, registry) == Inspected(LABELS)
    registry.manifests[digest_of(amd)] = arm
    assert isinstance(await ask(client, registry), Malformed)


async def test_an_index_may_hold_an_index_but_not_without_end(client, registry):
    within = registry.push(tag="image")
    for _ in range(3):
        within = registry.hold(index_manifest(entry(within, media_type=OCI_INDEX)), "v1")
    assert await ask(client, registry) == Inspected(LABELS)
    registry.hold(index_manifest(entry(within, media_type=OCI_INDEX)), "v1")
    assert await ask(client, registry) == Malformed(
        f"the indexes of {registry.host}/{REPOSITORY} are nested too deeply"
    )


async def test_an_index_that_names_an_image_by_a_path_leads_nowhere(client, registry):
    registry.hold(index_manifest(entry(b"") | {"digest": "../../../token"}), "v1")
    assert isinstance(await ask(client, registry), Malformed)
    assert len(registry.asked) == 1


async def test_an_index_without_linux_is_an_image_that_is_not_there(client, registry):
    registry.hold(index_manifest(entry(b"x", "windows/amd64")), "v1")
    assert await ask(client, registry) == ImageNotFound(f"{registry.host}/{REPOSITORY} has no image for linux")


async def test_an_image_that_is_not_there_is_told_in_the_registry_s_words(client, registry):
    assert await ask(client, registry) == ImageNotFound(
        f"{registry.host}/{REPOSITORY} has no v1: MANIFEST_UNKNOWN: manifest unknown"
    )


async def test_a_config_that_is_not_there_is_an_image_that_is_not_there(client, registry):
    registry.push()
    registry.blobs.clear()
    assert isinstance(await ask(client, registry), ImageNotFound)


async def test_what_a_registry_says_is_cut_to_one_short_line(client, registry):
    registry.before = lambda _: error(404, "NAME\nUNKNOWN", "\x1b[31mred\u2028" + "x" * 1000)
    found = await ask(client, registry)
    assert isinstance(found, ImageNotFound)
    assert "NAME UNKNOWN:  [31mred x" in found.message
    assert len(found.message) < 300
    assert found.message.isprintable()


@pytest.mark.parametrize("status", [400, 405, 410, 418, 204, 304])
async def test_an_answer_nobody_expects_is_malformed(client, registry, status):
    registry.before = lambda _: error(status, "", "")
    assert await ask(client, registry) == Malformed(f"{registry.host} answers {status}")


async def test_the_next_credential_is_tried_where_one_is_refused_or_shown_nothing(client, registry):
    registry.push()
    registry.password = "secret"
    others = Credential("me", "old"), Credential("you", "x")
    assert await ask(client, registry, *others, ME) == Inspected(LABELS)
    assert isinstance(await ask(client, registry, *others), AuthFailure)


async def test_a_registry_that_hides_what_one_credential_may_not_see_shows_it_to_the_next(client, registry):
    registry.push()
    registry.password = "secret"
    hidden = error(404, "NAME_UNKNOWN", "no such thing")
    registry.before = lambda request: hidden if len(registry.asked) == 2 else None
    assert await ask(client, registry, Credential("me", "old"), ME) == Inspected(LABELS)
