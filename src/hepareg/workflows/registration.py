"""The result of a Python call, with its images: it shows itself in a notebook, and saves itself as the command does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepareg.registration import RegistrationResult
from hepareg.volume import Volume
from hepareg.workflows import argument_types as kinds
from hepareg.workflows.apply import ApplySettings, pull_image
from hepareg.workflows.argument_types import check_types
from hepareg.workflows.register_files import RegisteredPair, write_registered
from hepareg.workflows.register_html import html_of_result
from hepareg.workflows.register_outputs import draw_picture, warped_image
from hepareg.workflows.register_report import dice_of_masks
from hepareg.workflows.register_words import caption, one_line

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Registration"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Registration(RegistrationResult):
    """Result of `hepareg.register`, with the images it belongs to: a `RegistrationResult` that can be shown and saved.

    A notebook shows it with its verdict, matrix and picture. It keeps both images in memory.

    Parameters
    ----------
    registered
        The request, the images and masks as read and checked, and the seconds of each stage.
    """

    registered: RegisteredPair

    def __repr__(self) -> str:
        return f"<Registration: {one_line(self)}>"

    def save(
        self, folder: str | Path, *, write: Sequence[str] = (), matrix_only: bool = False, overwrite: bool = False
    ) -> Mapping[str, Any]:
        """Write the files that the command `hepareg register` writes, all or none, and return the report in them.

        A rejected result leaves ``result.json`` and the picture, and no transform or image.

        Parameters
        ----------
        folder
            New or empty folder.
        write
            Names of tools whose transform files are written as well: ``elastix``, ``greedy``.
        matrix_only
            Whether images and picture are left out.
        overwrite
            Whether an older result in the folder may be replaced.

        Raises
        ------
        SettingsError
            If an argument is of a wrong type, or ``write`` has an unknown name.
        OutputError
            If the folder cannot be written or replaced; nothing is left behind.
        RigidityError
            If a file does not hold the transform exactly; nothing is written.
        """
        check_types(
            {
                "folder": (folder, kinds.PATH),
                "write": (write, kinds.TEXTS),
                "matrix_only": (matrix_only, kinds.FLAG),
                "overwrite": (overwrite, kinds.FLAG),
            }
        )
        options: dict[str, Any] = {"write": tuple(write), "matrix_only": matrix_only, "overwrite": overwrite}
        request = replace(self.registered.request, out=folder, **options)
        return write_registered(replace(self.registered, request=request)).report

    def warp(self, image: Any = None) -> Volume:
        """Return an image of the moving anatomy on the fixed image's grid, interpolated once.

        Parameters
        ----------
        image
            Image, mask or label map in the moving image's world, as a path or in memory. None is the moving image
            itself, in whole HU as in ``warped.nii.gz``.

        Raises
        ------
        InputError
            If the image cannot be read or does not reach the fixed image, or is no image (SettingsError).
        """
        pair = self.registered.pair
        if image is None:
            return warped_image(self.transform, pair.on_host())
        check_types({"image": (image, kinds.IMAGE)})
        return pull_image(self.transform, image, pair.fixed.grid, ApplySettings()).image

    def figure(self) -> "Image":
        """Return the picture of both images before and after registration (``qa.png``) as an image of Pillow."""
        pair = self.registered.pair.on_host()
        return draw_picture(self.transform, pair, caption(self, dice_of_masks(pair, self)))

    def _repr_html_(self) -> str:
        return html_of_result(self, self.figure(), notes=self.notes)
