"""A real etcd, kube-apiserver and kube-controller-manager on this machine, for tests and for local work."""

from controlplane.assets import Assets, MissingError
from controlplane.build import crd_folder, ensure
from controlplane.processes import ControlPlaneError
from controlplane.server import ControlPlane, down

__all__ = ["Assets", "ControlPlane", "ControlPlaneError", "MissingError", "crd_folder", "down", "ensure"]
