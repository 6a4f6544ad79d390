"""A three-dimensional image: voxels, their grid and their origin."""

from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    """Facts about a volume's origin: enough to compare two inputs, none that identifies a patient.

    Parameters
    ----------
    file_format
        ``nifti``, ``itk``, ``dicom`` or ``memory``.
    patient_digest
        Salted hash of the DICOM patient ID, or None. It serves to compare two inputs within one run and is
        never written anywhere.
    content_digest
        Hash of the voxels as stored, or None. It serves to notice that one image was given twice.
    world_digest
        Salted hash of the DICOM frame of reference, or None. Positions in two of them cannot be compared. It is
        never written anywhere.
    notes
        Remarks of the reader for the user, without names or paths.
    """

    file_format: str = "memory"
    patient_digest: str | None = None
    content_digest: str | None = None
    world_digest: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Volume:
    """An array of voxels and the grid that places them in the world. The values of a CT are Hounsfield units.

    Parameters
    ----------
    data
        (I, J, K) NumPy array of any real dtype, or a torch tensor on any device. Voxels are kept in the file's
        dtype: crop first, convert afterwards. Masks are bool or integer labels. Nobody may write into the array.
    grid
        Placement of the voxel centres in world RAS mm; ``grid.shape == data.shape``.
    phase
        Contrast phase, or None if unknown.
    provenance
        Origin of the voxels.

    Raises
    ------
    ImageError
        If the shapes of ``data`` and ``grid`` differ.
    """

    data: VoxelArray
    grid: Grid
    phase: Phase | None = None
    provenance: Provenance = field(default_factory=Provenance)
    _profile: MaskProfile | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if tuple(self.data.shape) != self.grid.shape:
            raise ImageError(f"expected {self.grid.shape} voxels as the grid says, got {tuple(self.data.shape)}")

    @property
    def profile(self) -> MaskProfile:
        """Numbers of a mask's voxels in every slice along each axis, counted when first asked for and kept."""
        profile = self._profile
        if profile is None:
            profile = mask_profile(self.data)
            self._keep_profile(profile)
        return profile

    @property
    def centroid_mm(self) -> NDArray[np.floating]:
        """(3,) world mm: mean of the centres of a mask's voxels, each of which counts alike.

        Raises
        ------
        MaskError
            If the mask has no voxel.
        """
        return self.grid.world_points(self.profile.centroid_vox)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels (I, J, K)."""
        return self.grid.shape

    def with_data(self, data: VoxelArray) -> "Volume":
        """Return a volume of other voxels on the same grid, without the content digest, which is of the old voxels."""
        return replace(self, data=data, provenance=replace(self.provenance, content_digest=None))

    def with_notes(self, *notes: str) -> "Volume":
        """Return the same voxels with further remarks for the user in the provenance."""
        return replace(self, provenance=replace(self.provenance, notes=(*self.provenance.notes, *notes)))

    def crop(self, start: ArrayLike, stop: ArrayLike) -> "Volume":
        """Return a view of the voxel range ``start`` (inclusive) to ``stop`` (exclusive).

        The whole range returns the volume itself. A profile that has been counted is not counted again: the
        crop's is the difference to the slices that are cut off.
        """
        first, last = np.asarray(start, dtype=int), np.asarray(stop, dtype=int)
        if not first.any() and np.array_equal(last, self.shape):
            return self
        grid = self.grid.crop(first, last)
        ranges = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
        part = replace(self, data=self.data[ranges], grid=grid)
        if self._profile is not None:
            part._keep_profile(self._profile.cropped(self.data, first, last))
        return part

    def _keep_profile(self, profile: MaskProfile) -> None:
        """Fill the one field that changes in a frozen volume: a cache, right for as long as nobody writes into it."""
        object.__setattr__(self, "_profile", profile)
