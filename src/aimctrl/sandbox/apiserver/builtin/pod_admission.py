"""What the API server adds to a new Pod beyond defaults: its service account, priority and tolerations.

Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/ (ServiceAccount, Priority,
DefaultTolerationSeconds).
"""

from aimctrl.sandbox.apiserver.errors import StatusError, Subject, forbidden
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Storage
from aimctrl.sandbox.apiserver.values import copied, random_suffix

_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
_TOKEN_SECONDS = 3607
_TOLERATED_SECONDS = 300
_MIRROR = "kubernetes.io/config.mirror"


def admit(storage: Storage, thing: Object) -> None:
    """Changes a new Pod.

    Raises:
        StatusError: 403, where what it names does not exist.
    """
    _add_account(storage, thing)
    _add_priority(storage, thing)
    add_tolerations(thing["spec"])


def _subject(thing: Object) -> Subject:
    meta = thing["metadata"]
    return Subject("", "pods", meta.get("name") or meta.get("generateName", ""))


def _add_account(storage: Storage, thing: Object) -> None:
    spec, meta = thing["spec"], thing["metadata"]
    if _MIRROR in meta.get("annotations", {}):
        return
    name = spec.setdefault("serviceAccountName", "default")
    spec["serviceAccount"] = name
    found = storage.collection("", "serviceaccounts").get(f"{meta['namespace']}/{name}")
    if found is None:
        where = f"{meta['namespace']}/{name}"
        raise forbidden(_subject(thing), f'error looking up service account {where}: serviceaccount "{name}" not found')
    account = found.object
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = copied(account["imagePullSecrets"])
    if spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True)):
        _mount_token(spec)


def _mount_token(spec: Object) -> None:
    """Mounts a token of the service account into each container that has nothing else in that place."""
    without = [
        container
        for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
        if all(mount["mountPath"] != _TOKEN_PATH for mount in container.get("volumeMounts", ()))
    ]
    volume = next((v for v in spec.get("volumes", ()) if v["name"].startswith("kube-api-access-")), None)
    if volume is None and without:
        volume = _token_volume(random_suffix())
        spec.setdefault("volumes", []).append(volume)
    for container in without:
        mount = {"name": (volume or {})["name"], "readOnly": True, "mountPath": _TOKEN_PATH}
        container.setdefault("volumeMounts", []).append(mount)


def _token_volume(suffix: str) -> Object:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources: list[Object] = [
        {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": f"kube-api-access-{suffix}", "projected": {"sources": sources, "defaultMode": 0o644}}


def _add_priority(storage: Storage, thing: Object) -> None:
    spec = thing["spec"]
    classes = storage.collection("scheduling.k8s.io", "priorityclasses")
    name = spec.get("priorityClassName", "")
    chosen: Object
    if name:
        stored = classes.get(name)
        if stored is None:
            raise forbidden(_subject(thing), f"no PriorityClass with name {name} was found")
        chosen = stored.object
    else:
        preferred = [entry.object for entry in classes.all() if entry.object.get("globalDefault")]
        chosen = min(preferred, key=lambda entry: entry["value"]) if preferred else {}
        if chosen:
            spec["priorityClassName"] = chosen["metadata"]["name"]
    value, policy = chosen.get("value", 0), chosen.get("preemptionPolicy", "PreemptLowerPriority")
    for key, word, asked, computed in (
        ("priority", "integer value of priority", spec.get("priority"), value),
        ("preemptionPolicy", "string value of PreemptionPolicy", spec.get("preemptionPolicy"), policy),
    ):
        if asked is not None and asked != computed:
            raise _priority_conflict(thing, word, asked, computed)
        spec[key] = computed


def _priority_conflict(thing: Object, word: str, asked: object, computed: object) -> StatusError:
    return forbidden(
        _subject(thing),
        f"the {word} ({asked}) must not be provided in pod spec; priority admission controller computed {computed} "
        "from the given PriorityClass name",
    )


def add_tolerations(spec: Object) -> None:
    tolerations: list[Object] = spec.get("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        tolerated = any(t.get("key", key) == key and t.get("effect", "NoExecute") == "NoExecute" for t in tolerations)
        if not tolerated:
            tolerations.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _TOLERATED_SECONDS}
            )
    spec["tolerations"] = tolerations
