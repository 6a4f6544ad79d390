"""A three-dimensional image: voxels, their grid, and where they come from."""

from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from hepareg.arrays import VoxelArray
from hepareg.errors import ImageError
from hepareg.geometry import Grid
from hepareg.geometry.profile import MaskProfile, mask_profile

__all__ = ["Phase", "Provenance", "Volume"]


class Phase(Enum):
    """Contrast phase of a CT."""

    NON_CONTRAST = "non_contrast"
    ARTERIAL = "arterial"
    PORTAL_VENOUS = "portal_venous"
    DELAYED = "delayed"


@dataclass(frozen=True)
class Provenance:
    """What is kept of a volume's origin: enough to check a pair, nothing that identifies a patient.

    Parameters
    ----------
    file_format
        ``nifti``, ``itk``, ``dicom`` or ``memory``.
    patient_digest
        Salted hash of the DICOM patient ID, for comparing two inputs within one run, or None. It
        is never written anywhere.
    content_digest
        Hash of the voxels as stored, for finding the same image given twice, or None.
    """

    file_format: str = "memory"
    patient_digest: str | None = None
    content_digest: str | None = None


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels on a grid. For CT the values are Hounsfield units, whatever the dtype.

    Parameters
    ----------
    data
        (I, J, K) NumPy array, any real dtype (int16 straight from a file is not converted: crop
        first, convert afterwards). Masks are bool or integer labels. Inside a registration on a
        device, and for `hepareg.register`, also a torch tensor there.
    grid
        Placement of the voxel centres in world RAS mm; ``grid.shape == data.shape``.
    phase
        Contrast phase where known.
    provenance
        Where the voxels come from.
    """

    data: VoxelArray
    grid: Grid
    phase: Phase | None = None
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        if tuple(self.data.shape) != self.grid.shape:
            raise ImageError(f"expected {self.grid.shape} voxels as the grid says, got {tuple(self.data.shape)}")

    @cached_property
    def profile(self) -> MaskProfile:
        """Voxels of a mask counted slice by slice along each axis; counted once, as nobody may write into a volume."""
        return mask_profile(self.data)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels (I, J, K)."""
        return self.grid.shape

    def with_data(self, data: VoxelArray) -> "Volume":
        """Return the volume with other voxels on the same grid; the digest of the old ones is dropped."""
        return replace(self, data=data, provenance=replace(self.provenance, content_digest=None))

    def crop(self, start: ArrayLike, stop: ArrayLike) -> "Volume":
        """Return a view of the voxel range ``start`` (inclusive) to ``stop`` (exclusive); what was counted stays so.

        The whole range returns the volume itself.
        """
        first, last = np.asarray(start, dtype=int), np.asarray(stop, dtype=int)
        if not first.any() and np.array_equal(last, self.shape):
            return self
        grid = self.grid.crop(first, last)
        ranges = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
        part = replace(self, data=self.data[ranges], grid=grid)
        if "profile" in self.__dict__:
            part.__dict__["profile"] = self.profile.cropped(self.data, first, last)
        return part
