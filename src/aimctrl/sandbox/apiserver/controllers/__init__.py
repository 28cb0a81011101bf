"""The controllers that every cluster has, as far as the sandbox needs them."""
