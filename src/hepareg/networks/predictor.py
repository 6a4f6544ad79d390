"""From two volumes to the rigid transform that a trained network predicts."""

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
    """Return moving_from_fixed = start composed with what the network predicts.

    Parameters
    ----------
    weights
        A loaded network, or the file to load it from.
    moving, fixed
        CT in HU on any grids.
    start
        Transform to begin with; None joins the masks' centroids, and is the identity without masks.
    fixed_mask, moving_mask
        Liver masks. The fixed one also places the region that the network sees; without it the
        region is centred on the fixed image.
    device
        Where the network runs.

    Raises
    ------
    FileFormatError
        If the weights cannot be read.
    MaskError
        If a mask is empty, or missing and the network was trained to need it.

    Notes
    -----
    Float32 and deterministic on one device and number of threads. A network of the mode ``both``
    contributes its rigid part alone.
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
    """Return (1, 1, I, J, K), as training made it."""
    liver = None
    if mask is not None:
        liver = sample_on(grid, mask.with_data(mask.data != 0), transform=transform, outside=0.0)
    values = sample_on(grid, image, transform=transform)
    return torch.from_numpy(network_input(values, liver=liver, grid=grid, settings=region))[None, None]


def require_masks(trained: LoadedWeights, *, moving_mask: Volume | None, fixed_mask: Volume | None) -> None:
    """Check before any work that the masks are there which a network was trained to need.

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
            "expected liver masks of both images, as this network was trained to need; got no "
            f"{' and no '.join(missing)} mask; give both, or use the method refine"
        )


def region_of(trained: LoadedWeights) -> RegionSettings:
    """Return the region that a network was trained to see.

    Raises
    ------
    FileFormatError
        If its file does not say.
    """
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in trained.preprocessing.items()}
    try:
        return RegionSettings(**values)
    except TypeError as error:
        raise FileFormatError("expected weights that say which region they were trained on, got others") from error
