"""A series of DICOM CT slices, or an enhanced multi-frame CT, as a Volume in Hounsfield units."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hepareg.errors import ImageError
from hepareg.geometry import Grid
from hepareg.io.content_digest import ContentDigest
from hepareg.io.dicom_groups import SeriesSummary, SliceGroup, group_slices, summarise
from hepareg.io.dicom_headers import SliceHeader, read_headers
from hepareg.io.dicom_pixels import read_pixels
from hepareg.io.dicom_selection import choose
from hepareg.io.dicom_stack import check_attributes, doubled_slices, placement, sorted_slices
from hepareg.volume import Provenance, Volume

__all__ = ["list_series", "read_dicom_series", "volume_of_group"]


def list_series(folder: str | Path) -> list[SeriesSummary]:
    """Return a summary of each series, phase and localiser of a folder."""
    return summarise(group_slices(read_headers(folder)))


def read_dicom_series(
    folder: str | Path, *, series: str | None = None, progress: Callable[[int, int], None] | None = None
) -> Volume:
    """Read one CT series, rescaled to HU; int16 if slope and intercept are whole numbers.

    Slices are sorted by their position along the normal, never by name or instance number. Of slices that are
    there twice with the same pixels one is kept, and the volume's provenance says so.

    Parameters
    ----------
    folder
        Folder with one or more series; subfolders and zip archives in it are searched. Or an archive, or a single
        file with many frames.
    series
        Series to read, if there are several: see `hepareg.io.dicom_selection.choose`.
    progress
        Called with the number of files read and of all files in the folder, once for each header.

    Raises
    ------
    FileFormatError
        If the folder holds no DICOM, a file is damaged, or pixels are missing or compressed in a way that cannot be
        decoded.
    SettingsError
        If ``series`` names none of the folder's series, or several.
    ImageError
        If there are several series and ``series`` is None; if the modality is not CT; if images are in colour, of
        several sizes or orientations, or of several frames without positions; if there is a single slice, a slice is
        missing or there twice with other pixels, spacing is uneven, or the gantry was tilted; if rescale slope or
        intercept are missing; if slices are of several patients.
    """
    return volume_of_group(choose(group_slices(read_headers(folder, progress=progress)), series))


def volume_of_group(group: SliceGroup) -> Volume:
    """Read the volume of one series or phase; see `read_dicom_series`."""
    check_attributes(group.slices)
    slices, num_doubled = _without_copies(sorted_slices(group.slices))
    grid = Grid((*slices[0].size, len(slices)), placement(slices))
    data = read_pixels(slices)
    digest = ContentDigest()
    digest.update(data.reshape(-1).view(np.uint8))
    notes = (f"copies of slices with the same pixels were left out: {num_doubled}",) if num_doubled else ()
    provenance = Provenance(
        "dicom", slices[0].patient_digest, digest.hexdigest(), world_digest=slices[0].world_digest, notes=notes
    )
    return Volume(data.transpose(2, 1, 0), grid, provenance=provenance)


def _without_copies(slices: Sequence[SliceHeader]) -> tuple[list[SliceHeader], int]:
    """Return one slice for each position, and the number of copies left out, whose pixels are the same."""
    places = doubled_slices(slices)
    different = [place for place in places if not _same_pixels([slices[k] for k in place])]
    if different:
        heights = [(slices[place[0]].position or (0.0, 0.0, 0.0))[2] for place in different]
        raise ImageError(
            f"expected one slice at each position, got {sum(len(place) - 1 for place in different)} doubled with other "
            f"pixels (z = {min(heights):.1f} to {max(heights):.1f} mm; two reconstructions in one series?) that "
            "neither acquisition nor time tells apart; remove the surplus files"
        )
    surplus = {k for place in places for k in place[1:]}
    return [s for k, s in enumerate(slices) if k not in surplus], len(surplus)


def _same_pixels(slices: Sequence[SliceHeader]) -> bool:
    if len({s.size for s in slices}) > 1:
        return False
    pixels = [read_pixels([header])[0] for header in slices]  # each with its own rescale
    return all(np.array_equal(pixels[0], other) for other in pixels[1:])
