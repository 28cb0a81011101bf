import pytest

from aimctrl.sandbox import pull
from aimctrl.sandbox.pull import Attempt


@pytest.mark.parametrize(
    ("elapsed", "attempt"),
    [
        pytest.param(0, Attempt(backing_off=False, remaining=5), id="the first attempt has just failed"),
        pytest.param(5, Attempt(backing_off=True, remaining=5), id="backing off"),
        pytest.param(10, Attempt(backing_off=False, remaining=5), id="the second attempt"),
        pytest.param(16, Attempt(backing_off=True, remaining=14), id="twice the pause"),
        pytest.param(30, Attempt(backing_off=False, remaining=5), id="the third attempt"),
        pytest.param(310 + 300 + 6, Attempt(backing_off=True, remaining=294), id="never more than five minutes"),
    ],
)
def test_attempts_lie_ever_further_apart(elapsed, attempt):
    assert pull.attempt_at(elapsed) == attempt


@pytest.mark.parametrize(
    ("error", "image", "words"),
    [
        pytest.param(
            "not-found",
            "r.example/a/b:1",
            'rpc error: code = NotFound desc = failed to pull and unpack image "r.example/a/b:1": '
            'failed to resolve reference "r.example/a/b:1": r.example/a/b:1: not found',
            id="not found",
        ),
        pytest.param(
            "auth",
            "busybox",
            'rpc error: code = Unknown desc = failed to pull and unpack image "docker.io/library/busybox:latest": '
            'failed to resolve reference "docker.io/library/busybox:latest": pull access denied, repository does not '
            "exist or may require authorization: authorization failed: no basic auth credentials",
            id="no credentials, with Docker's defaults",
        ),
        pytest.param(
            "rate-limit",
            "team/a:2",
            'rpc error: code = Unknown desc = failed to pull and unpack image "docker.io/team/a:2": '
            'failed to resolve reference "docker.io/team/a:2": unexpected status from HEAD request to '
            "https://registry-1.docker.io/v2/team/a/manifests/2: 429 Too Many Requests",
            id="too many requests",
        ),
        pytest.param(
            "unreachable",
            "localhost:5000/a",
            'rpc error: code = Unknown desc = failed to pull and unpack image "localhost:5000/a:latest": '
            'failed to resolve reference "localhost:5000/a:latest": failed to do request: '
            'Head "https://localhost:5000/v2/a/manifests/latest": dial tcp: lookup localhost:5000: no such host',
            id="no such host",
        ),
    ],
)
def test_the_runtime_says_what_went_wrong(error, image, words):
    told = pull.told(error, image, backing_off=False)
    assert (told.reason, told.message) == ("ErrImagePull", words)


def test_while_backing_off_the_kubelet_quotes_the_runtime():
    told = pull.told("not-found", "r.example/a:1", backing_off=True)
    assert told.reason == "ImagePullBackOff"
    assert told.message.startswith('Back-off pulling image "r.example/a:1": ErrImagePull: rpc error: code = NotFound')


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        pytest.param("r.example/a:1", "r.example/a", id="without the tag"),
        pytest.param("r.example:5000/a@sha256:00", "r.example:5000/a", id="without the digest, but with the port"),
        pytest.param("busybox", "docker.io/library/busybox", id="with Docker's defaults"),
    ],
)
def test_a_repository_has_its_registry_and_no_tag(image, repository):
    assert pull.repository_of(image) == repository
