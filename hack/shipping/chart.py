"""The Helm chart: the objects of the kustomize base with holes cut into them where a value goes.

A template is the object as YAML in which the text of a `HOLES` entry stands instead of what is at its path. Its
`_helpers.tpl` alone is written by hand.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import aimctrl
from aimctrl import manifests
from shipping import kustomize, objects
from shipping.kustomize import GENERATED, yaml_of
from shipping.objects import NAME, NAMESPACE, Object
from shipping.rights import identity, lacking, metrics_rights, rights
from shipping.values import NAMES, SETTINGS, schema_json, values_yaml, variable

CHART: Final = "helm/aimctrl"
MONITORING: Final = Path(__file__).parents[2] / "deploy" / "monitoring"
SOME_NAMESPACE: Final = "some-watched-namespace"
"""Stands for each of the watched namespaces while their Roles are written."""

_POD: Final = "spec.template.spec"
_CONTAINER: Final = f"{_POD}.containers.0"


def _unless_empty(value: str, key: str) -> str:
    return f"{{{{- with .Values.{value} }}}}\n{key}: {{{{- toYaml . | nindent <n> }}}}\n{{{{- end }}}}"


def _setting(name: str) -> str:
    text = 'join "," .' if SETTINGS[name] is NAMES else "."
    entry = f"- name: {variable(name)}\n  value: {{{{ {text} | quote }}}}"
    return f"{{{{- with .Values.settings.{name} }}}}\n{entry}\n{{{{- end }}}}"


_METRICS_PORT: Final = f"- name: metrics\n  containerPort: {objects.METRICS_PORT}"

_TLS: Final = "{{- if .Values.metrics.tlsSecret }}"
_TLS_VOLUME: Final = "- name: metrics-tls\n  secret:\n    secretName: {{ .Values.metrics.tlsSecret }}"
_TLS_MOUNT: Final = f"- name: metrics-tls\n  mountPath: {objects.METRICS_FOLDER}\n  readOnly: true"

_SECURE: Final = """\
{{- if .Values.metrics.secure }}
{{- $_ := required "metrics.secure needs metrics.tlsSecret" .Values.metrics.tlsSecret }}
- name: AIM_METRICS_SECURE
  value: "true"
{{- end }}"""

_ENV: Final = "\n".join(
    (
        '{{- with .Values.namespaces }}\n- name: AIM_WATCH_NAMESPACES\n  value: {{ join "," . | quote }}\n{{- end }}',
        '{{- if not .Values.metrics.enabled }}\n- name: AIM_METRICS_BIND_ADDRESS\n  value: "0"\n{{- end }}',
        f"{_TLS}\n- name: AIM_METRICS_CERT_DIR\n  value: {objects.METRICS_FOLDER}\n{{{{- end }}}}",
        _SECURE,
        *(_setting(name) for name in SETTINGS),
        "{{- with .Values.env }}\n{{- toYaml . | nindent <n-2> }}\n{{- end }}",
    )
)

_HOLE: Final = re.compile(r"^( *)(?:- |\w+: )?HOLE(\d+)$", re.MULTILINE)

_RULES: Final = """\
{{- $namespace := printf "\\nmetadata:\\n  namespace: %s\\n" .Release.Namespace }}
{{ .Files.Get "files/rules.yaml" | replace "\\nmetadata:\\n" $namespace }}
"""

HOLES: Final[Mapping[str, Mapping[str, str]]] = {
    "Deployment": {
        "spec.replicas": "replicas: {{ .Values.replicas }}",
        f"{_POD}.imagePullSecrets": _unless_empty("image.pullSecrets", "imagePullSecrets"),
        f"{_POD}.nodeSelector": _unless_empty("nodeSelector", "nodeSelector"),
        f"{_POD}.tolerations": _unless_empty("tolerations", "tolerations"),
        f"{_CONTAINER}.image": 'image: {{ include "aimctrl.image" . }}',
        f"{_CONTAINER}.imagePullPolicy": "imagePullPolicy: {{ .Values.image.pullPolicy }}",
        f"{_CONTAINER}.env.-": _ENV,
        f"{_CONTAINER}.ports.0": f"{{{{- if .Values.metrics.enabled }}}}\n{_METRICS_PORT}\n{{{{- end }}}}",
        f"{_CONTAINER}.volumeMounts.-": f"{_TLS}\n{_TLS_MOUNT}\n{{{{- end }}}}",
        f"{_POD}.volumes.-": f"{_TLS}\n{_TLS_VOLUME}\n{{{{- end }}}}",
        f"{_CONTAINER}.resources": _unless_empty("resources", "resources"),
    },
    "NetworkPolicy": {
        "spec.egress.-": "{{- with .Values.networkPolicy.egress }}\n{{- toYaml . | nindent <n-2> }}\n{{- end }}",
    },
    "CustomResourceDefinition": {
        "metadata.annotations.keep": "{{- if .Values.crds.keep }}\nhelm.sh/resource-policy: keep\n{{- end }}",
    },
}
"""By kind, and by path in the object (`-` adds to a list): what stands there in the template, with its key or dash.

