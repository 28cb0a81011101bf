"""kubeconfigs as kubectl reads them: one file, or several merged, and in them a context with its cluster and user.

Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/ and
https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from aimctrl.runtime.trust import Pem, Trust


class Section(msgspec.Struct, frozen=True):
    """A cluster, a user or a context: its fields, and the folder that relative paths in it start from."""

    fields: Mapping[str, Any]
    folder: Path

    def text(self, field: str) -> str:
        """A field's text, `""` where it is unset.

        Raises ValueError where it is no scalar.
        """
        value = self.fields.get(field)
        if value is None:
            return ""
        if isinstance(value, dict | list):
            raise ValueError(f"{field} is to be a text")  # noqa: TRY004 - as all that is wrong with a kubeconfig
        return str(value)

    def path(self, field: str) -> Path | None:
        """A field that names a file; None where it is unset."""
        name = self.text(field)
        return self.folder / name if name else None

    def pem(self, field: str) -> Pem | None:
        """PEM that is inline in `field`-data, or in the file that `field` names; None where neither is set.

        Raises ValueError and OSError.
        """
        if data := self.text(f"{field}-data"):
            return Pem(base64.standard_b64decode(data))
        path = self.path(field)
        return Pem.of(path) if path else None


class Place(msgspec.Struct, frozen=True):
    """What a context says: the API server, who we are there, and the namespace to work in."""

    context: str
    cluster: Section
    user: Section
    namespace: str

    def trust(self) -> Trust:
        """What the handshake needs, read anew from its files.

        Raises ValueError and OSError.
        """
        return Trust(
            self.cluster.pem("certificate-authority"),
            self.user.pem("client-certificate"),
            self.user.pem("client-key"),
            insecure=self.cluster.fields.get("insecure-skip-tls-verify") is True,
        )


class Kubeconfig(msgspec.Struct, frozen=True):
    """One or several files, merged: the first that has an entry of some name, or a current context, wins."""

    clusters: Mapping[str, Section]
    users: Mapping[str, Section]
    contexts: Mapping[str, Section]
    current: str

    def place(self, name: str) -> Place:
        """What that context, which there has to be, leads to.

        Raises ValueError where it names a cluster or a user that there is not.
        """
        context = self.contexts[name]
        cluster, user = context.text("cluster"), context.text("user")
        if cluster not in self.clusters:
            raise ValueError(f"there is no cluster of the name {cluster}")
        if user and user not in self.users:
            raise ValueError(f"there is no user of the name {user}")
        nobody = Section({}, context.folder)
        namespace = context.text("namespace") or "default"
        return Place(name, self.clusters[cluster], self.users.get(user, nobody), namespace)


def existing(paths: str) -> tuple[Path, ...]:
    """Those files that exist, of a list as $KUBECONFIG has it."""
    found = [Path(os.path.expanduser(path)).absolute() for path in paths.split(os.pathsep) if path]  # noqa: PTH111 - there may be no home
    return tuple(path for path in found if path.is_file())


def read(files: Iterable[Path]) -> Kubeconfig:
    """The files, merged.

    Raises OSError, and ValueError where a file is no kubeconfig.
    """
    contents = [(path.parent, _content(path)) for path in files]
    if not any(content for _, content in contents):
        raise ValueError("it is empty")
    named = {kind: _merged(f"{kind}s", kind, contents) for kind in ("cluster", "user", "context")}
    current = next((str(content["current-context"]) for _, content in contents if content.get("current-context")), "")
    return Kubeconfig(named["cluster"], named["user"], named["context"], current)


def _content(path: Path) -> Mapping[str, Any]:
    import yaml  # a pod needs none

    from aimctrl.kube import yaml_text

    try:
        content = yaml_text.load(path.read_bytes())
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if content is None:
        return {}
    return _mapping(content, "it")


def _merged(field: str, kind: str, contents: Iterable[tuple[Path, Mapping[str, Any]]]) -> dict[str, Section]:
    found: dict[str, Section] = {}
    for folder, content in contents:
        entries: Any = content.get(field) or []
        if not isinstance(entries, list):
            raise ValueError(f"{field} is to be a list")  # noqa: TRY004 - as all that is wrong with a kubeconfig
        for entry in cast("Sequence[Any]", entries):
            named = _mapping(entry, f"an entry of {field}")
            section = Section(_mapping(named.get(kind) or {}, f"{kind} {named.get('name')}"), folder)
            found.setdefault(str(named.get("name", "")), section)
    return found


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is to be a mapping, and is {type(value).__name__}")  # noqa: TRY004 - see above
    return cast("dict[str, Any]", value)
