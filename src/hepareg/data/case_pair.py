"""One case: two phases with masks and truth, prepared for training and stored as plain tensors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.networks.input_region import AIR_HU, RegionSettings, centroid_start, grid_around, region_grid, sample_on
from hepareg.pair import ImagePair
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["CasePair", "pack_pair", "prepare_pair", "unpack_pair"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CasePair(ImagePair):
    """The moving and the fixed phase of one case, with its name and its true transform if known.

    Parameters
    ----------
    case
        Name of the case in tables and messages: the manifest's case name, or a number.
    moving_from_fixed
        True transform, or None if it is not known (all real pairs).
    """

    case: str
    moving_from_fixed: RigidTransform | None = None

    def start(self) -> RigidTransform:
        """Return the translation that joins the centroids of the masks; the identity if a mask is missing."""
        return centroid_start(moving_mask=self.moving_mask, fixed_mask=self.fixed_mask)


def prepare_pair(pair: CasePair, *, region: RegionSettings, margin_mm: float) -> CasePair:
    """Return the pair resampled to the region: the fixed image on its grid, the moving image with a margin.

    Parameters
    ----------
    pair
        CasePair on any grids.
    region
        Region around the fixed liver that a network sees.
    margin_mm
        Width in mm of the moving image that is kept around the region.

    Raises
    ------
    MaskError
        If a mask has no voxel inside its grid.
    """
    fixed_grid = region_grid(region, fixed=pair.fixed, fixed_mask=pair.fixed_mask)
    spacing = fixed_grid.spacing_mm
    margin = np.ceil(margin_mm / spacing).astype(int)
    centre = pair.start().apply(fixed_grid.centre_mm)
    moving_grid = grid_around(centre, shape=tuple(np.array(fixed_grid.shape) + 2 * margin), spacing_mm=spacing)
    return CasePair(
        case=pair.case,
        moving=_image_on(moving_grid, pair.moving),
        fixed=_image_on(fixed_grid, pair.fixed),
        moving_mask=_mask_on(moving_grid, pair.moving_mask, case=pair.case),
        fixed_mask=_mask_on(fixed_grid, pair.fixed_mask, case=pair.case),
        moving_from_fixed=pair.moving_from_fixed,
    )


def pack_pair(pair: CasePair) -> dict[str, Any]:
    """Return a prepared pair as a dictionary of plain tensors, for a cache.

    The matrices are ordinary float64 entries and not metadata of an image, so that no cache or collation
    can drop them. A missing mask or truth is a missing key.
    """
    packed = {
        "moving": torch.from_numpy(np.ascontiguousarray(pair.moving.data)),
        "fixed": torch.from_numpy(np.ascontiguousarray(pair.fixed.data)),
        "world_from_moving_voxel": torch.from_numpy(pair.moving.grid.world_from_voxel.copy()),
        "world_from_fixed_voxel": torch.from_numpy(pair.fixed.grid.world_from_voxel.copy()),
    }
    for name, mask in (("moving_mask", pair.moving_mask), ("fixed_mask", pair.fixed_mask)):
        if mask is not None:
            packed[name] = torch.from_numpy(np.ascontiguousarray(mask.data))
    if pair.moving_from_fixed is not None:
        packed["moving_from_fixed"] = torch.from_numpy(pair.moving_from_fixed.matrix.copy())
    return packed


def unpack_pair(packed: dict[str, Any], *, case: str) -> CasePair:
    """Return the pair of a dictionary that `pack_pair` returned; KeyError if an entry is missing."""
    moving_grid = Grid(tuple(packed["moving"].shape), packed["world_from_moving_voxel"].numpy())
    fixed_grid = Grid(tuple(packed["fixed"].shape), packed["world_from_fixed_voxel"].numpy())
    truth = packed.get("moving_from_fixed")
    return CasePair(
        case=case,
        moving=Volume(packed["moving"].numpy(), moving_grid),
        fixed=Volume(packed["fixed"].numpy(), fixed_grid),
        moving_mask=Volume(packed["moving_mask"].numpy(), moving_grid) if "moving_mask" in packed else None,
        fixed_mask=Volume(packed["fixed_mask"].numpy(), fixed_grid) if "fixed_mask" in packed else None,
        moving_from_fixed=None if truth is None else RigidTransform(truth.numpy()),
    )


def _image_on(grid: Grid, volume: Volume) -> Volume:
    values = np.clip(np.rint(sample_on(grid, volume, outside=AIR_HU)), -1024, 3071)
    return Volume(values.astype(np.int16), grid, volume.phase)


def _mask_on(grid: Grid, mask: Volume | None, *, case: str) -> Volume | None:
    if mask is None:
        return None
    data = sample_on(grid, mask.with_data(mask.data != 0), outside=0.0) >= 0.5
    if not data.any():
        raise MaskError(f"case {case}: expected a liver mask inside the region, got none there; check the masks")
    return Volume(data, grid)
