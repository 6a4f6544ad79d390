"""The picture to look at before using a result: whether the moving liver lies on the fixed one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from hepareg.errors import SettingsError
from hepareg.figures.field_of_view import FieldOfView, field_of_view
from hepareg.figures.lettering import Colour, fitted_text, haloed_text, plain_text, text_width
from hepareg.figures.panels import (
    checkerboard_panel,
    crop_masks,
    outline_caption,
    outline_panel,
    sample_fixed,
    sample_moving,
)
from hepareg.figures.planes import VIEWS, Plane, View, plane_through
from hepareg.figures.shading import FIXED_RGB, LIVER_WINDOW_HU, MOVING_RGB
from hepareg.pair import ImagePair
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["qa_figure"]

PANEL_PX = 440
GAP_PX = 6
BLOCK_PX = 2 * PANEL_PX + GAP_PX
BLOCK_GAP_PX = 30
BORDER_PX = 28
HEADINGS_PX = 82
LEGEND_PX = 84

GROUND = (16, 18, 22)
TEXT = (232, 235, 240)
QUIET = (150, 157, 168)
DECISION_RGB = {"accept": (72, 190, 110), "review": (240, 180, 40), "reject": (232, 80, 70)}
NOTICE = "Research use only, not a medical device."
WINDOW_NOTE = f"Window {LIVER_WINDOW_HU[0]:.0f} to {LIVER_WINDOW_HU[1]:.0f} HU."


def qa_figure(
    *,
    moving: Volume,
    fixed: Volume,
    moving_from_fixed_before: RigidTransform,
    moving_from_fixed_after: RigidTransform,
    moving_mask: Volume | None = None,
    fixed_mask: Volume | None = None,
    title: str,
    lines: Sequence[str] = (),
    decision: str | None = None,
    point_mm: ArrayLike | None = None,
) -> Image.Image:
    """Return axial, coronal and sagittal views of a pair before and after registration, as one RGB picture.

    The left half shows the pair before, the right half after; each has a checkerboard of both images and the liver
    outlines on the moving image. The planes are those of the world through one point, so that oblique grids
    are shown straight, in true proportions and in radiological convention. Without any mask, both images laid on each
    other take the place of the outlines.

    Parameters
    ----------
    moving, fixed
        CT volumes in HU.
    moving_from_fixed_before, moving_from_fixed_after
        Transform before registration (as a rule the identity), and the result.
    moving_mask, fixed_mask
        Liver masks on grids of their own, non-zero inside.
    title
        First line, such as the verdict.
    lines
        Lines of text under the title.
    decision
        ``accept``, ``review`` or ``reject`` colours the title's bar; grey if left out.
    point_mm
        (3,) point of the fixed world that the planes go through, such as the worst place; None for the liver's
        centroid or, without any mask, the middle of the fixed image.

    Raises
    ------
    SettingsError
        If ``decision`` is another word.
    """
    if decision is not None and decision not in DECISION_RGB:
        raise SettingsError(f"expected one of {', '.join(DECISION_RGB)} as decision, got {decision!r}")
    pair = crop_masks(ImagePair(moving, fixed, moving_mask, fixed_mask))
    box = field_of_view(pair, moving_from_fixed=moving_from_fixed_after)
    centre = box.centre_mm if point_mm is None else np.asarray(point_mm, dtype=np.float64)
    planes = [_plane(view, replace(box, centre_mm=np.clip(centre, box.low_mm, box.high_mm))) for view in VIEWS]
    top = 104 + 30 * len(lines) + HEADINGS_PX
    height = top + sum(plane.grid.shape[1] + GAP_PX for plane in planes) + LEGEND_PX
    canvas = Image.new("RGB", (_left_of(1, 1) + PANEL_PX + BORDER_PX, height), GROUND)
    accent = DECISION_RGB.get(decision or "", QUIET)
    _draw_title(canvas, title, lines, accent)
    _draw_headings(canvas, pair, accent, top)
    for plane in planes:
        _draw_row(canvas, pair, plane, (moving_from_fixed_before, moving_from_fixed_after), top)
        top += plane.grid.shape[1] + GAP_PX
    _draw_legend(canvas, pair)
    return canvas


def _plane(view: View, box: FieldOfView) -> Plane:
    """Return the plane through the box's point, drawn around the middle of the field of view."""
    pixel_mm = float(box.size_mm[:2].max()) / PANEL_PX
    right, down = np.abs(view.right).astype(bool), np.abs(view.down).astype(bool)
    centre = np.where(right | down, box.middle_mm, box.centre_mm)
    height = int(np.ceil(box.size_mm[down][0] / pixel_mm))
    return plane_through(view, centre, size_px=(PANEL_PX, height), pixel_mm=pixel_mm)


