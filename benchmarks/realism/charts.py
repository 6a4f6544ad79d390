"""Small line charts and slices, drawn with Pillow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hepareg.volume import Volume

__all__ = ["Curve", "line_chart", "slice_picture", "tiled"]

SIZE = (560, 330)
MARGIN = (64, 20, 16, 52)
COLOURS = ((20, 80, 160), (200, 80, 20), (0, 0, 0), (30, 140, 70), (130, 60, 150))
WINDOW_HU = (-140.0, 260.0)
INK = (40, 40, 40)


@dataclass(frozen=True, eq=False)
class Curve:
    """A named line."""

    name: str
    x: NDArray[np.floating]
    y: NDArray[np.floating]


def line_chart(curves: Sequence[Curve], *, title: str, x_label: str) -> Image.Image:
    """Return a chart of the curves, the y axis from 0 to the largest value."""
    picture = Image.new("RGB", SIZE, "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    left, top, right, bottom = MARGIN
    low, high = min(c.x.min() for c in curves), max(c.x.max() for c in curves)
    tallest = max(c.y.max() for c in curves)
    width, height = SIZE[0] - left - right, SIZE[1] - top - bottom - 20

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (x - low) / (high - low) * width, top + 20 + height * (1 - y / tallest)

    draw.line([place(low, tallest), place(low, 0), place(high, 0)], fill=INK)
    for tick in _ticks(low, high):
        x, y = place(tick, 0)
        draw.line([(x, y), (x, y + 4)], fill=INK)
        draw.text((x, y + 7), f"{tick:.3g}", fill=INK, font=font, anchor="ma")
    draw.text((SIZE[0] / 2, SIZE[1] - 18), x_label, fill=INK, font=font, anchor="ma")
    draw.text((left, 4), title, fill=INK, font=font)
    for n, curve in enumerate(curves):
        colour = COLOURS[n % len(COLOURS)]
        draw.line([place(x, y) for x, y in zip(curve.x, curve.y, strict=True)], fill=colour, width=2)
        draw.text((SIZE[0] - right - 4, top + 20 + 18 * n), curve.name, fill=colour, font=font, anchor="ra")
    return picture


def _ticks(low: float, high: float) -> NDArray[np.floating]:
    """Return round numbers between the ends, four to eight of them."""
    step = 10 ** np.floor(np.log10((high - low) / 4))
    step *= max(factor for factor in (1, 2, 5) if (high - low) / (factor * step) >= 4)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step + 0.0


def slice_picture(image: Volume, axis: int, index: int, *, width: int) -> Image.Image:
    """Return a slice as radiologists see it: patient's right on the left, front or head up."""
    plane = np.clip((image.data.take(index, axis) - WINDOW_HU[0]) / (WINDOW_HU[1] - WINDOW_HU[0]), 0, 1)
    rest = [a for a in range(3) if a != axis]
    for n, a in enumerate(rest):
        column = image.grid.world_from_voxel[:3, a]
        # Left of the picture is the patient's right, its top is front or head: high x, y, z come first.
        if column[np.abs(column).argmax()] > 0:
            plane = np.flip(plane, n)
    spacing = image.grid.spacing_mm[rest]
    height = round(width * plane.shape[1] * spacing[1] / (plane.shape[0] * spacing[0]))
    return Image.fromarray((plane.T * 255).astype(np.uint8)).resize((width, height), Image.Resampling.BILINEAR)


def tiled(rows: Sequence[Sequence[tuple[str, Image.Image]]]) -> Image.Image:
    """Return pictures with their captions in rows."""
    font = ImageFont.load_default(14)
    heights = [max(picture.height for _, picture in row) + 22 for row in rows]
    width = max(sum(picture.width + 4 for _, picture in row) for row in rows)
    sheet = Image.new("RGB", (width, sum(heights)), "white")
    draw, y = ImageDraw.Draw(sheet), 0
    for row, height in zip(rows, heights, strict=True):
        x = 0
        for caption, picture in row:
            draw.text((x + 3, y + 3), caption, fill=INK, font=font)
            sheet.paste(picture.convert("RGB"), (x, y + 22))
            x += picture.width + 4
        y += height
    return sheet
