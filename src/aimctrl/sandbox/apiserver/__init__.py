"""A Kubernetes API server in this process and in memory: for tests, demonstrations and trying things out."""
