"""The commands that look at a cluster and change nothing; imported when one of them runs."""
