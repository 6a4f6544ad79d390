"""Accuracy on pairs with a known answer: the core set, pairs on one grid, and the stress set."""

from benchmarks.results import RESULTS

__all__ = ["ACCURACY_RESULTS"]

ACCURACY_RESULTS = RESULTS / "accuracy"
"""Folder of the result files and tables of these sets."""
