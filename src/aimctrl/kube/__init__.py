"""Wire-level values of Kubernetes, pure: no I/O, no clock, no event loop."""
