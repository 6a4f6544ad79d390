"""`hepareg compare`: how far two transforms are apart over the liver."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hepareg.errors import TransformError
from hepareg.evaluation import RigidError, TargetRegistrationError, transform_error, tre_over_mask
from hepareg.io.images import read_image
from hepareg.io.transforms import MatrixMeaning, TransformFile, read_transform_file, states_itself
from hepareg.masks import mask_in_memory, read_mask
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.rigidify import rigid_part
from hepareg.volume import Volume
from hepareg.workflows.inputs import image_in_memory, is_path

__all__ = ["STAGES", "Comparison", "compare_files"]

STAGES = ("reading", "comparing")
"""Stages that a caller is told, in this order."""


@dataclass(frozen=True)
class Comparison:
    """Differences of two transforms; all are 0 if they agree.

    Parameters
    ----------
    pose
        Rotation, and translation at the mask's centroid.
    tre
        Distances over the mask's voxels.
    not_rigid
        Which of the two, ``A`` or ``B``, have scale or shear. Their rotation is that of their rigid
        part; translation and distances are those of the transform as it is.
    notes
        Remarks of the readers for the user.
    """

    pose: RigidError
    tre: TargetRegistrationError
    not_rigid: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return all numbers under names with their units."""
        return {
            "rotation_deg": self.pose.rotation_deg,
            "translation_mm": self.pose.translation_mm,
            **{f"tre_{name}" if name.endswith("_mm") else name: value for name, value in asdict(self.tre).items()},
            "not_rigid": list(self.not_rigid),
        }

    def as_text(self) -> str:
        """Return the numbers in lines for a terminal."""
        return (
            f"rotation             {self.pose.rotation_deg:10.4f} deg\n"
            f"translation          {self.pose.translation_mm:10.4f} mm at the mask's centroid\n"
            f"TRE over the mask    {self.tre.mean_mm:10.4f} mm mean, {self.tre.worst_mm:.4f} mm worst "
            f"({self.tre.num_points} voxels)"
        )


def compare_files(
    first: str | Path | AffineTransform,
    second: str | Path | AffineTransform,
    *,
    mask: Any,
    mask_label: int | str | None = None,
    moving: Any = None,
    fixed: Any = None,
    convention: str | None = None,
    direction: str | None = None,
    geometry: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Compare two transforms, moving_from_fixed each, over a mask of the fixed image.

    Parameters
    ----------
    first, second
        Transforms, or files of them; symmetric, but for which of them is called A and which B.
    mask, mask_label
        Mask in the fixed world, as a file or in memory, and the number or name of the segment to take.
    moving, fixed
        The two images, as files or in memory, which only FLIRT's matrices need.
    convention, direction
        Meaning of a plain matrix that does not state it; one about which nothing is known is taken as
        moving_from_fixed, with a note.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.
    progress
        Called with the name of each of `STAGES` when the stage begins.

    Raises
    ------
    InputError
        If a file cannot be used.
    """
    progress = progress or (lambda _: None)
    progress("reading")
    images = [None if image is None else _image(image, geometry) for image in (moving, fixed)]
    said = MatrixMeaning(convention, direction)
    read = [_transform(given, said, images) for given in (first, second)]
    a, b = (item.transform for item in read)
    region = _mask(mask, mask_label, geometry)
    read_images = [image for image in (*images, region) if image is not None]
    notes = [note for image in read_images for note in image.provenance.notes]
    notes += [f"{name}: {note}" for name, item in zip("AB", read, strict=True) for note in item.notes]
    progress("comparing")
    centre = region.centroid_mm
    rigid = {name: _is_rigid(transform) for name, transform in (("A", a), ("B", b))}
    return Comparison(
        pose=transform_error(rigid_part(a, centre_mm=centre), rigid_part(b, centre_mm=centre), at_mm=centre),
        tre=tre_over_mask(a, b, mask=region),
        not_rigid=tuple(name for name, ok in rigid.items() if not ok),
        notes=tuple(notes),
    )


def _image(given: Any, geometry: str | None) -> Volume:
    return read_image(given, geometry=geometry) if is_path(given) else image_in_memory(given)


def _mask(given: Any, label: int | str | None, geometry: str | None) -> Volume:
    if is_path(given):
        return read_mask(given, label=label, geometry=geometry)
    image = image_in_memory(given)
    return mask_in_memory(image, label=label, like=image)


def _transform(given: Any, said: MatrixMeaning, images: Sequence[Volume | None]) -> TransformFile:
    """Return a transform in memory as it is, and that of a file, with the notes of its reader."""
    if isinstance(given, AffineTransform):
        return TransformFile(given)
    return read_transform_file(
        given,
        said=MatrixMeaning() if states_itself(given) else said,
        default_direction="moving_from_fixed",
        moving=images[0],
        fixed=images[1],
    )


def _is_rigid(transform: AffineTransform) -> bool:
    try:
        RigidTransform(transform.matrix)
    except TransformError:
        return False
    return True
