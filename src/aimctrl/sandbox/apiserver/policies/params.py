"""The objects that a policy takes its parameters from.

Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#parameter-resources.
"""

from aimctrl.sandbox.apiserver.cluster import Cluster, served
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.selectors import selected
from aimctrl.sandbox.apiserver.values import key_of


class ConfigurationError(ValueError):
    """A binding that cannot be followed; the message is the server's."""


def param_type(cluster: Cluster, kind: Object) -> ResourceType:
    """The resource of a `paramKind`.

    Raises:
        ConfigurationError: where there is none.
    """
    type_ = cluster.registry.of_kind(kind["apiVersion"], kind["kind"])
    if type_ is None:
        named = f"{'' if '/' in kind['apiVersion'] else '/'}{kind['apiVersion']}, Kind={kind['kind']}"
        raise ConfigurationError(f"failed to find resource referenced by paramKind: '{named}'")
    return type_


def params(cluster: Cluster, kind: Object | None, reference: Object | None, namespace: str) -> list[Object | None]:
    """What a binding to a policy with such a `paramKind` has for `params`, one after the other.

    Null stands for no parameters. `namespace` is that of the request.

    Raises:
        ConfigurationError: where they are not there.
    """
    if kind is None or reference is None:
        return [None]
    type_ = param_type(cluster, kind)
    found = _found(cluster, type_, reference, _namespace(type_, reference, namespace))
    if not found and reference.get("parameterNotFoundAction") == "Deny":
        raise ConfigurationError("no params found for policy binding with `Deny` parameterNotFoundAction")
    return [*found]


def _namespace(type_: ResourceType, reference: Object, namespace: str) -> str:
    own: str = reference.get("namespace", "")
    if not type_.namespaced:
        if own:
            raise ConfigurationError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
        return ""
    if not own and not namespace:
        words = "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
        raise ConfigurationError(words)
    return own or namespace


def _found(cluster: Cluster, type_: ResourceType, reference: Object, namespace: str) -> list[Object]:
    objects = cluster.collection(type_)
    if reference.get("name"):
        stored = objects.get(key_of(namespace, reference["name"]))
        return [served(stored, type_).object] if stored else []
    return [
        served(stored, type_).object
        for stored in objects.all(namespace)
        if selected(reference.get("selector"), stored.object["metadata"].get("labels") or {})
    ]
