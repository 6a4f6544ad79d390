"""Accuracy on pairs with a known answer: the core set, pairs on one grid, pairs on parallel grids, the stress set."""
