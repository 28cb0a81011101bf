"""Pod Security: what the namespace's label `pod-security.kubernetes.io/enforce` demands of Pods.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/.
"""

from collections.abc import Callable, Iterable, Iterator

from aimctrl.sandbox.apiserver.builtin.pod_defaults import containers
from aimctrl.sandbox.apiserver.errors import Subject, forbidden
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Storage

ENFORCE = "pod-security.kubernetes.io/enforce"

_BASELINE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_PROFILES = ("Localhost", "RuntimeDefault")


def check(storage: Storage, thing: Object) -> None:
    """Refuses a Pod that the level of its namespace forbids.

    Raises:
        StatusError: 403, naming all that is wrong.
    """
    meta = thing["metadata"]
    namespace = storage.collection("", "namespaces").get(meta["namespace"])
    labels: dict[str, str] = namespace.object["metadata"].get("labels", {}) if namespace else {}
    level = labels.get(ENFORCE, "privileged")
    faults = [fault for rule in _LEVELS.get(level, ()) for fault in rule(thing["spec"])]
    if faults:
        version = labels.get(f"{ENFORCE}-version", "latest")
        words = f'violates PodSecurity "{level}:{version}": {", ".join(faults)}'
        raise forbidden(Subject("", "pods", meta.get("name", "")), words)


def _security(container: Object) -> Object:
    found: Object = container.get("securityContext", {})
    return found


def _named(spec: Object, wrong: Callable[[Object], bool]) -> list[str]:
    """The names of the containers with that fault."""
    return [container["name"] for container in containers(spec) if wrong(container)]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _counted(word: str, names: list[str]) -> str:
    return f"{word if len(names) == 1 else word + 's'} {_quoted(names)}"


def _both(names: list[str], *, pod: bool) -> str:
    """Who is at fault: the pod, containers, or both."""
    return " and ".join([*(["pod"] if pod else []), *([_counted("container", names)] if names else [])])


def _added_capabilities(allowed: frozenset[str]) -> Callable[[Object], tuple[list[str], list[str]]]:
    def found(spec: Object) -> tuple[list[str], list[str]]:
        added: set[str] = set()
        names: list[str] = []
        for container in containers(spec):
            wrong = set(_security(container).get("capabilities", {}).get("add") or ()) - allowed
            added |= wrong
            names += [container["name"]] if wrong else []
        return names, sorted(added)

    return found


def _default_capabilities(spec: Object) -> Iterator[str]:
    names, added = _added_capabilities(_BASELINE_CAPABILITIES)(spec)
    if names:
        who = _counted("container", names)
        yield f"non-default capabilities ({who} must not include {_quoted(added)} in securityContext.capabilities.add)"


