"""The files of `deploy/` for kustomize and kubectl: a base, what is put on top of it, and all in one file."""

import json
from collections.abc import Iterable
from typing import Final

from aimctrl import manifests
from aimctrl.manifests import to_yaml
from shipping import objects
from shipping.objects import DASHBOARD_LABELS, NAME, NAMESPACE, Object
from shipping.rights import identity, lacking, metrics_rights, rights

WATCHED: Final = "default"
"""The namespace that the namespaced overlay watches, to be edited by whoever copies it."""

GENERATED: Final = "# Written by `make deploy` from hack/shipping.\n"


def base() -> dict[str, list[Object]]:
    """What runs the operator in a namespace that is there, by the name of the file; CRDs apart."""
    return {
        "rbac": rights(),
        "service-account": [objects.service_account()],
        "deployment": [objects.deployment()],
        "pod-disruption-budget": [objects.pod_disruption_budget()],
        "network-policy": [objects.network_policy()],
    }


def files() -> dict[str, str]:
    """The text of each file, by its path in `deploy/`."""
    crds = list(manifests.crd_files())
    return {
        "crds/Kustomization": kustomization(crds),
        "base/kustomization.yaml": kustomization(["../crds", *(f"{name}.yaml" for name in base())]),
        **{f"base/{name}.yaml": text_of(parts) for name, parts in base().items()},
        "default/kustomization.yaml": kustomization(["namespace.yaml", "../base"]),
        "default/namespace.yaml": text_of([objects.namespace()]),
        "overlays/single-replica/kustomization.yaml": kustomization(["../../default"], _ONE),
        "overlays/monitoring/kustomization.yaml": kustomization(["../../default", "../../monitoring"]),
        "components/secure-metrics/kustomization.yaml": _COMPONENT,
        "components/secure-metrics/rbac.yaml": text_of(metrics_rights()),
        "components/secure-metrics/deployment.yaml": text_of([objects.secure_metrics()]),
        "monitoring/kustomization.yaml": kustomization(["pod-monitor.yaml", "rules.yaml"], _DASHBOARD),
        "monitoring/pod-monitor.yaml": text_of([objects.pod_monitor()]),
        "install.yaml": text_of(everything()),
        **{f"overlays/namespaced/{name}": text for name, text in _namespaced().items()},
    }


def everything() -> list[Object]:
    """All there is to install, in the order in which it can be."""
    return [objects.namespace(), *manifests.crds(), *(one for parts in base().values() for one in parts)]


def kustomization(resources: Iterable[str], more: str = "") -> str:
    """A kustomization of these resources, with that further text."""
    head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n"
    return GENERATED + head + "".join(f"- {resource}\n" for resource in resources) + more


def text_of(parts: Iterable[Object]) -> str:
    """The objects as a file."""
    return GENERATED + yaml_of(parts)


def yaml_of(parts: Iterable[Object]) -> str:
    """The objects one after another; what several have is written out in each."""
    return to_yaml(json.loads(json.dumps(list(parts))))


_ONE = f"replicas:\n- name: {NAME}\n  count: 1\n"

_COMPONENT = f"""\
{GENERATED}\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources:
- rbac.yaml
patches:
- path: deployment.yaml
"""

_DASHBOARD = f"""\
namespace: {NAMESPACE}
configMapGenerator:
- name: {NAME}-dashboard
  files:
  - {NAME}.json=dashboard.json
  options:
    disableNameSuffixHash: true
    labels: {json.dumps(DASHBOARD_LABELS)}
"""

_PATCHES = f"""\
patches:
- path: removed.yaml
- target:
    kind: Deployment
    name: {NAME}
  patch: |-
    - op: add
      path: /spec/template/spec/containers/0/env/-
      value:
        name: AIM_WATCH_NAMESPACES
        value: {WATCHED}
"""


def _namespaced() -> dict[str, str]:
    """The rights in a watched namespace have a folder of their own and name none, so that it serves for several."""
    everywhere, here = rights(), rights([WATCHED])
    added = lacking(here, everywhere)
    watched = [_anywhere(one) for one in added if identity(one)[1] == WATCHED]
    cluster = [one for one in added if identity(one)[1] != WATCHED]
    return {
        "kustomization.yaml": kustomization(["../../default", "rbac.yaml", "watched"], _PATCHES),
        "rbac.yaml": text_of(cluster),
        "removed.yaml": text_of(_deleted(one) for one in lacking(everywhere, here)),
        "watched/kustomization.yaml": kustomization(["rbac.yaml"], f"namespace: {WATCHED}\n"),
        "watched/rbac.yaml": text_of(watched),
    }


def _deleted(manifest: Object) -> Object:
    kind, namespace, name = identity(manifest)
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"$patch": "delete", "apiVersion": manifest["apiVersion"], "kind": kind, "metadata": metadata}


def _anywhere(manifest: Object) -> Object:
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
    return {**manifest, "metadata": metadata}
