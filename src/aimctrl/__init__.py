"""A controller runtime for Kubernetes in pure asyncio (`aimctrl.runtime`), and the AIM operator built on it."""

__version__ = "0.1.0"
