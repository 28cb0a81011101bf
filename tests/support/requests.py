"""The embedded API server without HTTP and without controllers: requests in, answers out."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aimctrl.sandbox.apiserver import deleting, patching, reading, writing
from aimctrl.sandbox.apiserver.bootstrap import bootstrap
from aimctrl.sandbox.apiserver.builtin.kinds import builtin_registry
from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.rbac import MASTERS
from aimctrl.sandbox.apiserver.request import Call, User, place_of, verb_of

Json = dict[str, Any]

MERGE = "application/merge-patch+json"
VERBS = {
    "get": reading.get,
    "create": writing.create,
    "update": writing.update,
    "patch": patching.patch,
    "delete": deleting.delete,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered with."""

    code: int
    body: Json
    warnings: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What a refusal says; `""` where it is none."""
        return self.body.get("message", "") if self.body.get("kind") == "Status" else ""


@dataclass(frozen=True, slots=True)
class Server:
    """A cluster with a namespace `here`, in which there is the service account `default`."""

    cluster: Cluster = field(default_factory=lambda: Cluster(registry=builtin_registry()))

    def __post_init__(self) -> None:
        bootstrap(self.cluster)
        self.post("/api/v1/namespaces", {"metadata": {"name": "here"}})
        self.post("/api/v1/namespaces/here/serviceaccounts", {"metadata": {"name": "default"}})

    def post(self, path: str, body: Json) -> Reply:
        """Creates an object."""
        return self.ask("POST", path, body)

    def patch(self, path: str, body: Json) -> Reply:
        """Patches an object with a merge patch."""
        return self.ask("PATCH", path, body, MERGE)

    def get(self, path: str) -> Reply:
        """Gets an object or a list."""
        return self.ask("GET", path)

    def delete(self, path: str) -> Reply:
        """Deletes an object."""
        return self.ask("DELETE", path)

    def ask(self, method: str, path: str, body: Any = None, media: str = "application/json") -> Reply:
        """Sends any request."""
        url = urlsplit(path)
        place = place_of(url.path)
        assert place is not None, path
        type_ = self.cluster.registry.find(place.group, place.version, place.plural)
        assert type_ is not None, path
        query = dict(parse_qsl(url.query))
        verb = verb_of(method, place, query)
        raw = b"" if body is None else json.dumps(body).encode()
        call = Call(verb, type_, place, User("tester", (MASTERS,)), query, raw, media, sender="tester")
        try:
            if verb == "list":
                return Reply(200, reading.list_objects(self.cluster, call).body())
            answer = VERBS[verb](self.cluster, call)
        except StatusError as error:
            return Reply(error.code, error.status())
        return Reply(answer.code, answer.object, tuple(call.warnings))
