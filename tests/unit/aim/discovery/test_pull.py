import pytest

from aimctrl.aim.discovery.pull import pull_failure
from aimctrl.kube.core import Waiting

NOT_FOUND, REFUSED, BACK_OFF = "ImageNotFound", "ImagePullAuthFailure", "ImagePullBackOff"

IMAGE = "ghcr.io/acme/llama-404-unauthorized:denied"

CASES = {
    "containerd, no tag": (
        "ErrImagePull",
        'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/x:y": failed to resolve reference "docker.io/library/x:y": docker.io/library/x:y: not found',
        NOT_FOUND,
    ),
    "containerd, 404 of a registry": (
        "ErrImagePull",
        'failed to pull and unpack image "r.example/x:y": failed to resolve reference "r.example/x:y": unexpected status from HEAD request to https://r.example/v2/x/manifests/y: 404 Not Found',
        NOT_FOUND,
    ),
    "docker, no tag": ("ErrImagePull", "manifest for x:y not found: manifest unknown: manifest unknown", NOT_FOUND),
    "docker, manifest unknown": ("ErrImagePull", "Error response from daemon: manifest unknown", NOT_FOUND),
    "cri-o, no tag": (
        "ErrImagePull",
        "initializing source docker://quay.io/x/y:z: reading manifest z in quay.io/x/y: manifest unknown",
        NOT_FOUND,
    ),
    "cri-o, no repository": (
        "ErrImagePull",
        "reading manifest 1 in r.example/x: name unknown: repository name not known to registry",
        NOT_FOUND,
    ),
    "wrong platform": ("ErrImagePull", "no match for platform in manifest sha256:00: not found", NOT_FOUND),
    "a name that is none": (
        "InvalidImageName",
        'Failed to apply default image tag "X": couldn\'t parse image name',
        NOT_FOUND,
    ),
    "containerd, 401": (
        "ErrImagePull",
        "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=x: 401 Unauthorized",
        REFUSED,
    ),
    "containerd, 403": ("ErrImagePull", "failed to fetch oauth token: unexpected status: 403 Forbidden", REFUSED),
    "docker hub hides what is not there": (
        "ErrImagePull",
        'failed to resolve reference "docker.io/acme/x:1": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
        REFUSED,
    ),
    "docker": (
        "ErrImagePull",
        "pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
        REFUSED,
    ),
    "ecr": (
        "ErrImagePull",
        "failed to resolve reference: pulling from host x failed with status code [manifests 1]: no basic auth credentials",
        REFUSED,
    ),
    "cri-o": ("ErrImagePull", "reading manifest 1 in r.example/x: unauthorized: authentication required", REFUSED),
    "artifact registry": (
        "ErrImagePull",
        'denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "x" (or it may not exist)',
        REFUSED,
    ),
    "cri-o, wrong password": (
        "ErrImagePull",
        "unable to retrieve auth token: invalid username/password: unauthorized",
        REFUSED,
    ),
    "no route to the registry": ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", BACK_OFF),
    "no such host": ("ErrImagePull", "dial tcp: lookup r.example: no such host", BACK_OFF),
    "throttled": (
        "ErrImagePull",
        "429 Too Many Requests - toomanyrequests: You have reached your pull rate limit",
        BACK_OFF,
    ),
    "tls": (
        "ErrImagePull",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        BACK_OFF,
    ),
    "back off, nothing said": ("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"', BACK_OFF),
    "back off, with the cause": (
        "ImagePullBackOff",
        f'Back-off pulling image "{IMAGE}": ErrImagePull: {IMAGE}: not found',
        NOT_FOUND,
    ),
    "never pulled": ("ErrImageNeverPull", "Container image is not present with pull policy of Never", BACK_OFF),
    "registry down": ("RegistryUnavailable", "", BACK_OFF),
    "signature": ("SignatureValidationFailed", "source image rejected", BACK_OFF),
    "words in the image's own name": (
        "ErrImagePull",
        f"{IMAGE}: i/o timeout of ghcr.io/acme/llama-404-unauthorized",
        BACK_OFF,
    ),
    "creating": ("ContainerCreating", "", None),
    "config error": ("CreateContainerConfigError", 'secret "x" not found', None),
}


@pytest.mark.parametrize(("reason", "message", "wanted"), CASES.values(), ids=CASES)
def test_the_registrys_words_tell_why_an_image_cannot_be_pulled(reason, message, wanted):
    assert pull_failure(Waiting(reason, message), IMAGE) == wanted


@pytest.mark.parametrize("before", [NOT_FOUND, REFUSED])
def test_backing_off_does_not_forget_why(before):
    assert pull_failure(Waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"'), IMAGE, before) == before


def test_a_new_cause_replaces_the_old_one():
    waiting = Waiting("ErrImagePull", "manifest unknown")
    assert pull_failure(waiting, IMAGE, REFUSED) == NOT_FOUND


def test_another_reason_before_says_nothing_about_the_image():
    assert pull_failure(Waiting("ImagePullBackOff", ""), IMAGE, "AwaitingDiscovery") == BACK_OFF
