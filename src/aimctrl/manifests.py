"""The manifests that install the operator, generated from the code: equal code gives equal bytes."""

from collections.abc import Iterable
from typing import Any

import yaml

from aimctrl.api.crds import DEFINITIONS


def crds() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions of all AIM kinds, sorted by name."""
    return sorted((definition.manifest() for definition in DEFINITIONS), key=lambda crd: crd["metadata"]["name"])


def crd_files() -> dict[str, str]:
    """The files of `deploy/crds`, by name: one CRD each."""
    return {f"{crd['spec']['group']}_{crd['spec']['names']['plural']}.yaml": to_yaml([crd]) for crd in crds()}


def to_yaml(manifests: Iterable[dict[str, Any]]) -> str:
    """The manifests as one YAML text; keys keep their order."""
    return yaml.safe_dump_all(manifests, sort_keys=False, explicit_start=True, width=120, allow_unicode=True)
