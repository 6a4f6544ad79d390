"""Callback that draws checkerboards of validation pairs before and after registration."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from numpy.typing import NDArray
from PIL import Image

from hepareg.transforms.warp import warp

__all__ = ["OverlayWriter", "overlay_picture"]

TILE_VOX = 8
ZOOM = 3


class OverlayWriter(pl.Callback):
    """Callback that writes ``overlays/pair_N.png`` at each validation: checkerboards before (top) and after (bottom).

    Pictures are numbered and not named after cases, because trackers receive them too.
    """

    def __init__(self, folder: str | Path, *, num_pairs: int) -> None:
        self.folder, self.num_pairs = Path(folder), num_pairs

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw those pairs of a batch whose index is below ``num_pairs``."""
        wanted = [row for row, index in enumerate(batch["index"]) if int(index) < self.num_pairs]
        if trainer.sanity_checking or not trainer.is_global_zero or not wanted:
            return
        with torch.no_grad():
            output = pl_module(batch)
        moving = batch["moving"].float()
        warped = warp(
            moving,
            moving_world_from_voxel=batch["world_from_voxel"],
            fixed_world_from_voxel=batch["world_from_voxel"],
            fixed_shape=moving.shape[2:],
            moving_from_fixed=output.predicted,
            displacement=None if output.displacement is None else output.displacement.float(),
            padding=-1.0,
        ).image
        for row in wanted:
            images = [image[row, 0].float().cpu().numpy() for image in (moving, warped, batch["fixed"])]
            self._keep(trainer, int(batch["index"][row]), overlay_picture(*images))

    def _keep(self, trainer: pl.Trainer, index: int, picture: NDArray[np.uint8]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(self.folder / f"pair_{index}.png")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(
                    f"overlay_{index}", picture, global_step=trainer.global_step, dataformats="HW"
                )
            elif isinstance(logger, WandbLogger):
                logger.log_image(f"overlay_{index}", [picture])


def overlay_picture(
    before: NDArray[np.floating], after: NDArray[np.floating], fixed: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Return a grey picture of checkerboards of the three middle planes, before above after.

    Parameters
    ----------
    before, after, fixed
        (I, J, K) in [-1, 1] on one RAS grid: the moving image before and after, and the fixed image,
        with which its tiles alternate. Superior and anterior are up, and the patient's right is on
        the left, as in radiology.
    """
    picture = np.concatenate([_row(before, fixed), _row(after, fixed)], axis=0)
    return picture.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)


def _row(moving: NDArray[np.floating], fixed: NDArray[np.floating]) -> NDArray[np.uint8]:
    planes = []
    for axis in range(3):
        middle = fixed.shape[axis] // 2
        one, other = np.take(moving, middle, axis), np.take(fixed, middle, axis)
        tiles = np.add.outer(*(np.arange(n) // TILE_VOX for n in one.shape)) % 2
        plane = np.where(tiles == 0, one, other).T[::-1, :: 1 if axis == 0 else -1]
        planes.append(np.rint((np.clip(plane, -1, 1) + 1) * 127.5).astype(np.uint8))
    height = max(plane.shape[0] for plane in planes)
    padded = [np.pad(plane, ((0, height - plane.shape[0]), (0, 2))) for plane in planes]
    return np.concatenate(padded, axis=1)