def _draw_row(
    canvas: Image.Image, pair: ImagePair, plane: Plane, transforms: Sequence[RigidTransform], top: int
) -> None:
    fixed = sample_fixed(pair, plane)
    for block, transform in enumerate(transforms):
        moved = sample_moving(pair, plane, transform)
        for column, picture in enumerate((checkerboard_panel(plane, fixed, moved), outline_panel(fixed, moved))):
            left = _left_of(block, column)
            canvas.paste(Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)), (left, top))
            _draw_marks(ImageDraw.Draw(canvas), plane, left, top)


def _left_of(block: int, column: int) -> int:
    """Return the left border of a panel: block 0 is before, 1 after."""
    return BORDER_PX + block * (BLOCK_PX + BLOCK_GAP_PX) + column * (PANEL_PX + GAP_PX)


def _draw_marks(draw: ImageDraw.ImageDraw, plane: Plane, x: int, y: int) -> None:
    """Write a panel's orientation letters, its plane's name and a 50 mm bar."""
    width, height = plane.grid.shape[:2]
    left, right, top, bottom = plane.view.letters
    for letter, position in (
        (left, (x + 14, y + height / 2)),
        (right, (x + width - 14, y + height / 2)),
        (top, (x + width / 2, y + 15)),
        (bottom, (x + width / 2, y + height - 15)),
    ):
        haloed_text(draw, position, letter, size=20, colour=TEXT)
    haloed_text(draw, (x + 10, y + 10), plane.view.name, size=17, colour=QUIET, anchor="la")
    bar = 50 / plane.pixel_mm
    draw.line([(x + 12, y + height - 14), (x + 12 + bar, y + height - 14)], fill=(0, 0, 0), width=6)
    draw.line([(x + 13, y + height - 14), (x + 11 + bar, y + height - 14)], fill=TEXT, width=3)
    haloed_text(draw, (x + 12, y + height - 20), "50 mm", size=14, colour=TEXT, anchor="ls")


def _draw_title(canvas: Image.Image, title: str, lines: Sequence[str], accent: Colour) -> None:
    draw = ImageDraw.Draw(canvas)
    left, width = BORDER_PX + 28, canvas.width - 2 * BORDER_PX - 28
    draw.rounded_rectangle((BORDER_PX, 24, BORDER_PX + 10, 80), radius=4, fill=accent)
    fitted_text(draw, (left, 52), title, size=38, colour=TEXT, width=width)
    for number, line in enumerate(lines):
        fitted_text(draw, (left, 106 + 30 * number), line, size=21, colour=QUIET, width=width)


def _draw_headings(canvas: Image.Image, pair: ImagePair, accent: Colour, top: int) -> None:
    draw = ImageDraw.Draw(canvas)
    for block, (name, colour) in enumerate((("BEFORE", QUIET), ("AFTER", accent))):
        left = _left_of(block, 0)
        plain_text(draw, (left, top - 46), name, size=28, colour=TEXT)
        draw.line([(left, top - 28), (left + BLOCK_PX - 1, top - 28)], fill=colour, width=3)
        for column, caption in enumerate(("checkerboard of both images", outline_caption(pair))):
            plain_text(draw, (_left_of(block, column), top - 12), caption, size=16, colour=QUIET)


def _draw_legend(canvas: Image.Image, pair: ImagePair) -> None:
    draw = ImageDraw.Draw(canvas)
    x, y = float(BORDER_PX), canvas.height - 62
    for rgb, text in ((FIXED_RGB, "fixed image (stays)"), (MOVING_RGB, "moving image (is moved)")):
        draw.rounded_rectangle((x, y - 8, x + 26, y + 8), radius=3, fill=tuple(round(255 * c) for c in rgb))
        plain_text(draw, (x + 36, y), text, size=19, colour=TEXT)
        x += 36 + text_width(text, size=19) + 40
    middle = "the liver's centroid" if pair.masks else "the middle of the fixed image (no liver mask given)"
    note = f"{NOTICE} Radiological display: the patient's right is on the left. Planes through {middle}. {WINDOW_NOTE}"
    fitted_text(draw, (BORDER_PX, canvas.height - 26), note, size=17, colour=QUIET, width=canvas.width - 2 * BORDER_PX)
