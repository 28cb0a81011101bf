"""The CRDs of others that the operator has to do with, and none of those that come in the same package."""

from pathlib import Path
from typing import Any

from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Kind
from controlplane import crd_folder

RUNTIME_KINDS = (SERVING_RUNTIMES, CLUSTER_SERVING_RUNTIMES, INFERENCE_SERVICES)
THEIRS = (*RUNTIME_KINDS, HTTPROUTES)


def crds_of(*kinds: Kind[Any]) -> list[Path]:
    """The files of the CRDs of these kinds, all that there are of `THEIRS` where none is named."""
    folder = crd_folder()
    return [file for kind in kinds or THEIRS for file in folder.rglob(f"{kind.group}_{kind.plural}.yaml")]
