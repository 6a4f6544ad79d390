"""Prediction of the rigid transform between two volumes by a trained network."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hepareg.errors import FileFormatError, MaskError
from hepareg.geometry import Grid
from hepareg.networks.input_region import RegionSettings, centroid_start, network_input, region_grid, sample_on
from hepareg.networks.weights import LoadedWeights, load_weights
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["predict_rigid", "region_of", "require_masks"]


def predict_rigid(
    weights: LoadedWeights | str | Path,
    *,
    moving: Volume,
    fixed: Volume,
    start: RigidTransform | None = None,
    fixed_mask: Volume | None = None,
    moving_mask: Volume | None = None,
    device: str = "cpu",
) -> RigidTransform:
    """Return moving_from_fixed, the start composed with the prediction of a network.

    Parameters
    ----------
    weights
        A trained network, or its file.
    moving, fixed
        CT in HU on any grids.
    start
        Transform to begin with. None: the translation that joins the masks' centroids, or the identity
        without masks.
    fixed_mask, moving_mask
        Liver masks. The network sees a region around the fixed mask, or around the centre of the fixed
        image without one.
    device
        Device of the network, as torch names it.

    Raises
    ------
    FileFormatError
        If the weights cannot be read.
    MaskError
        If a mask is empty, or if a mask is missing that the network was trained with.

    Notes
    -----
    Float32, and deterministic on one device with one number of threads. Only the rigid part of a network
    of the mode ``both`` is used.
    """
    trained = weights if isinstance(weights, LoadedWeights) else load_weights(weights)
    region = region_of(trained)
    if start is None:
        start = centroid_start(moving_mask=moving_mask, fixed_mask=fixed_mask)
    grid = region_grid(region, fixed=fixed, fixed_mask=fixed_mask)
    moving_input, fixed_input = (
        _input(image, mask, grid=grid, transform=transform, region=region).to(device)
        for image, mask, transform in ((moving, moving_mask, start), (fixed, fixed_mask, None))
    )
    world_from_voxel = torch.from_numpy(grid.world_from_voxel.copy())[None].to(device)
    with torch.inference_mode():
        output = trained.net.to(device).eval()(moving_input, fixed_input, world_from_voxel)
    return RigidTransform((start @ RigidTransform(output.predicted[0].cpu().numpy())).matrix)


def _input(
    image: Volume, mask: Volume | None, *, grid: Grid, transform: RigidTransform | None, region: RegionSettings
) -> Tensor:
    """Return the network's input (1, 1, I, J, K) from one image, as in training."""
    liver = None
    if mask is not None:
        liver = sample_on(grid, mask.with_data(mask.data != 0), transform=transform, outside=0.0)
    values = sample_on(grid, image, transform=transform)
    return torch.from_numpy(network_input(values, liver=liver, grid=grid, settings=region))[None, None]


def require_masks(trained: LoadedWeights, *, moving_mask: Volume | None, fixed_mask: Volume | None) -> None:
    """Check that the masks are given that a network was trained with.

    Raises
    ------
    MaskError
        If one is missing.
    """
    if region_of(trained).liver_margin_mm is None:
        return
    missing = [name for name, mask in (("moving", moving_mask), ("fixed", fixed_mask)) if mask is None]
    if missing:
        raise MaskError(
            "expected liver masks of both images, because this network was trained with them; got no "
            f"{' and no '.join(missing)} mask; give both, or use the method refine"
        )


def region_of(trained: LoadedWeights) -> RegionSettings:
    """Return the region that a network was trained on.

    Raises
    ------
    FileFormatError
        If the file of the network does not state the region.
    """
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in trained.preprocessing.items()}
    try:
        return RegionSettings(**values)
    except (TypeError, IndexError) as error:
        raise FileFormatError("expected weights that say which region they were trained on, got others") from error
