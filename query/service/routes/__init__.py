"""The HTTP routes, a router a file."""
