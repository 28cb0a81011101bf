"""Why an image cannot be pulled, from what the kubelet says: the reason it waits for, and the registry's words.

Reasons: https://github.com/kubernetes/kubernetes, pkg/kubelet/images/types.go. Messages are those of containerd,
CRI-O and Docker, which pass the registry's answer on. A registry that hides what a caller may not see answers "denied"
for images that do not exist, so what speaks of credentials is believed first.
"""

import re
from typing import Final

from aimctrl.api.reasons import TemplateReason
from aimctrl.kube.core import Waiting

PULL_REASONS: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""The kubelet's reasons for a container that waits because of its image."""

_NAMES = re.compile(r'"[^"]*"')
_REFUSED = re.compile(
    r"\b40[13]\b|unauthori[sz]ed|forbidden|authentication required|authorization failed|insufficient_scope"
    r"|no basic auth credentials|access denied|\bdenied\b|invalid username|incorrect username|authorization token"
    r"|failed to authorize|failed to fetch (anonymous|oauth) token",
    re.IGNORECASE,
)
_ABSENT = re.compile(
    r"\b404\b|not found|notfound|manifest unknown|name unknown|name_unknown|manifest_unknown"
    r"|no such (image|manifest)|does not exist|no match for platform|invalid reference format",
    re.IGNORECASE,
)
_SPECIFIC = frozenset({TemplateReason.IMAGE_NOT_FOUND, TemplateReason.IMAGE_PULL_AUTH_FAILURE})


def pull_failure(waiting: Waiting, image: str, before: str = "") -> TemplateReason | None:
    """The reason a waiting container's image cannot be pulled, None where it does not wait for that.

    While the kubelet backs off it may no longer say why; then `before`, the reason given last, stands.
    """
    if waiting.reason not in PULL_REASONS:
        return None
    if waiting.reason == "InvalidImageName":
        return TemplateReason.IMAGE_NOT_FOUND
    said = _NAMES.sub(" ", waiting.message.replace(image, " ").replace(_repository(image), " "))
    if _REFUSED.search(said):
        return TemplateReason.IMAGE_PULL_AUTH_FAILURE
    if _ABSENT.search(said):
        return TemplateReason.IMAGE_NOT_FOUND
    return next((reason for reason in _SPECIFIC if reason == before), TemplateReason.IMAGE_PULL_BACK_OFF)


def _repository(image: str) -> str:
    name = image.partition("@")[0]
    path, _, last = name.rpartition("/")
    return f"{path}/{last.partition(':')[0]}" if path else last.partition(":")[0]
