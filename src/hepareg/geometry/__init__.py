"""Grids, rotations and boxes: pure mathematics, no files."""

from hepareg.geometry.grid import Grid, apply_matrix

__all__ = ["Grid", "apply_matrix"]
