"""What installs the operator in a cluster: `deploy/`, written from one description, and its image."""
