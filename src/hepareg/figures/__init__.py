"""Volumes in, pictures out. Pillow only; the same input gives the same bytes."""

from hepareg.figures.qa import qa_figure

__all__ = ["qa_figure"]