`<n>` is the indentation of what is below that key, in spaces.
"""


def files() -> dict[str, str]:
    """The text of each file, by its path in `deploy/`."""
    parts = kustomize.base()
    templates = {name: template(part) for name, part in parts.items() if name != "rbac"}
    templates |= {
        "rbac": _rbac(),
        "metrics-rbac": _if("metrics.secure", template(metrics_rights())),
        "crds": _if("crds.install", template(manifests.crds())),
        "network-policy": _if("networkPolicy.enabled", template(parts["network-policy"])),
        "rules": _if("metrics.rules", _RULES),
        "dashboard": _if("metrics.dashboard", _dashboard()),
        "pod-monitor": _if("metrics.podMonitor", template([objects.pod_monitor()])),
    }
    texts = {
        "Chart.yaml": _about(),
        "values.yaml": GENERATED + values_yaml(),
        "values.schema.json": schema_json(),
        **{
            f"files/{name}": (MONITORING / name).read_text(encoding="utf-8")
            for name in ("dashboard.json", "rules.yaml")
        },
        **{f"templates/{name}.yaml": GENERATED + text for name, text in templates.items()},
    }
    return {f"{CHART}/{name}": text for name, text in texts.items()}


def template(parts: Iterable[Object]) -> str:
    """The objects as the text of a template."""
    texts: list[str] = []
    cut = yaml_of(_cut(part, HOLES.get(part["kind"], {}), texts) for part in parts)
    filled = _HOLE.sub(lambda at: _fill(at[1], texts[int(at[2])]), cut)
    return filled.replace(f"namespace: {NAMESPACE}\n", "namespace: {{ $.Release.Namespace }}\n")


def _cut(part: Object, holes: Mapping[str, str], texts: list[str]) -> Object:
    for path, text in holes.items():
        part = _put(part, path.split("."), f"HOLE{len(texts)}")
        texts.append(text)
    return part


def _put(into: Any, path: list[str], mark: str) -> Any:
    """A copy with the mark at that path."""
    step, *further = path
    if isinstance(into, list):
        items: list[Any] = into
        place = len(items) if step == "-" else int(step)
        old = items[place] if further else None
        return [*items[:place], _put(old, further, mark) if further else mark, *items[place + 1 :]]
    return {**into, step: _put(into.get(step, {}), further, mark) if further else mark}


def _fill(indent: str, text: str) -> str:
    depth = len(indent) + 2
    text = text.replace("<n>", str(depth)).replace("<n-2>", str(depth - 2))
    return "\n".join(indent + line for line in text.split("\n"))


def _if(value: str, text: str, otherwise: str = "") -> str:
    middle = f"{{{{- else }}}}\n{otherwise}" if otherwise else ""
    return f"{{{{- if .Values.{value} }}}}\n{text}{middle}{{{{- end }}}}\n"


def _rbac() -> str:
    """What is the same in both, and what there is for some namespaces, once for each; or for all."""
    everywhere, some = rights(), rights([SOME_NAMESPACE])
    watched = [one for one in some if identity(one)[1] == SOME_NAMESPACE]
    common = [one for one in everywhere if one in some]
    reduced = [one for one in lacking(some, watched) if one not in common]
    full = [one for one in everywhere if one not in common]
    each = template(watched).replace(SOME_NAMESPACE, "{{ $namespace }}")
    loop = f"{{{{- range $namespace := .Values.namespaces }}}}\n{each}{{{{- end }}}}\n"
    return template(common) + _if("namespaces", (template(reduced) if reduced else "") + loop, template(full))


def _dashboard() -> str:
    metadata = {"name": f"{NAME}-dashboard", "namespace": NAMESPACE, "labels": objects.DASHBOARD_LABELS}
    data = f'data:\n  {NAME}.json: |\n    {{{{- .Files.Get "files/dashboard.json" | nindent 4 }}}}\n'
    return template([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}]) + data


def _about() -> str:
    return GENERATED + (
        "apiVersion: v2\n"
        f"name: {NAME}\n"
        "description: 'The AIM operator: models, templates and inference services on Kubernetes'\n"
        "type: application\n"
        f"version: {aimctrl.__version__}\n"
        f"appVersion: {aimctrl.__version__}\n"
        "kubeVersion: '>=1.27.0-0'\n"
    )
