"""Writes of the server's own controllers: the same way as everybody's, without HTTP."""

from collections.abc import Callable
from dataclasses import dataclass

from aimctrl.sandbox.apiserver.access import AUTHENTICATED
from aimctrl.sandbox.apiserver.bodies import shaped
from aimctrl.sandbox.apiserver.cluster import Cluster, served
from aimctrl.sandbox.apiserver.deleting import DeleteOptions, delete_stored
from aimctrl.sandbox.apiserver.policies.admission import admit
from aimctrl.sandbox.apiserver.policies.attempt import Attempt
from aimctrl.sandbox.apiserver.rbac import MASTERS
from aimctrl.sandbox.apiserver.request import Call, Place, User
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Stored
from aimctrl.sandbox.apiserver.values import key_of
from aimctrl.sandbox.apiserver.writing import created, updated

SYSTEM = User("system:apiserver", (MASTERS, AUTHENTICATED))


@dataclass(frozen=True, slots=True)
class Internal:
    """A writer within the server; `manager` is whom managedFields name."""

    cluster: Cluster
    manager: str

    def create(self, type_: ResourceType, thing: Object, *, namespace: str = "") -> Stored:
        """Creates an object; it is the server's from now on.

        Raises:
            StatusError: where it is refused.
        """
        shaped(type_, thing, "Ignore")
        if namespace:
            thing["metadata"]["namespace"] = namespace
        return created(self.cluster, self._call("create", type_, namespace, ""), thing)

    def change(
        self, type_: ResourceType, key: str, change: Callable[[Object], None], *, subresource: str = ""
    ) -> Stored | None:
        """Has a function change a copy of the object, and stores that; None where there is no such object.

        Raises:
            StatusError: where it is refused.
        """
        stored = self.cluster.collection(type_).get(key)
        if stored is None:
            return None
        old = served(stored, type_)
        thing = old.copy()
        change(thing)
        meta = old.object["metadata"]
        call = self._call("update", type_, meta.get("namespace", ""), meta["name"], subresource)
        return updated(self.cluster, call, thing, old)

    def delete(self, type_: ResourceType, key: str, options: DeleteOptions | None = None) -> None:
        """Deletes an object, or begins to; one that is gone already is as well.

        Raises:
            StatusError: where it is refused.
        """
        stored = self.cluster.collection(type_).get(key)
        if stored is not None:
            old = served(stored, type_)
            meta = old.object["metadata"]
            call = self._call("delete", type_, meta.get("namespace", ""), meta["name"])
            admit(self.cluster, Attempt(call, "DELETE", None, old.object))
            delete_stored(self.cluster, type_, old, options or DeleteOptions(policy="Background"))

    def has(self, type_: ResourceType, name: str, namespace: str = "") -> bool:
        """Whether there is an object of that name."""
        return self.cluster.collection(type_).get(key_of(namespace, name)) is not None

    def _call(self, verb: str, type_: ResourceType, namespace: str, name: str, subresource: str = "") -> Call:
        place = Place(type_.group, type_.version, type_.plural, namespace, name, subresource)
        return Call(verb, type_, place, SYSTEM, {"fieldManager": self.manager})
