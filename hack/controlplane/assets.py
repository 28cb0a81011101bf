"""Where the binaries and the CRDs of the control plane are looked for, and what to say where they are not.

A binary is taken from the first of: `$KUBEBUILDER_ASSETS`, the cache, `PATH`. Each is looked up on its own, because a
folder of envtest has etcd, kube-apiserver and kubectl but no kube-controller-manager.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MODULES = Path(__file__).resolve().parent / "modules"
REMEDY = "`python hack/controlplane build`"


class MissingError(Exception):
    """Something of the control plane is nowhere to be found, and cannot be built here."""


@dataclass(frozen=True)
class Pin:
    """A folder of `modules/`: its go.mod pins what is built from it and names the folder of the cache that holds it."""

    name: str
    module: str
    about: str = ""
    """Whose CRDs they are, for people."""

    @property
    def folder(self) -> Path:
        return MODULES / self.name

    @property
    def version(self) -> str:
        """The version of the module that the pin is about, such as `v1.36.3`."""
        match = re.search(rf"^\s*{re.escape(self.module)} (v\S+)", self._go_mod, re.MULTILINE)
        if match is None:
            raise LookupError(f"{self.folder / 'go.mod'} does not require {self.module}")
        return match[1]

    @property
    def key(self) -> str:
        """A name that changes with every change of what is pinned, such as `kubernetes-v1.36.3-1f2e3d4c`."""
        return f"{self.name}-{self.version}-{hashlib.sha256(self._go_mod.encode()).hexdigest()[:8]}"

    @property
    def _go_mod(self) -> str:
        return (self.folder / "go.mod").read_text(encoding="utf-8")


KUBERNETES = Pin("kubernetes", "k8s.io/kubernetes")
REGISTRY = Pin("registry", "github.com/google/go-containerregistry")
HELM = Pin("helm", "helm.sh/helm/v4")
PROMTOOL = Pin("promtool", "github.com/prometheus/prometheus")
CRDS = Pin("crds", "github.com/kserve/kserve", "KServe and Gateway API")
MONITORING = Pin("monitoring", "github.com/prometheus-operator/prometheus-operator", "the Prometheus operator")


@dataclass(frozen=True)
class Binary:
    """A program, the pin it is built from, its Go package, and Go's build tags, separated by commas."""

    name: str
    pin: Pin
    package: str
    tags: str = ""


BINARIES: Mapping[str, Binary] = {
    binary.name: binary
    for binary in (
        Binary("etcd", KUBERNETES, "go.etcd.io/etcd/server/v3"),
        Binary("kube-apiserver", KUBERNETES, "k8s.io/kubernetes/cmd/kube-apiserver"),
        Binary("kube-controller-manager", KUBERNETES, "k8s.io/kubernetes/cmd/kube-controller-manager"),
        Binary("kubectl", KUBERNETES, "k8s.io/kubernetes/cmd/kubectl"),
        Binary("crane", REGISTRY, "github.com/google/go-containerregistry/cmd/crane"),
        Binary("helm", HELM, "helm.sh/helm/v4/cmd/helm"),
        Binary("promtool", PROMTOOL, "github.com/prometheus/prometheus/cmd/promtool", "remove_all_sd"),
    )
}


@dataclass(frozen=True)
class Assets:
    """The places of one environment where binaries and CRDs are looked for."""

    env: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def cache(self) -> Path:
        """The folder that holds one folder per pin."""
        if override := self.env.get("AIMCTRL_CONTROLPLANE_CACHE"):
            return Path(override).expanduser().resolve()
        base = self.env.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(base) / "aimctrl" / "controlplane"

    @property
    def go(self) -> str | None:
        """The `go` command on PATH."""
        return self._which("go")

    def cached(self, pin: Pin) -> Path:
        """The folder that holds what is built from `pin`."""
        return self.cache / pin.key

    def find(self, name: str) -> Path | None:
        """The first of the binary's places that holds it as an executable file, or None."""
        folders = [self.cached(BINARIES[name].pin)]
        if given := self.env.get("KUBEBUILDER_ASSETS"):
            folders.insert(0, Path(given))
        for folder in folders:
            if (path := folder / name).is_file() and os.access(path, os.X_OK):
                return path
        return Path(found) if (found := self._which(name)) else None

    def missing(self, names: Sequence[str]) -> MissingError:
        """The error that names what is missing, the places that were looked at, and the remedies."""
        given = self.env.get("KUBEBUILDER_ASSETS") or "not set"
        caches = sorted({str(self.cached(BINARIES[name].pin)) for name in names})
        return MissingError(
            f"not found: {', '.join(names)}\n"
            f"looked in $KUBEBUILDER_ASSETS ({given}), in the cache ({', '.join(caches)}) and on PATH\n"
            "Without Go they cannot be built. Do one of these:\n"
            f"- install Go, so that `go` is on PATH, and run {REMEDY};\n"
            "- put the programs into a folder and set KUBEBUILDER_ASSETS to it."
        )

    def missing_crds(self, pin: Pin) -> MissingError:
        """The error that says how to get the CRDs that the cache does not hold."""
        return MissingError(
            f"not found: the CRDs of {pin.about}\n"
            f"looked in the cache ({self.cached(pin)})\n"
            "Without Go they cannot be fetched. Do one of these:\n"
            f"- install Go, so that `go` is on PATH, and run {REMEDY};\n"
            "- copy that folder from a machine that has it; AIMCTRL_CONTROLPLANE_CACHE names another cache."
        )

    def _which(self, name: str) -> str | None:
        return shutil.which(name, path=self.env.get("PATH", ""))
