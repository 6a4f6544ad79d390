"""Two images of one patient and their liver masks."""

from dataclasses import dataclass

from hepareg.volume import Volume

__all__ = ["ImagePair"]


@dataclass(frozen=True, eq=False)
class ImagePair:
    """A moving and a fixed image, with a liver mask for each if one is known.

    Parameters
    ----------
    moving, fixed
        CT images in HU.
    moving_mask, fixed_mask
        Liver masks in the worlds of their images, non-zero inside, or None; usually on the images' grids.
    """

    moving: Volume
    fixed: Volume
    moving_mask: Volume | None = None
    fixed_mask: Volume | None = None

    @property
    def masks(self) -> tuple[Volume, ...]:
        """The masks that are known: none, one, or the moving and then the fixed one."""
        return tuple(mask for mask in (self.moving_mask, self.fixed_mask) if mask is not None)
