"""Whatever a registry, a secret or a user comes up with: an outcome, never a crash."""

import json

from hypothesis import given
from hypothesis import strategies as st

from aimctrl.aim.registry.challenge import parse_challenges
from aimctrl.aim.registry.docker_config import PullSecretError, credentials_for, read_grants
from aimctrl.aim.registry.manifest import parse_manifest, read_config
from aimctrl.aim.registry.outcomes import FailedError
from aimctrl.aim.registry.reference import InvalidReferenceError, parse_reference
from aimctrl.kube.core import Secret
from support.registry import OCI_MANIFEST, digest_of

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)
NEARLY = st.fixed_dictionaries(
    {}, optional={"schemaVersion": JSON, "mediaType": JSON, "config": JSON, "manifests": JSON | st.lists(JSON)}
)
ENTRY = st.fixed_dictionaries({}, optional=dict.fromkeys(("auth", "username", "password", "identitytoken"), JSON))
PULL_SECRET = "kubernetes.io/dockerconfigjson"


@given(st.binary() | (JSON | NEARLY).map(lambda value: json.dumps(value).encode()), st.sampled_from(["", OCI_MANIFEST]))
def test_any_manifest_is_one_or_malformed(body, content_type):
    try:
        parse_manifest(body, content_type)
    except FailedError:
        return


@given(st.binary() | st.fixed_dictionaries({"config": JSON}).map(lambda value: json.dumps(value).encode()))
def test_any_config_gives_labels_or_is_malformed(body):
    try:
        labels = read_config(body, digest_of(body))
    except FailedError:
        return
    assert all(isinstance(value, str) for value in labels.values())


@given(st.lists(st.text(max_size=200), max_size=3))
def test_any_challenge_can_be_read(headers):
    assert all(one.scheme == one.scheme.lower() for one in parse_challenges(headers))


@given(st.text() | st.text(alphabet="aA0.:/@-_[]"))
def test_any_text_names_an_image_or_is_told_why_not(text):
    try:
        reference = parse_reference(text)
    except InvalidReferenceError:
        return
    assert parse_reference(f"{reference.name}:x").repository == reference.repository
    assert reference.repository == reference.repository.lower()


@given(JSON | st.fixed_dictionaries({"auths": st.dictionaries(TEXT, ENTRY, max_size=3)}))
def test_any_secret_has_credentials_or_is_told_why_not(config):
    secret = Secret(type=PULL_SECRET, data={".dockerconfigjson": json.dumps(config).encode()})
    try:
        grants = read_grants(secret)
    except PullSecretError:
        return
    credentials_for(parse_reference("ghcr.io/x"), grants)
