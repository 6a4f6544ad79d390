"""Twelve pairs whose two images lie on one grid, as two phases from one scanner do: settings and seeds, nothing else.

The core set gives the moving image a grid of its own. Here interpolation reads all samples alike between voxels where
the liver hardly turns, and there are slices of 5 mm in both images.
"""

from collections.abc import Iterator

from benchmarks.accuracy.core_pairs import PHANTOM, CorePair
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings

__all__ = ["same_grid_pairs"]

THICK = AcquisitionSettings(spacing_mm=(0.75, 0.75, 5.0))
KINDS = (
    ("still", (0.0, 0.2), AcquisitionSettings()),
    ("turned", (1.0, 2.0), AcquisitionSettings()),
    ("5mm", (0.5, 1.5), THICK),
)
"""Names, how far the liver turns in degrees, and the grid: the anatomy's own, 1.75 or 2.5 mm along the body, or 5."""
SEEDS = {"phantom": 300, "real CT": 400}


def same_grid_pairs(*, with_real_ct: bool) -> Iterator[CorePair]:
    """Return the set, the phantom's half alone where there is no real CT."""
    for source in ("phantom", "real CT") if with_real_ct else ("phantom",):
        for kind, (name, turn_deg, grid) in enumerate(KINDS):
            motion = MotionSettings(kind="breathing", translation_mm=(8.0, 12.0), rotation_deg=turn_deg)
            settings = PairSettings(phantom=PHANTOM, motion=motion, moving=grid, fixed=grid)
            for number in range(2):
                folder = f"{source.split()[0].lower()}_same_grid_{name}_{number}"
                yield CorePair(folder, f"same_grid_{name}", source, settings, SEEDS[source] + 10 * kind + number)
