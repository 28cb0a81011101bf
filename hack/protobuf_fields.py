"""Writes down the numbers and types of fields in Protobuf, for the embedded API server: `kubectl create` sends that.

Not those of CRDs, which nobody sends so. Only facts are kept, from the `generated.proto` files of the pinned
Kubernetes. Run it after `hack/builtin_types.py`.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TARGET = HERE.parent / "src/aimctrl/sandbox/apiserver/builtin/protobuf.json"
TYPES = TARGET.with_name("types.json")
MODULES = HERE / "controlplane/modules/kubernetes"

ALSO = (
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.policy.v1.Eviction",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
)
"""What clients send and no resource is."""

RENAMED = {"aPIGroup": "apiGroup", "uID": "uid"}
"""Fields whose names in Protobuf are not those in JSON."""

WORDS = {"string": "string", "bool": "bool", "bytes": "bytes", "double": "double", "int32": "int", "int64": "int"}

_MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (?:(optional|repeated) )?(map<string, ?([\w.]+)>|[\w.]+) (\w+) = (\d+)", re.MULTILINE)


def main() -> None:
    """Follows the messages from those of the resources on, and writes the file."""
    document = json.loads(TYPES.read_text())
    resources = [resource for resource in document["resources"] if resource["kind"] != "CustomResourceDefinition"]
    todo = [*ALSO, *(resource["schema"] for resource in resources)]
    written: dict[str, dict[str, str]] = {}
    while todo:
        name = todo.pop()
        if name and name not in written:
            known = document["schemas"].get(name, {}).get("properties")
            written[name] = dict(_fields(name, known))
            todo += [part for text in written[name].values() if "." in (part := text.rpartition("]")[2].split(" ")[-1])]
    TARGET.write_text(json.dumps(written, separators=(",", ":"), sort_keys=True) + "\n")


def _fields(name: str, known: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Of each field, by its number: its name in JSON (`-`: what it holds stands beside it), and its type."""
    package, _, message = name.rpartition(".")
    for label, whole, value, key, number in _messages(package)[message]:
        prefix = "map[]" if value else "[]" if label == "repeated" else ""
        type_ = WORDS.get(value or whole) or _schema(value or whole, package)
        beside = known is not None and key not in known and "." in type_ and not prefix
        yield number, f"{'-' if beside else RENAMED.get(key, key)} {prefix}{type_}"


def _schema(type_: str, package: str) -> str:
    if type_.startswith(".k8s.io."):
        return f"io.k8s.{type_.removeprefix('.k8s.io.')}".replace("apiextensions_apiserver", "apiextensions-apiserver")
    return f"{package}.{type_}"


@cache
def _messages(package: str) -> Mapping[str, list[tuple[str, ...]]]:
    parts = package.removeprefix("io.k8s.").split(".")
    folder = _module(f"k8s.io/{parts[0]}").joinpath(*parts[1:])
    text = re.sub(r"^\s*//.*\n", "", (folder / "generated.proto").read_text(), flags=re.MULTILINE)
    return {found[1]: _FIELD.findall(found[2]) for found in _MESSAGE.finditer(text)}


@cache
def _module(path: str) -> Path:
    command = ["go", "list", "-mod=mod", "-m", "-f", "{{.Dir}}", path]
    return Path(subprocess.run(command, cwd=MODULES, check=True, capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
