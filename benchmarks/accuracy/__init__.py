"""Accuracy on pairs with a known answer: the core set and the stress set."""
