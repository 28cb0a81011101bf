"""Writes down what the Go types of the built-in kinds are, for the embedded API server: their OpenAPI does not tell.

Go decides how a wrong value is refused (`cannot unmarshal string into Go struct field ... of type int32`), and which
empty fields an answer leaves out. Only facts are kept. Run it after `hack/builtin_types.py`.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parent / "src/aimctrl/sandbox/apiserver/builtin/go.json"
TYPES = TARGET.with_name("types.json")
MODULES = HERE / "controlplane/modules/kubernetes"

PACKAGES = {
    "io.k8s.api.": "k8s.io/api/",
    "io.k8s.apimachinery.": "k8s.io/apimachinery/",
    "io.k8s.apiextensions-apiserver.": "k8s.io/apiextensions-apiserver/",
}

OPAQUE = ("Time", "MicroTime", "Quantity", "IntOrString", "RawExtension", "FieldsV1", "JSON")
OPAQUE += ("JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray")
"""Types that decode themselves, or whose content is kept as it is."""

_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"^type (\w+) (?!struct|interface|func)(\S+)", re.MULTILINE)
_FIELD = re.compile(r"^\t(?:(\w+)[ \t]+)?([^\s`/]+)[ \t]+`[^`]*\bjson:\"([^\"]*)\"", re.MULTILINE)
_IMPORT = re.compile(r'^\t(?:(\w+) )?"([^"]+)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Package:
    """The types of a Go package: fields of structs as (Go name, type, JSON tag), and what imports are called."""

    short: str
    path: str
    structs: Mapping[str, tuple[tuple[str, str, str], ...]]
    named: frozenset[str]
    imports: Mapping[str, str]


def main() -> None:
    """Reads the sources of the pinned Kubernetes, and writes the file."""
    schemas = json.loads(TYPES.read_text())["schemas"]
    written = {}
    for name in sorted(schemas):
        path, kind = _package_of(name), name.rpartition(".")[2]
        package = _package(path)
        if kind in package.structs and kind not in OPAQUE:
            written[name] = dict(_fields(package, kind))
    TARGET.write_text(json.dumps(written, separators=(",", ":"), sort_keys=True) + "\n")


def _package_of(schema: str) -> str:
    for start, path in PACKAGES.items():
        if schema.startswith(start):
            return path + schema.removeprefix(start).rpartition(".")[0].replace(".", "/")
    raise KeyError(schema)


@cache
def _module(path: str) -> Path:
    command = ["go", "list", "-mod=mod", "-m", "-f", "{{.Dir}}", path]
    return Path(subprocess.run(command, cwd=MODULES, check=True, capture_output=True, text=True).stdout.strip())


@cache
def _package(path: str) -> Package:
    parts = path.split("/")
    folder = _module("/".join(parts[:2])).joinpath(*parts[2:])
    files = [file for file in sorted(folder.glob("*.go")) if not file.name.startswith("zz_")]
    text = "\n".join(file.read_text() for file in files if not file.name.endswith("_test.go"))
    structs = {
        found[1]: tuple((field[1] or "", field[2], field[3]) for field in _FIELD.finditer(found[2]))
        for found in _STRUCT.finditer(text)
    }
    named = frozenset(found[1] for found in _NAMED.finditer(text)) | structs.keys()
    imports = {alias or whole.rpartition("/")[2]: whole for alias, whole in _IMPORT.findall(text)}
    return Package(parts[-1], path, structs, frozenset(named), imports)


def _fields(package: Package, kind: str, inline: str = "") -> Iterator[tuple[str, str]]:
    """Of each field in JSON: flags (p pointer, o omitempty, z omitzero), the type, and by which embedded structs."""
    for _, type_, tag in package.structs[kind]:
        name, *options = tag.split(",")
        if "inline" in options or not name:
            if not type_.endswith("TypeMeta"):
                yield from _embedded(package, type_, inline)
            continue
        flags = "p" * type_.startswith("*") + "o" * ("omitempty" in options) + "z" * ("omitzero" in options)
        yield name, f"{flags or '-'} {_shown(package, type_.removeprefix('*'))} {inline}".rstrip()


def _embedded(package: Package, type_: str, inline: str) -> Iterator[tuple[str, str]]:
    qualifier, _, kind = type_.removeprefix("*").rpartition(".")
    of = _package(package.imports[qualifier]) if qualifier else package
    yield from _fields(of, kind, f"{inline}.{kind}".lstrip("."))


def _shown(package: Package, type_: str) -> str:
    """A type as Go's reflection prints it: qualified by the last part of its package."""

    def qualified(found: re.Match[str]) -> str:
        qualifier, word = found[1], found[2]
        if qualifier:
            return f"{package.imports[qualifier.rstrip('.')].rpartition('/')[2]}.{word}"
        if word in package.named:
            return f"{package.short}.{word}"
        return {"byte": "uint8"}.get(word, word)

    return re.sub(r"(\w+\.)?(\b\w+)", qualified, type_)


if __name__ == "__main__":
    main()
