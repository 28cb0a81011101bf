"""What the Helm chart can be told: one table, from which values.yaml and its schema are written."""

import json
from dataclasses import dataclass
from typing import Any, Final

from aimctrl.settings import OPTIONS
from shipping import objects

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
SWITCH: Final[Schema] = {"type": "boolean"}
NAMES: Final[Schema] = {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True}
MAP: Final[Schema] = {"type": "object"}
LIST: Final[Schema] = {"type": "array", "items": MAP}

SETTINGS: Final[dict[str, Schema]] = {
    "insecureRegistries": NAMES,
    "logFormat": {"enum": ["", "auto", "json", "console"]},
    "logLevel": {"enum": ["", "debug", "info", "warning", "error"]},
    "maxConcurrentReconciles": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
    "maxDiscoveryJobs": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
    "resyncSeconds": {"type": ["integer", "null"], "minimum": 0},
    "templateSelection": {"enum": ["", "Strict", "Preferred"]},
}
"""The options of `aimctrl run` that may be set, and what they may be; unset ones are left to the program."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value: where it is, what it is by default, what it may be, and a line for who reads values.yaml."""

    path: str
    schema: Schema
    default: Any
    help: str = ""


def variable(name: str) -> str:
    """The environment variable of the setting, by its name in the chart."""
    return _OPTIONS[name].variable


_OPTIONS: Final = {
    "".join(word.title() if place else word for place, word in enumerate(option.field.split("_"))): option
    for option in OPTIONS
}

_REPOSITORY, _, _ = objects.IMAGE.partition(":")

VALUES: Final = (
    Value(
        "image.repository",
        {**TEXT, "minLength": 1},
        default=_REPOSITORY,
        help="Where the image is: this tree's Containerfile.",
    ),
    Value("image.tag", TEXT, default="", help="The chart's appVersion by default."),
    Value(
        "image.digest",
        {**TEXT, "pattern": "^(sha256:[0-9a-f]{64})?$"},
        default="",
        help="sha256:…; it goes before the tag.",
    ),
    Value("image.pullPolicy", {"enum": ["Always", "IfNotPresent", "Never"]}, default="IfNotPresent"),
    Value(
        "image.pullSecrets",
        {"type": "array", "items": {**MAP, "required": ["name"]}},
        default=[],
        help="As in a pod: - name: …",
    ),
    Value("replicas", {"type": "integer", "minimum": 0}, default=2, help="One works, the others are ready to."),
    Value("namespaces", NAMES, default=[], help="Watch only these, with Roles there; all by default."),
    Value(
        "resources",
        MAP,
        default=objects.RESOURCES,
        help="Measured: docs/benchmarks.md. Without a limit on CPU, on purpose.",
    ),
    Value("metrics.enabled", SWITCH, default=True, help=f"On port {objects.METRICS_PORT}."),
    Value("metrics.tlsSecret", TEXT, default="", help="A Secret with tls.crt and tls.key, to serve them over TLS."),
    Value("metrics.secure", SWITCH, default=False, help="Over TLS, and only to tokens that may get /metrics."),
    Value(
        "metrics.podMonitor",
        SWITCH,
        default=False,
        help="For metrics in the clear; needs the CRDs of the Prometheus operator.",
    ),
    Value("metrics.rules", SWITCH, default=False, help="Alerts; needs those CRDs, too."),
    Value("metrics.dashboard", SWITCH, default=False, help="A ConfigMap for Grafana's sidecar."),
    Value("crds.install", SWITCH, default=True),
    Value(
        "crds.keep",
        SWITCH,
        default=True,
        help="`helm uninstall` leaves the CRDs there, and with them every AIM object.",
    ),
    Value("networkPolicy.enabled", SWITCH, default=True, help="Metrics and probes in; DNS, 443 and 6443 out."),
    Value(
        "networkPolicy.egress",
        LIST,
        default=[],
        help="Further rules, such as for a registry's port.",
    ),
    Value("env", LIST, default=[], help="As in a pod, such as HTTPS_PROXY: - name: …"),
    Value("nodeSelector", MAP, default={}),
    Value("tolerations", LIST, default=[]),
    *(
        Value(f"settings.{name}", schema, default=[] if schema is NAMES else None if "type" in schema else "")
        for name, schema in SETTINGS.items()
    ),
)


def values_yaml() -> str:
    """The chart's values.yaml, with a line of help above what needs it."""
    lines: list[str] = []
    before = ""
    for value in VALUES:
        group, _, name = value.path.rpartition(".")
        if group and group != before:
            lines.append(f"{group}:")
        before = group
        indent = "  " if group else ""
        help_text = value.help or _setting_help(group, name)
        lines += [f"{indent}# {help_text}"] if help_text else []
        lines.append(f"{indent}{name}: {json.dumps(value.default)}")
    return "\n".join(lines) + "\n"


def schema_json() -> str:
    """The chart's values.schema.json; what is not in the table is refused."""
    root: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_closed()}
    for value in VALUES:
        group, _, name = value.path.rpartition(".")
        place = root["properties"].setdefault(group, _closed()) if group else root
        place["properties"][name] = value.schema
    root["properties"]["global"] = MAP
    return json.dumps(root, indent=2) + "\n"


def _closed() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": False}


def _setting_help(group: str, name: str) -> str:
    if group != "settings":
        return ""
    text = _OPTIONS[name].help.replace(", separated by commas", "")
    return f"{text[0].upper()}{text[1:]}."
