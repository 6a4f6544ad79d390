"""`hepareg apply`: bring an image, a mesh or landmarks to the other anatomy."""

import argparse
import sys

from hepareg.cli.label_options import add_label_option

SUMMARY = "apply a transform to an image, a mesh or landmarks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("transform", metavar="TRANSFORM", help="moving_from_fixed: .txt, .tfm, .h5, .lta, .mat")
    parser.add_argument(
        "input", metavar="INPUT", help="of the moving anatomy: image, mesh (STL, OBJ, PLY) or landmarks (CSV, FCSV)"
    )
    parser.add_argument("-o", "--output", metavar="OUTPUT", required=True, help="file of the same kind to write")
    parser.add_argument("--reference", metavar="FIXED", help="image whose grid an image is sampled on")
    parser.add_argument("--moving", metavar="IMAGE", help="moving image, only for points and a FLIRT matrix")
    parser.add_argument(
        "--space", choices=("ras", "lps"), default="ras", help="world of a mesh's or CSV's coordinates (default: ras)"
    )
    parser.add_argument(
        "--transform-space", choices=("ras", "lps"), default="ras", help="world of a plain 4x4 matrix (default: ras)"
    )
    parser.add_argument("--inverse", action="store_true", help="go from the fixed to the moving anatomy")
    parser.add_argument(
        "--interpolation",
        choices=("linear", "nearest"),
        help="default: nearest for label maps, linear for other images",
    )
    parser.add_argument(
        "--padding", type=float, metavar="VALUE", help="value outside of the image (default: -1024; label maps: 0)"
    )
    add_label_option(parser)
    parser.add_argument(
        "--moving-series",
        metavar="S",
        help="series of a folder of DICOM: its number in the list, number=301, uid=... or words, as arterial",
    )
    parser.add_argument("--fixed-series", metavar="S", help="likewise for the fixed image")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg.cli.progress import stages_shown
    from hepareg.workflows.apply import STAGES, ApplySettings, apply_to_file

    settings = ApplySettings(
        space=arguments.space,
        transform_space=arguments.transform_space,
        inverse=arguments.inverse,
        interpolation=arguments.interpolation,
        padding=arguments.padding,
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
    if not arguments.quiet:
        print(done, file=sys.stderr)
    return 0
