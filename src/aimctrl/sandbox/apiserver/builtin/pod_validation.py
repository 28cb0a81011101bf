"""What a Pod, or a template of Pods, must be to be accepted.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/, and what a real API server
answers.
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.builtin.checks import (
    dns_label,
    invalid,
    label_key,
    required,
    unsupported,
)
from aimctrl.sandbox.apiserver.builtin.container_validation import container_errors, security_errors
from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.node import Object

_POLICIES = ("Always", "OnFailure", "Never")
_DNS = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS = ("Equal", "Exists")
_LONGEST = 2**31 - 1

_NAMED_SOURCES = (("secret", "secretName"), ("configMap", "name"), ("persistentVolumeClaim", "claimName"))
_UNCHANGED = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def spec_errors(spec: Object, path: str) -> Iterator[FieldError]:
    """What is wrong with a Pod's spec at that path."""
    volumes = {volume["name"] for volume in spec.get("volumes", ())}
    yield from _volume_errors(spec.get("volumes", ()), f"{path}.volumes")
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    yield from _containers_errors(spec, path, volumes)
    if spec["restartPolicy"] not in _POLICIES:
        yield unsupported(f"{path}.restartPolicy", spec["restartPolicy"], _POLICIES)
    if spec["dnsPolicy"] not in _DNS:
        yield unsupported(f"{path}.dnsPolicy", spec["dnsPolicy"], _DNS)
    for key in spec.get("nodeSelector", {}):
        yield from label_key(f"{path}.nodeSelector", key)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _LONGEST:
        yield invalid(f"{path}.activeDeadlineSeconds", deadline, f"must be between 1 and {_LONGEST}, inclusive")
    yield from security_errors(spec["securityContext"], f"{path}.securityContext")
    yield from _affinity_errors(spec, f"{path}.affinity")
    for index, toleration in enumerate(spec.get("tolerations", ())):
        yield from _toleration_errors(toleration, f"{path}.tolerations[{index}]")


def _affinity_errors(spec: Object, path: str) -> Iterator[FieldError]:
    required_key = "requiredDuringSchedulingIgnoredDuringExecution"
    demanded = spec.get("affinity", {}).get("nodeAffinity", {}).get(required_key)
    if demanded is not None and not demanded.get("nodeSelectorTerms"):
        where = f"{path}.nodeAffinity.{required_key}.nodeSelectorTerms"
        yield required(where, "must have at least one node selector term")


def _containers_errors(spec: Object, path: str, volumes: set[str]) -> Iterator[FieldError]:
    names: set[str] = set()
    for key in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(key) or ()):
            where = f"{path}.{key}[{index}]"
            name = container.get("name", "")
            yield from dns_label(f"{where}.name", name)
            if name in names:
                yield FieldError(Cause.DUPLICATE, f"{where}.name", value=name)
            if name:
                names.add(name)
            yield from container_errors(container, where, volumes)


def _volume_errors(volumes: list[Object], path: str) -> Iterator[FieldError]:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        where, name = f"{path}[{index}]", volume["name"]
        yield from _source_errors(volume, where)
        yield from dns_label(f"{where}.name", name)
        if name and name in names:
            yield FieldError(Cause.DUPLICATE, f"{where}.name", value=name)
        names.add(name)


def _source_errors(volume: Object, where: str) -> Iterator[FieldError]:
    sources = sorted(volume.keys() - {"name"}, key=lambda key: (key != "emptyDir", key))
    for extra in sources[1:]:
        yield FieldError(Cause.FORBIDDEN, f"{where}.{extra}", "may not specify more than 1 volume type")
    for source, field in _NAMED_SOURCES:
        if sources[:1] == [source] and not volume[source].get(field):
            yield required(f"{where}.{source}.{field}")
    if sources[:1] == ["hostPath"] and not volume["hostPath"].get("path"):
        yield required(f"{where}.hostPath.path")


def _toleration_errors(toleration: Object, where: str) -> Iterator[FieldError]:
    operator, effect = toleration.get("operator", "Equal"), toleration.get("effect", "")
    if toleration.get("key"):
        yield from label_key(f"{where}.key", toleration["key"])
    elif operator != "Exists":
        yield invalid(
            f"{where}.operator",
            operator,
            'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        )
    if operator not in _OPERATORS:
        yield unsupported(f"{where}.operator", operator, _OPERATORS)
    elif operator == "Exists" and toleration.get("value"):
        yield invalid(f"{where}.operator", toleration["value"], "value must be empty when `operator` is 'Exists'")
    if effect and effect not in _EFFECTS:
        yield unsupported(f"{where}.effect", effect, _EFFECTS)


def change_errors(spec: Object, old: Object) -> Iterator[FieldError]:
    """What an update of a Pod may not change of its spec."""
    for key in ("containers", "initContainers"):
        if len(spec.get(key) or ()) != len(old.get(key) or ()):
            yield FieldError(Cause.FORBIDDEN, f"spec.{key}", "pod updates may not add or remove containers")
            return
        for index, container in enumerate(spec.get(key) or ()):
            if not container.get("image"):
                yield required(f"spec.{key}[{index}].image")
    yield from _deadline_errors(spec.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds"))
    kept = [toleration for toleration in old.get("tolerations", ()) if toleration not in spec.get("tolerations", ())]
    if kept:
        words = "existing toleration can not be modified except its tolerationSeconds"
        if any(not _same_but_seconds(t, spec.get("tolerations", ())) for t in kept):
            yield FieldError(Cause.FORBIDDEN, "spec.tolerations", words)
    if _fixed(spec, old) != _fixed(old, old):
        yield FieldError(Cause.FORBIDDEN, "spec", _UNCHANGED)


def _deadline_errors(new: int | None, old: int | None) -> Iterator[FieldError]:
    path = "spec.activeDeadlineSeconds"
    if new is None and old is not None:
        yield invalid(path, None, "must not update from a positive integer to nil value")
    elif new is not None and old is not None and old < new:
        yield invalid(path, new, "must be less than or equal to previous value")


def _same_but_seconds(toleration: Object, among: list[Object]) -> bool:
    def key(one: Object) -> Object:
        return {name: value for name, value in one.items() if name != "tolerationSeconds"}

    return any(key(toleration) == key(other) for other in among)


def _fixed(spec: Object, old: Object) -> Object:
    """The parts of a spec that an update leaves alone."""
    fixed = {**spec}
    for key in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        fixed.pop(key, None)
    if old.get("terminationGracePeriodSeconds", 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        fixed["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
    if old.get("schedulingGates"):
        fixed["nodeSelector"] = fixed["affinity"] = None
    for key in ("containers", "initContainers"):
        fixed[key] = [{**container, "image": ""} for container in spec.get(key) or ()]
    return fixed
