"""Names, labels and places of everything that caching makes (SPEC §6)."""

from typing import Final

from aimctrl.aim.naming import COMPONENT, MANAGED_BY, MANAGER
from aimctrl.kube.names import fit_hashed

MODEL_CACHE: Final = "aim.silogen.ai/model-cache"
"""On volumes, download Jobs and their Pods: the model cache they belong to, whose name is short enough for it."""

FINALIZER: Final = "aim.silogen.ai/template-cache"
"""On template caches: the model caches they created have to be seen to before they go."""

DOWNLOAD: Final = "download"
"""The component of volumes, download Jobs and their Pods, and the name of the container that downloads."""

SELECTOR: Final = f"{MANAGED_BY}={MANAGER},{COMPONENT}={DOWNLOAD}"
"""The label selector of volumes, download Jobs and their Pods."""

MOUNT_ROOT: Final = "/workspace/model-cache"
"""Where serving containers look for cached artifacts."""


def claim_name(cache: str) -> str:
    """The PersistentVolumeClaim of a model cache."""
    return f"{cache}-cache"


def download_name(cache: str) -> str:
    """The Job that fills it."""
    return f"{claim_name(cache)}-download"


def labels(cache: str) -> dict[str, str]:
    """What the objects of a model cache are found by."""
    return {MANAGED_BY: MANAGER, COMPONENT: DOWNLOAD, MODEL_CACHE: cache}


def creator_label(template_cache: str) -> str:
    """The value of the label `aim.silogen.ai/template-cache`: the name, hashed where it is too long for a label."""
    return fit_hashed(template_cache)


def mount_point(artifact: str) -> str:
    """Where an artifact is mounted: each `/` in its name is a folder, as in the names of model hubs."""
    folders = [part.replace(":", "-") for part in artifact.split("/") if part not in {"", ".", ".."}]
    return "/".join((MOUNT_ROOT, *folders))
