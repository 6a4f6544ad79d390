"""From Hounsfield units to coloured pixels: grey window, checkerboard, fusion and outlines. NumPy only."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

__all__ = ["FIXED_RGB", "LIVER_WINDOW_HU", "MOVING_RGB", "checkerboard", "draw_outline", "fusion", "grey"]

Pixels = NDArray[np.float32]
"""(rows, columns, 3) colours in [0, 1]."""

LIVER_WINDOW_HU = (-90.0, 210.0)
"""Lower and upper end (level 60, width 300): shows liver, its vessels dark or bright, and fat."""

FIXED_RGB = (0.25, 0.80, 1.00)
MOVING_RGB = (1.00, 0.66, 0.10)
"""Blue and orange, told apart by colour-blind eyes as well."""

TINT = 0.13


def grey(image_hu: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return (rows, columns) brightness in [0, 1] through the liver window."""
    low, high = LIVER_WINDOW_HU
    return np.clip((image_hu - low) / (high - low), 0, 1).astype(np.float32)


def checkerboard(fixed: NDArray[np.float32], moving: NDArray[np.float32], *, tile_px: int) -> Pixels:
    """Return alternating tiles of two grey pictures, each faintly tinted in its own colour.

    Tiles are counted from the picture's middle, so that the middle of the liver is a corner of four.
    """
    rows, columns = fixed.shape
    row = (np.arange(rows) - rows // 2) // tile_px
    column = (np.arange(columns) - columns // 2) // tile_px
    is_moving = ((row[:, None] + column[None, :]) % 2).astype(bool)[..., None]
    return np.where(is_moving, _tinted(moving, MOVING_RGB), _tinted(fixed, FIXED_RGB))


def fusion(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> Pixels:
    """Return two grey pictures laid on each other; a difference shows the colour of the brighter image."""
    weights = np.array(FIXED_RGB, np.float32), np.array(MOVING_RGB, np.float32)
    both = np.minimum(fixed, moving)[..., None]
    return np.clip(both + (fixed[..., None] - both) * weights[0] + (moving[..., None] - both) * weights[1], 0, 1)


def draw_outline(
    pixels: Pixels, inside: NDArray[np.floating], rgb: tuple[float, float, float], *, width_px: float, rim: bool = True
) -> Pixels:
    """Return the picture with the border of a mask drawn smoothly over it.

    Parameters
    ----------
    pixels
        Picture to draw on.
    inside
        (rows, columns) weight of the mask in [0, 1]; its border is where it crosses one half.
    rgb, width_px
        The line's colour and width.
    rim
        Whether a dark rim keeps the line visible on bright ground.

    Notes
    -----
    |w - 1/2| / |grad w| is the distance in pixels to the border, to first order; the line is a
    ramp in that distance.
    """
    smooth = gaussian_filter(np.asarray(inside, dtype=np.float32), 1.5)
    slope = np.hypot(*np.gradient(smooth))
    distance = np.where(slope > 1e-3, np.abs(smooth - 0.5) / np.maximum(slope, 1e-3), np.inf)[..., None]
    line = np.clip(width_px / 2 + 0.5 - distance, 0, 1)
    shade = np.clip(width_px / 2 + 1.5 - distance, 0, 1) * (0.55 if rim else 0.0)
    drawn = pixels * (1 - shade) * (1 - line) + np.array(rgb, dtype=np.float32) * line
    return drawn.astype(np.float32)


def _tinted(brightness: NDArray[np.float32], rgb: tuple[float, float, float]) -> Pixels:
    colour = (1 - TINT) + TINT * np.array(rgb, dtype=np.float32)
    # The tint shows in black as well, so that an empty tile still tells to which image it belongs.
    return brightness[..., None] * colour * 0.97 + 0.03 * np.array(rgb, dtype=np.float32)
