"""Subresources with a meaning of their own: logs of pods, bindings, evictions, and scales."""
