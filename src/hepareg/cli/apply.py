"""`hepareg apply`: bring an image, a mesh or landmarks to the other anatomy."""

import argparse
import sys

from hepareg.cli.label_options import add_segment_option
from hepareg.cli.transform_options import add_geometry_option, add_transform_options

SUMMARY = "apply a transform to an image, a mesh or landmarks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "transform", metavar="TRANSFORM", help="transform of ITK, ANTs, elastix, FreeSurfer, FSL, or a 4x4 matrix"
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="of the moving anatomy: image, segmentation, mesh (STL, OBJ, PLY, VTK) or landmarks (CSV, FCSV, MRK.JSON)",
    )
    parser.add_argument("-o", "--output", metavar="OUTPUT", required=True, help="file of the same kind to write")
    parser.add_argument("--reference", metavar="FIXED", help="image whose grid an image is sampled on")
    parser.add_argument(
        "--moving", metavar="IMAGE", help="moving image, for points and a FLIRT matrix, which needs both images"
    )
    parser.add_argument(
        "--space", choices=("ras", "lps"), help="world of points in a file that does not state it (default: ras)"
    )
    add_transform_options(parser)
    add_geometry_option(parser)
    parser.add_argument("--inverse", action="store_true", help="go from the fixed to the moving anatomy")
    parser.add_argument(
        "--interpolation",
        choices=("linear", "nearest"),
        help="default: nearest for label maps, linear for other images",
    )
    parser.add_argument(
        "--background",
        "--padding",
        type=float,
        metavar="VALUE",
        help="value outside of the image (default: -1024 for a CT, 0 for labels and other maps)",
    )
    add_segment_option(parser)
    parser.add_argument(
        "--moving-series",
        metavar="S",
        help="series of a moving DICOM folder: its number in the list, number=301, uid=... or words, as arterial",
    )
    parser.add_argument("--fixed-series", metavar="S", help="series of a fixed DICOM folder, chosen as the moving one")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg.cli.progress import stages_shown
    from hepareg.workflows.apply import STAGES, ApplySettings, apply_to_file

    settings = ApplySettings(
        space=arguments.space,
        convention=arguments.convention,
        direction=arguments.direction,
        geometry=arguments.geometry,
        inverse=arguments.inverse,
        interpolation=arguments.interpolation,
        background=arguments.background,
        moving_series=arguments.moving_series,
        fixed_series=arguments.fixed_series,
        mask_label=arguments.mask_label,
    )
    with stages_shown(STAGES, quiet=arguments.quiet) as progress:
        done = apply_to_file(
            arguments.transform,
            arguments.input,
            arguments.output,
            reference=arguments.reference,
            moving=arguments.moving,
            settings=settings,
            overwrite=arguments.overwrite,
            progress=progress,
        )
    for note in done.notes:
        print(f"hepareg: note: {note}", file=sys.stderr)
    if not arguments.quiet:
        print(done.line, file=sys.stderr)
    return 0
