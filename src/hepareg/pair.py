"""Two images of one patient and their liver masks."""

from dataclasses import dataclass

from hepareg.volume import Volume

__all__ = ["ImagePair", "notes_of"]


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

    @property
    def reader_notes(self) -> tuple[str, ...]:
        """Remarks of the readers for the user, the moving side first, each with the name of its image or mask."""
        sides = (("moving", self.moving, self.moving_mask), ("fixed", self.fixed, self.fixed_mask))
        return tuple(note for side, image, mask in sides for note in notes_of(image, mask, side))


def notes_of(image: Volume, mask: Volume | None, side: str) -> tuple[str, ...]:
    """Return the readers' notes: the image's with its side in front, and the mask's, which name the mask."""
    own = tuple(f"{side} image: {note}" for note in image.provenance.notes)
    return own if mask is None else (*own, *mask.provenance.notes)
