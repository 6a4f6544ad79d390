"""Pictures of a registered pair, drawn with Pillow; the same volumes give the same bytes."""

from hepareg.figures.qa import qa_figure

__all__ = ["qa_figure"]
