"""The resources that every cluster has, from what a real API server says of them."""
