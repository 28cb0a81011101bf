"""What a container of a Pod must be to be accepted.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container, and what a real API
server answers.
"""

import re
from collections.abc import Iterator

from aimctrl.sandbox.apiserver.builtin.amounts import parse
from aimctrl.sandbox.apiserver.builtin.checks import (
    LARGEST_PORT,
    dns_subdomain,
    invalid,
    label_key,
    not_negative,
    port_errors,
    port_name,
    required,
    unsupported,
)
from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.node import Object

_PULL = ("Always", "IfNotPresent", "Never")
_MESSAGES = ("File", "FallbackToLogsOnError")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_STANDARD = ("cpu", "memory", "ephemeral-storage")
_LARGEST_ID = 2**31 - 1
_VARIABLE = re.compile(r"[ -<>-~]+")
_VARIABLE_WORDS = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)


def container_errors(container: Object, where: str, volumes: set[str]) -> Iterator[FieldError]:
    """What is wrong with a container, but for its name; `volumes` are those of its Pod."""
    image = container.get("image", "")
    if not image:
        yield required(f"{where}.image")
    elif image.strip() != image:
        yield invalid(f"{where}.image", image, "must not have leading or trailing whitespace")
    yield from _list_errors(container, where)
    yield from _mount_errors(container.get("volumeMounts", ()), f"{where}.volumeMounts", volumes)
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        if key in container:
            yield from _probe_errors(container[key], f"{where}.{key}")
    if container["terminationMessagePolicy"] not in _MESSAGES:
        yield unsupported(f"{where}.terminationMessagePolicy", container["terminationMessagePolicy"], _MESSAGES)
    if container["imagePullPolicy"] not in _PULL:
        yield unsupported(f"{where}.imagePullPolicy", container["imagePullPolicy"], _PULL)
    yield from resource_errors(container["resources"], f"{where}.resources")
    yield from security_errors(container.get("securityContext", {}), f"{where}.securityContext")


def security_errors(context: Object, where: str) -> Iterator[FieldError]:
    """What is wrong with the numbers of users and groups in a security context."""
    for key in ("runAsUser", "runAsGroup", "fsGroup"):
        number = context.get(key)
        if number is not None and not 0 <= number <= _LARGEST_ID:
            yield invalid(f"{where}.{key}", number, f"must be between 0 and {_LARGEST_ID}, inclusive")


def _list_errors(container: Object, where: str) -> Iterator[FieldError]:
    for index, port in enumerate(container.get("ports", ())):
        yield from _container_port_errors(port, f"{where}.ports[{index}]")
    for index, variable in enumerate(container.get("env", ())):
        yield from _variable_errors(variable, f"{where}.env[{index}]")
    for index, source in enumerate(container.get("envFrom", ())):
        yield from _env_from_errors(source, f"{where}.envFrom", index)


def _container_port_errors(port: Object, where: str) -> Iterator[FieldError]:
    if port.get("name"):
        yield from port_name(f"{where}.name", port["name"])
    if not port["containerPort"]:
        yield required(f"{where}.containerPort")
    else:
        yield from port_errors(f"{where}.containerPort", port["containerPort"])
    if not 0 <= port.get("hostPort", 0) <= LARGEST_PORT:
        yield from port_errors(f"{where}.hostPort", port["hostPort"])
    if port["protocol"] not in _PROTOCOLS:
        yield unsupported(f"{where}.protocol", port["protocol"], _PROTOCOLS)


def _variable_errors(variable: Object, where: str) -> Iterator[FieldError]:
    name = variable["name"]
    if not name:
        yield required(f"{where}.name")
    elif _VARIABLE.fullmatch(name) is None:
        yield invalid(f"{where}.name", name, _VARIABLE_WORDS)
    if "valueFrom" in variable:
        yield from _source_errors(variable["valueFrom"], where)
        if variable["valueFrom"] and variable.get("value"):
            yield invalid(f"{where}.valueFrom", "", "may not be specified when `value` is not empty")


