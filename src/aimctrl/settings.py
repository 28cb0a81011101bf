"""What the program can be told, by option or by environment variable; the only reader of the environment.

`OPTIONS` is the whole list: the command line and its help are made from it. An option wins over its variable, a
variable over the default; an empty one counts as not set.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""What Kubernetes lets a namespace be called (RFC 1123)."""

_URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")

_REGISTRY = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?", re.ASCII)


_RESYNC_SECONDS, _WEEK = 36_000.0, 604_800.0


class SettingError(ValueError):
    """A value that cannot be taken; the message names the option or variable, and what it may be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How `aimctrl run` is to run; times in seconds."""

    kubeconfig: str = ""
    context: str = ""
    namespaces: tuple[str, ...] = ()
    operator_namespace: str = "kaiwo-system"
    leader_elect: bool = False
    metrics_bind_address: str = ":8080"
    metrics_cert_dir: str = ""
    metrics_secure: bool = False
    otlp_endpoint: str = ""
    health_probe_bind_address: str = ":8081"
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: str = "info"
    max_concurrent_reconciles: int = 4
    max_discovery_jobs: int = 10
    template_selection: str = "Strict"
    insecure_registries: tuple[str, ...] = ()
    grace_period: float = 25.0
    resync_seconds: float = _RESYNC_SECONDS


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: `field` of Settings, what it is called, and how its text is read (ValueError says what it may be).

    `form` is `text`, `list` (given several times, or with commas) or `switch`.
    """

    field: str
    flag: str
    variable: str
    help: str
    parse: Callable[[str], Any] = str
    form: str = "text"


def _names(text: str) -> tuple[str, ...]:
    names = {name.strip() for name in text.split(",")} - {""}
    for name in sorted(names):
        _namespace(name)
    return tuple(sorted(names))


def _namespace(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError("a namespace's name: lowercase letters, digits and '-', at most 63")
    return text


def _registries(text: str) -> tuple[str, ...]:
    registries = {registry.strip() for registry in text.split(",")} - {""}
    if not all(_REGISTRY.fullmatch(registry) for registry in registries):
        raise ValueError("hosts, or host:port, separated by commas")
    return tuple(sorted(registries))


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return text

    return parse


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError("a URL such as http://collector:4318")
    return text


def _switch(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError("true or false")
    return known[text.lower()]


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1000:
        raise ValueError("a whole number from 1 to 1000")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError("a number of seconds")
    return float(text)


def _resync(text: str) -> float:
    allowed = f"0 for the default, or a number of seconds from 1 to {_WEEK:g}"
    try:
        seconds = _seconds(text)
    except ValueError:
        raise ValueError(allowed) from None
    if seconds and not 1 <= seconds <= _WEEK:
        raise ValueError(allowed)
    return seconds or _RESYNC_SECONDS


OPTIONS: tuple[Option, ...] = (
    Option(
        "kubeconfig",
        "--kubeconfig",
        "AIM_KUBECONFIG",
        "the kubeconfig file; without it $KUBECONFIG, ~/.kube/config, or the pod's service account",
    ),
    Option("context", "--context", "AIM_CONTEXT", "the context in the kubeconfig; its current one by default"),
    Option(
        "namespaces",
        "--namespace",
        "AIM_WATCH_NAMESPACES",
        "watch only these namespaces, separated by commas; all by default",
        _names,
        "list",
    ),
    Option(
        "operator_namespace",
        "--operator-namespace",
        "AIM_OPERATOR_NAMESPACE",
        "the namespace of the Lease, of discovery for cluster templates, and of the secrets of cluster objects",
        _namespace,
    ),
    Option(
        "leader_elect",
        "--leader-elect",
        "AIM_LEADER_ELECT",
        "work only while holding the Lease, so that several may run and one works",
        _switch,
        "switch",
    ),
    Option(
        "metrics_bind_address",
        "--metrics-bind-address",
        "AIM_METRICS_BIND_ADDRESS",
        "host:port or :port of /metrics; 0 for none",
    ),
    Option(
        "metrics_cert_dir",
        "--metrics-cert-dir",
        "AIM_METRICS_CERT_DIR",
        "the folder of tls.crt and tls.key, read again when they change, to serve /metrics over TLS with",
    ),
    Option(
        "metrics_secure",
        "--metrics-secure",
        "AIM_METRICS_SECURE",
        "show /metrics only to bearer tokens whose owner may get that non-resource URL; needs --metrics-cert-dir",
        _switch,
        "switch",
    ),
    Option(
        "otlp_endpoint",
        "--otlp-endpoint",
        "AIM_OTLP_ENDPOINT",
        "URL of an OpenTelemetry collector (OTLP over HTTP) to send traces to; needs aimctrl[otel]",
        _url,
    ),
    Option(
        "health_probe_bind_address",
        "--health-probe-bind-address",
        "AIM_HEALTH_PROBE_BIND_ADDRESS",
        "host:port or :port of /healthz and /readyz; 0 for none",
    ),
    Option(
        "log_format",
        "--log-format",
        "AIM_LOG_FORMAT",
        "auto, json or console; auto is console on a terminal, else json",
        _one_of("auto", "json", "console"),
    ),
    Option(
        "log_level",
        "--log-level",
        "AIM_LOG_LEVEL",
        "debug, info, warning or error",
        _one_of("debug", "info", "warning", "error"),
    ),
    Option(
        "max_concurrent_reconciles",
        "--max-concurrent-reconciles",
        "AIM_MAX_CONCURRENT_RECONCILES",
        "reconciles of one kind that may be under way at once",
        _count,
    ),
    Option(
        "max_discovery_jobs",
        "--max-discovery-jobs",
        "AIM_MAX_DISCOVERY_JOBS",
        "unfinished discovery Jobs that may exist at once",
        _count,
    ),
    Option(
        "template_selection",
        "--template-selection",
        "AIM_TEMPLATE_SELECTION",
        "Strict or Preferred: whether several fitting templates are ambiguous, or ranked, unless a runtime config says",
        _one_of("Strict", "Preferred"),
    ),
    Option(
        "insecure_registries",
        "--insecure-registry",
        "AIM_INSECURE_REGISTRIES",
        "host or host:port of registries that may be plain HTTP, separated by commas; those on localhost always may",
        _registries,
        "list",
    ),
    Option(
        "grace_period",
        "--grace-period",
        "AIM_GRACE_PERIOD",
        "seconds for a stop in order; less than the pod's own grace period",
        _seconds,
    ),
    Option(
        "resync_seconds",
        "--resync-seconds",
        "AIM_RESYNC_SECONDS",
        "seconds after which everything is looked at again though nothing has changed; 0 for the default",
        _resync,
    ),
)


def wants_colour(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a terminal is to be coloured, as https://no-color.org has it."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def load(given: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings from what was given on the command line, by field, and from the environment.

    Raises SettingError.
    """
    values: dict[str, Any] = {}
    for option in OPTIONS:
        if text := given.get(option.field, ""):
            values[option.field] = _parsed(option, option.flag, text)
        elif text := environ.get(option.variable, ""):
            values[option.field] = _parsed(option, option.variable, text)
    settings = Settings(**values)
    if settings.metrics_secure and not settings.metrics_cert_dir:
        raise SettingError("--metrics-secure needs --metrics-cert-dir: tokens are not to be sent in the clear")
    return settings


def _parsed(option: Option, source: str, text: str) -> Any:
    try:
        return option.parse(text)
    except ValueError as error:
        raise SettingError(f"{source}: {text!r} is not {error}") from error
