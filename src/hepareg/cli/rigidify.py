"""`hepareg rigidify`: the rigid part of any tool's affine."""

import argparse
import sys
from typing import TYPE_CHECKING

from hepareg.cli.label_options import add_label_option

if TYPE_CHECKING:
    from hepareg.transforms.rigidify import RemovedPart

from hepareg.cli.transform_options import add_geometry_option, add_transform_options

SUMMARY = "write the rigid part of an affine transform and print the scale and shear that it leaves out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("transform", metavar="T", help="affine of ITK, ANTs, elastix, FreeSurfer, FSL, or a 4x4 matrix")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="file to write: .txt, .tfm, .lta or .mat")
    parser.add_argument("--fixed", metavar="F", required=True, help="fixed image")
    parser.add_argument("--moving", metavar="M", required=True, help="moving image")
    parser.add_argument("--mask", metavar="L", required=True, help="liver mask on the fixed image's grid")
    add_transform_options(parser)
    add_geometry_option(parser)
    add_label_option(parser)
    parser.add_argument(
        "--moving-series",
        metavar="S",
        help="series of a moving DICOM folder: its number in the list, number=301, uid=... or words, as arterial",
    )
    parser.add_argument("--fixed-series", metavar="S", help="series of a fixed DICOM folder, chosen as the moving one")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from dataclasses import asdict

    from hepareg.cli.progress import stages_shown
    from hepareg.io.json import format_json
    from hepareg.workflows.rigidify import STAGES, rigidify_file

    with stages_shown(STAGES, quiet=arguments.quiet) as progress:
        done = rigidify_file(
            arguments.transform,
            arguments.output,
            fixed=arguments.fixed,
            moving=arguments.moving,
            mask=arguments.mask,
            mask_label=arguments.mask_label,
            convention=arguments.convention,
            direction=arguments.direction,
            geometry=arguments.geometry,
            moving_series=arguments.moving_series,
            fixed_series=arguments.fixed_series,
            overwrite=arguments.overwrite,
            progress=progress,
        )
    for note in done.notes:
        print(f"hepareg: note: {note}", file=sys.stderr)
    print(format_json(asdict(done.removed)).rstrip() if arguments.json else _as_text(done.removed))
    return 0


def _as_text(removed: "RemovedPart") -> str:
    scale = ", ".join(
        f"{axis} {value:+.3f} %" for axis, value in zip(("RL", "AP", "SI"), removed.scale_percent, strict=True)
    )
    shear = ", ".join(
        f"{axes} {value:+.3f} %" for axes, value in zip(("RL-AP", "RL-SI", "AP-SI"), removed.shear_percent, strict=True)
    )
    return (
        f"scale taken out: {scale}; {removed.scale_mean_mm:.3f} mm mean, {removed.scale_worst_mm:.3f} mm worst\n"
        f"shear taken out: {shear}; {removed.shear_mean_mm:.3f} mm mean, {removed.shear_worst_mm:.3f} mm worst\n"
        f"together: {removed.mean_mm:.3f} mm mean, {removed.worst_mm:.3f} mm worst over the mask; "
        f"volume {removed.volume_percent:+.3f} %"
    )