def _source_errors(source: Object, where: str) -> Iterator[FieldError]:
    if not source:
        words = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        yield invalid(f"{where}.valueFrom", "", words)
    if "fieldRef" in source:
        yield from _field_ref_errors(source["fieldRef"].get("fieldPath", ""), f"{where}.valueFrom.fieldRef.fieldPath")
    for key in ("configMapKeyRef", "secretKeyRef"):
        for part in ("name", "key"):
            if key in source and not source[key].get(part):
                yield required(f"{where}.valueFrom.{key}.{part}")


def _field_ref_errors(path: str, where: str) -> Iterator[FieldError]:
    subscript = re.fullmatch(r"metadata\.(?:labels|annotations)\['[^']*'\]", path)
    if not path:
        yield required(where)
    elif path not in _FIELDS and subscript is None:
        yield invalid(where, path, f"error converting fieldPath: field label not supported: {path}")


def _env_from_errors(source: Object, path: str, index: int) -> Iterator[FieldError]:
    where = f"{path}[{index}]"
    for key in ("configMapRef", "secretRef"):
        if key in source and not source[key].get("name"):
            yield required(f"{where}.{key}.name")
        elif key in source:
            yield from dns_subdomain(f"{where}.{key}.name", source[key]["name"])
    if not {"configMapRef", "secretRef"} & source.keys():
        yield invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")


def _mount_errors(mounts: list[Object], path: str, volumes: set[str]) -> Iterator[FieldError]:
    taken: set[str] = set()
    for index, mount in enumerate(mounts):
        where = f"{path}[{index}]"
        if not mount["name"]:
            yield required(f"{where}.name")
        elif mount["name"] not in volumes:
            yield FieldError(Cause.NOT_FOUND, f"{where}.name", value=mount["name"])
        if not mount["mountPath"]:
            yield required(f"{where}.mountPath")
        if mount["mountPath"] in taken:
            yield invalid(f"{where}.mountPath", mount["mountPath"], "must be unique")
        taken.add(mount["mountPath"])


def _probe_errors(probe: Object, where: str) -> Iterator[FieldError]:
    handlers = [key for key in _HANDLERS if key in probe]
    if not handlers:
        yield required(where, "must specify a handler type")
    for extra in handlers[1:]:
        yield FieldError(Cause.FORBIDDEN, f"{where}.{extra}", "may not specify more than 1 handler type")
    for key in ("httpGet", "tcpSocket"):
        if handlers[:1] == [key]:
            yield from port_errors(f"{where}.{key}.port", probe[key]["port"])
    for key in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        yield from not_negative(f"{where}.{key}", probe.get(key))


def resource_errors(resources: Object, where: str) -> Iterator[FieldError]:
    """What is wrong with the resources of a container."""
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for name, text in limits.items():
        yield from _amount_errors(name, text, f"{where}.limits[{name}]")
    for name, text in requests.items():
        yield from _amount_errors(name, text, f"{where}.requests[{name}]")
        limit = limits.get(name)
        if limit is None:
            if _extended(name):
                yield required(f"{where}.limits", "Limit must be set for non overcommitable resources")
        elif _extended(name) and parse(text) != parse(limit):
            yield invalid(f"{where}.requests", text, f"must be equal to {name} limit of {limit}")
        elif parse(limit) < parse(text):
            yield invalid(f"{where}.requests", text, f"must be less than or equal to {name} limit of {limit}")


def _extended(name: str) -> bool:
    return name not in _STANDARD and not name.startswith("kubernetes.io/")


def _amount_errors(name: str, text: str, where: str) -> Iterator[FieldError]:
    yield from label_key(where, name)
    if "/" not in name and name not in _STANDARD and not name.startswith("hugepages-"):
        yield invalid(where, name, "must be a standard resource type or fully qualified")
        yield invalid(where, name, "must be a standard resource for containers")
    amount = parse(text)
    if amount.amount < 0:
        yield invalid(where, text, "must be greater than or equal to 0")
    elif "/" in name and amount.amount != int(amount.amount):
        yield invalid(where, text, "must be an integer")
