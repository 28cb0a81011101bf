"""What the API server fills in where a Pod, or a template of Pods, leaves something open.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/, and what a real API server
answers.
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.schema.node import Object

_MODE = 0o644
_TOKEN_SECONDS = 3600
_LISTS = ("initContainers", "containers", "ephemeralContainers")


def default_pod(thing: Object) -> None:
    """The defaults of a Pod: those of its spec, and requests where there are limits."""
    spec = thing["spec"]
    spec.setdefault("enableServiceLinks", True)
    default_spec(spec)
    for container in containers(spec):
        _default_requests(container["resources"])
    if "resources" in spec:
        _default_requests(spec["resources"])


def default_template(template: Object) -> None:
    """The defaults of a template of Pods."""
    default_spec(template["spec"])


def containers(spec: Object) -> Iterator[Object]:
    """All containers of a Pod's spec, in the order in which they start."""
    for key in _LISTS:
        yield from spec.get(key) or ()


def part_of(thing: Object, key: str) -> Object:
    """The object in that field, or an empty one."""
    found: Object = thing.get(key) or {}
    return found


def default_spec(spec: Object) -> None:
    """The defaults that a Pod's spec has wherever it stands."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in containers(spec):
        _default_container(container, on_host=spec.get("hostNetwork", False))
    for volume in spec.get("volumes", ()):
        _default_volume(volume)


def _default_container(container: Object, *, on_host: bool) -> None:
    container.setdefault("imagePullPolicy", pull_policy(container.get("image", "")))
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
        if on_host:
            port.setdefault("hostPort", port["containerPort"])
    for variable in container.get("env", ()):
        _default_field_ref(part_of(variable, "valueFrom").get("fieldRef"))
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        if key in container:
            _default_probe(container[key])
    for key in ("postStart", "preStop"):
        _default_http_get(part_of(part_of(container, "lifecycle"), key).get("httpGet"))


def pull_policy(image: str) -> str:
    """When an image is pulled: always where it has no tag, or `latest`; otherwise where it is missing."""
    named, _, digest = image.partition("@")
    tag = named.rpartition("/")[2].partition(":")[2]
    return "Always" if image and (tag == "latest" or not (tag or digest)) else "IfNotPresent"


def _default_probe(probe: Object) -> None:
    for key, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)):
        probe.setdefault(key, value)
    _default_http_get(probe.get("httpGet"))
    if "grpc" in probe and probe["grpc"].get("service") is None:
        probe["grpc"]["service"] = ""


def _default_http_get(action: Object | None) -> None:
    if action is not None:
        action.setdefault("path", "/")
        action.setdefault("scheme", "HTTP")


def _default_field_ref(reference: Object | None) -> None:
    if reference is not None:
        reference.setdefault("apiVersion", "v1")


def _default_volume(volume: Object) -> None:
    if volume.keys() <= {"name"}:
        volume["emptyDir"] = {}
    for key in ("secret", "configMap", "downwardAPI", "projected"):
        if key in volume:
            volume[key].setdefault("defaultMode", _MODE)
    for source in part_of(volume, "projected").get("sources") or ():
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", _TOKEN_SECONDS)
        _default_downward(source.get("downwardAPI"))
    _default_downward(volume.get("downwardAPI"))
    _default_other_volume(volume)


def _default_other_volume(volume: Object) -> None:
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")
    if "image" in volume:
        volume["image"].setdefault("pullPolicy", pull_policy(volume["image"].get("reference", "")))
    claim = part_of(volume, "ephemeral").get("volumeClaimTemplate")
    if claim is not None:
        claim["spec"].setdefault("volumeMode", "Filesystem")


def _default_downward(source: Object | None) -> None:
    for item in (source or {}).get("items", ()):
        _default_field_ref(item.get("fieldRef"))


def _default_requests(resources: Object) -> None:
    for name, amount in resources.get("limits", {}).items():
        resources.setdefault("requests", {}).setdefault(name, amount)
