"""Samples of a training or validation step, made from prepared pairs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from hepareg.data.augmentation import PairKey, augment_intensity, keyed_generator, random_bias, random_pose
from hepareg.data.case_pair import CasePair
from hepareg.data.settings import AugmentationSettings, DataSettings
from hepareg.networks.input_region import RegionSettings, network_input, sample_on
from hepareg.transforms import RigidTransform

__all__ = ["NUM_POINTS", "TrainingSamples", "ValidationSamples", "make_sample"]

NUM_POINTS = 256
"""Number of points in the fixed liver at which the target registration error is measured."""

TRAINING, VALIDATION = 0, 1
"""Streams of `keyed_generator`, so that validation never repeats the draws of training."""


class TrainingSamples(Dataset[dict[str, Any]]):
    """Training samples with random poses and intensities, addressed by `PairKey`.

    Parameters
    ----------
    pair_at
        Function from an index to a prepared pair.
    num_pairs
        Number of pairs, or None for an endless source, of which each index is a new pair.
    settings
        Region and augmentation.
    seed
        Seed of the draws.
    """

    def __init__(
        self, pair_at: Callable[[int], CasePair], num_pairs: int | None, *, settings: DataSettings, seed: int
    ) -> None:
        self.pair_at = pair_at
        self.num_pairs = num_pairs
        self.settings = settings
        self.seed = seed

    def __getitem__(self, key: PairKey) -> dict[str, Any]:
        """Return the training sample of a key; equal keys give equal samples."""
        pair = self.pair_at(key.index if self.num_pairs is None else key.index % self.num_pairs)
        generator = keyed_generator(self.seed, key, stream=TRAINING)
        pose = random_pose(generator, self.settings.augmentation, centre_mm=pair.fixed.grid.centre_mm)
        sample = make_sample(
            pair,
            start=RigidTransform((pair.start() @ pose).matrix),
            region=self.settings.region,
            generator=generator,
            augmentation=self.settings.augmentation,
        )
        return {**sample, "index": key.index}


class ValidationSamples(Dataset[dict[str, Any]]):
    """Validation samples, the same in every epoch: the start has a shift of fixed length, intensities are unchanged."""

    def __init__(
        self, pair_at: Callable[[int], CasePair], num_pairs: int, *, settings: DataSettings, seed: int
    ) -> None:
        self.pair_at = pair_at
        self.num_pairs = num_pairs
        self.settings = settings
        self.seed = seed

    def __len__(self) -> int:
        return self.num_pairs

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return the sample of validation pair number ``index``."""
        pair = self.pair_at(index)
        generator = keyed_generator(self.seed, PairKey(0, index), stream=VALIDATION)
        bias = random_bias(generator, self.settings.validation_bias_mm)
        start = RigidTransform((pair.start() @ bias).matrix)
        sample = make_sample(pair, start=start, region=self.settings.region, generator=generator, augmentation=None)
        return {**sample, "index": index}


def make_sample(
    pair: CasePair,
    *,
    start: RigidTransform,
    region: RegionSettings,
    generator: np.random.Generator,
    augmentation: AugmentationSettings | None,
) -> dict[str, Any]:
    """Return the tensors of one sample.

    Returns
    -------
    dict
        ``moving`` (sampled on the region under ``start``) and ``fixed``: (1, I, J, K) float32 in
        [-1, 1]; ``moving_mask``, ``fixed_mask``: (1, I, J, K) float32 in [0, 1], ones without a mask;
        ``world_from_voxel``, ``start``: (4, 4) float64; ``truth``: (4, 4) motion that remains after the
        start, moving_from_fixed = start @ truth, or the identity if ``has_truth`` is False;
        ``points``: (`NUM_POINTS`, 3) world mm inside the fixed mask; ``case``: name of the case.
    """
    grid = pair.fixed.grid
    moving_hu = sample_on(grid, pair.moving, transform=start)
    fixed_hu = pair.fixed.data.astype(np.float32)
    if pair.moving_mask is None:
        moving_mask = np.ones(grid.shape, np.float32)
    else:
        moving_mask = sample_on(grid, pair.moving_mask, transform=start, outside=0.0)
    fixed_mask = (np.ones(grid.shape) if pair.fixed_mask is None else pair.fixed_mask.data).astype(np.float32)
    if augmentation is not None:
        liver = None if pair.moving_mask is None else moving_mask
        moving_hu = augment_intensity(moving_hu, liver=liver, generator=generator, settings=augmentation)
        liver = None if pair.fixed_mask is None else fixed_mask
        fixed_hu = augment_intensity(fixed_hu, liver=liver, generator=generator, settings=augmentation)
    truth: NDArray[np.floating] = np.eye(4)
    if pair.moving_from_fixed is not None:
        truth = (start.inverse() @ pair.moving_from_fixed).matrix.copy()
    inputs = [
        network_input(values, liver=None if mask is None else weights, grid=grid, settings=region)
        for values, mask, weights in (
            (moving_hu, pair.moving_mask, moving_mask),
            (fixed_hu, pair.fixed_mask, fixed_mask),
        )
    ]
    candidates = np.argwhere(fixed_mask > 0.5)
    chosen = candidates[generator.integers(len(candidates), size=NUM_POINTS)]
    return {
        "moving": torch.from_numpy(inputs[0])[None],
        "fixed": torch.from_numpy(inputs[1])[None],
        "moving_mask": torch.from_numpy(moving_mask)[None],
        "fixed_mask": torch.from_numpy(fixed_mask)[None],
        "world_from_voxel": torch.from_numpy(grid.world_from_voxel.copy()),
        "start": torch.from_numpy(start.matrix.copy()),
        "truth": torch.from_numpy(truth),
        "has_truth": pair.moving_from_fixed is not None,
        "points": torch.from_numpy(grid.world_points(chosen)),
        "case": pair.case,
    }