def _restricted_capabilities(spec: Object) -> Iterator[str]:
    keeping = _named(spec, lambda c: "ALL" not in (_security(c).get("capabilities", {}).get("drop") or ()))
    names, added = _added_capabilities(frozenset({"NET_BIND_SERVICE"}))(spec)
    parts: list[str] = []
    if keeping:
        parts.append(f'{_counted("container", keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if names:
        who = _counted("container", names)
        parts.append(f"{who} must not include {_quoted(added)} in securityContext.capabilities.add")
    if parts:
        yield f"unrestricted capabilities ({'; '.join(parts)})"


def _host_namespaces(spec: Object) -> Iterator[str]:
    used = [f"{key}=true" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    if used:
        yield f"host namespaces ({', '.join(used)})"


def _host_paths(spec: Object) -> Iterator[str]:
    names = [volume["name"] for volume in spec.get("volumes", ()) if "hostPath" in volume]
    if names:
        yield f"hostPath volumes ({_counted('volume', names)})"


def _host_ports(spec: Object) -> Iterator[str]:
    def ports(container: Object) -> list[int]:
        return [port["hostPort"] for port in container.get("ports", ()) if port.get("hostPort")]

    names = _named(spec, lambda container: bool(ports(container)))
    if names:
        used = sorted({str(port) for container in containers(spec) for port in ports(container)})
        verb, word = "uses" if len(names) == 1 else "use", "hostPort" if len(used) == 1 else "hostPorts"
        yield f"hostPort ({_counted('container', names)} {verb} {word} {', '.join(used)})"


def _privileged(spec: Object) -> Iterator[str]:
    names = _named(spec, lambda container: bool(_security(container).get("privileged")))
    if names:
        yield f"privileged ({_counted('container', names)} must not set securityContext.privileged=true)"


def _escalation(spec: Object) -> Iterator[str]:
    names = _named(spec, lambda container: _security(container).get("allowPrivilegeEscalation") is not False)
    if names:
        who = _counted("container", names)
        yield f"allowPrivilegeEscalation != false ({who} must set securityContext.allowPrivilegeEscalation=false)"


def _restricted_volumes(spec: Object) -> Iterator[str]:
    wrong = {v["name"]: min(v.keys() - {"name"}) for v in spec.get("volumes", ()) if v.keys() - {"name"} - _VOLUMES}
    if wrong:
        kinds = sorted(set(wrong.values()))
        verb, word = "uses" if len(wrong) == 1 else "use", "type" if len(kinds) == 1 else "types"
        who = _counted("volume", list(wrong))
        yield f"restricted volume types ({who} {verb} restricted volume {word} {_quoted(kinds)})"


def _non_root(spec: Object) -> Iterator[str]:
    on_pod = _security(spec).get("runAsNonRoot")
    wrong = _named(spec, lambda container: _security(container).get("runAsNonRoot") is False)
    if on_pod is False or wrong:
        who = _both(wrong, pod=on_pod is False)
        yield f"runAsNonRoot != true ({who} must not set securityContext.runAsNonRoot=false)"
        return
    silent = _named(spec, lambda container: not _security(container).get("runAsNonRoot"))
    if not on_pod and silent:
        who = _counted("container", silent)
        yield f"runAsNonRoot != true (pod or {who} must set securityContext.runAsNonRoot=true)"


def _root_user(spec: Object) -> Iterator[str]:
    on_pod = _security(spec).get("runAsUser") == 0
    names = _named(spec, lambda container: _security(container).get("runAsUser") == 0)
    if on_pod or names:
        yield f"runAsUser=0 ({_both(names, pod=on_pod)} must not set runAsUser=0)"


def _profile(part: Object) -> str | None:
    found: str | None = _security(part).get("seccompProfile", {}).get("type")
    return found


def _bad_profiles(spec: Object) -> list[str]:
    def wrong(part: Object) -> bool:
        return _profile(part) not in {None, *_PROFILES}

    names = _named(spec, wrong)
    if not names and not wrong(spec):
        return []
    values = sorted({_profile(part) or "" for part in [spec, *containers(spec)] if wrong(part)})
    who = _both(names, pod=wrong(spec))
    return [f"seccompProfile ({who} must not set securityContext.seccompProfile.type to {_quoted(values)})"]


def _restricted_profiles(spec: Object) -> Iterator[str]:
    wrong = _bad_profiles(spec)
    yield from wrong
    silent = _named(spec, lambda container: _profile(container) is None)
    if not wrong and _profile(spec) is None and silent:
        who = _counted("container", silent)
        words = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
        yield f"seccompProfile (pod or {who} {words})"


_LEVELS: dict[str, tuple[Callable[[Object], Iterable[str]], ...]] = {
    "baseline": (
        _default_capabilities,
        _host_namespaces,
        _host_paths,
        _host_ports,
        _privileged,
        _bad_profiles,
    ),
    "restricted": (
        _host_namespaces,
        _host_ports,
        _privileged,
        _escalation,
        _restricted_capabilities,
        _restricted_volumes,
        _non_root,
        _root_user,
        _restricted_profiles,
    ),
}
"""The rules of each level, in the order in which the server names them."""
