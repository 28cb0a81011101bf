"""A pull that fails: how the kubelet spaces its attempts, and what containerd and the kubelet say of it; pure.

Sources: https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff; messages as in containerd 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aimctrl.sandbox.script import PullError

SHOWN = 5.0
"""Seconds for which a failed attempt shows as ErrImagePull before it shows as ImagePullBackOff."""

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 300.0
DOCKER_HUB = "registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Whether the last attempt has been backed off from by now, and for how many seconds more that shows."""

    backing_off: bool
    remaining: float


@dataclass(frozen=True, slots=True)
class Told:
    """What the container's state says."""

    reason: str
    message: str


def attempt_at(elapsed: float) -> Attempt:
    """Where a pull is that has failed since `elapsed` seconds: attempts lie 10, 20, 40… and at most 300 s apart."""
    start, pause = 0.0, FIRST_PAUSE
    while start + pause <= elapsed:
        start, pause = start + pause, min(pause * 2, LONGEST_PAUSE)
    if elapsed < start + SHOWN:
        return Attempt(backing_off=False, remaining=start + SHOWN - elapsed)
    return Attempt(backing_off=True, remaining=start + pause - elapsed)


def told(error: PullError, image: str, *, backing_off: bool) -> Told:
    """The state's reason and message: ErrImagePull with the runtime's words, then ImagePullBackOff with them quoted."""
    host, repository, tag = _parts(image)
    reference = f"{repository_of(image)}:{tag}"
    url = f"https://{host}/v2/{repository}/manifests/{tag}"
    code, cause = _CAUSES[error]
    failure = cause.format(reference=reference, url=url, host=host)
    words = (
        f'rpc error: code = {code} desc = failed to pull and unpack image "{reference}": '
        f'failed to resolve reference "{reference}": {failure}'
    )
    if backing_off:
        return Told("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {words}')
    return Told("ErrImagePull", words)


def repository_of(image: str) -> str:
    """The image's repository with its registry, without tag and digest, Docker's defaults filled in."""
    host, repository, _ = _parts(image)
    return f"{'docker.io' if host == DOCKER_HUB else host}/{repository}"


_CAUSES: Mapping[PullError, tuple[str, str]] = {
    "not-found": ("NotFound", "{reference}: not found"),
    "auth": (
        "Unknown",
        (
            "pull access denied, repository does not exist or may require authorization: "
            "authorization failed: no basic auth credentials"
        ),
    ),
    "rate-limit": ("Unknown", "unexpected status from HEAD request to {url}: 429 Too Many Requests"),
    "unreachable": ("Unknown", 'failed to do request: Head "{url}": dial tcp: lookup {host}: no such host'),
}


def _parts(image: str) -> tuple[str, str, str]:
    """Registry host, repository, and tag or digest, with Docker's defaults filled in."""
    first, slash, rest = image.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    host, path = (first, rest) if is_host else (DOCKER_HUB, image)
    name, _, digest = path.partition("@")
    repository, _, tag = name.partition(":")
    if not is_host and "/" not in repository:
        repository = f"library/{repository}"
    return host, repository, digest or tag or "latest"
