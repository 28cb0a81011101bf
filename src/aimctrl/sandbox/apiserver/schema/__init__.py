"""Structural schemas: what a kind's objects look like, and what is pruned, defaulted and refused."""
