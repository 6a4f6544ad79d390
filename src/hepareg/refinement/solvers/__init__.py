"""Gauss-Newton on rigid poses: normal equations, robust weights, solutions."""
