"""Evaluation: exact ranks of exemplars, the runs that hold them, and comparisons of their metrics."""
