"""Reading the labels of a container image from its registry, and nothing else of it."""
