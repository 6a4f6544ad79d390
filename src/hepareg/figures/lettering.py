"""Words on pictures, in Pillow's built-in scalable font: the same on every machine."""

from functools import cache

from PIL import ImageDraw, ImageFont

__all__ = ["Colour", "fitted_text", "haloed_text", "plain_text", "text_width"]

Colour = tuple[int, int, int]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def text_width(text: str, *, size: int) -> float:
    """Return the width of one line of text in pixels."""
    return float(_font(size).getlength(text))


def plain_text(
    draw: ImageDraw.ImageDraw, position: tuple[float, float], text: str, *, size: int, colour: Colour
) -> None:
    """Write one line from its left middle."""
    draw.text(position, text, font=_font(size), fill=colour, anchor="lm")


def fitted_text(
    draw: ImageDraw.ImageDraw, position: tuple[float, float], text: str, *, size: int, colour: Colour, width: float
) -> None:
    """Write one line from its left middle; a long line is written smaller, and in the end cut with an ellipsis."""
    smallest = max(size // 2, 12)
    while size > smallest and text_width(text, size=size) > width:
        size -= 1
    while len(text) > 2 and (excess := text_width(text, size=size) / width) > 1:
        text = text[: min(int(len(text) / excess), len(text) - 2)].rstrip() + "…"
    plain_text(draw, position, text, size=size, colour=colour)


def haloed_text(
    draw: ImageDraw.ImageDraw,
    position: tuple[float, float],
    text: str,
    *,
    size: int,
    colour: Colour,
    anchor: str = "mm",
) -> None:
    """Write one line with a dark rim, readable on any ground; ``anchor`` as in Pillow."""
    draw.text(position, text, font=_font(size), fill=colour, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))
