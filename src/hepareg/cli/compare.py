"""`hepareg compare`: how far two transforms are apart over the liver."""

import argparse
import sys

from hepareg.cli.label_options import add_label_option
from hepareg.cli.transform_options import add_geometry_option, add_transform_options

SUMMARY = "compare two transforms over a mask: rotation, translation and target registration error"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("first", metavar="A", help="transform of ITK, ANTs, elastix, FreeSurfer, FSL, or a 4x4 matrix")
    parser.add_argument("second", metavar="B", help="transform file to compare it with")
    parser.add_argument("--mask", metavar="M", required=True, help="mask of the fixed image over which to compare")
    add_label_option(parser)
    parser.add_argument("--moving", metavar="IMAGE", help="moving image, for FLIRT matrices only")
    parser.add_argument("--fixed", metavar="IMAGE", help="fixed image, for FLIRT matrices only")
    add_transform_options(parser)
    add_geometry_option(parser)
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg.cli.progress import stages_shown
    from hepareg.io.json import format_json
    from hepareg.workflows.compare import STAGES, compare_files

    with stages_shown(STAGES, quiet=arguments.quiet) as progress:
        comparison = compare_files(
            arguments.first,
            arguments.second,
            mask=arguments.mask,
            mask_label=arguments.mask_label,
            moving=arguments.moving,
            fixed=arguments.fixed,
            convention=arguments.convention,
            direction=arguments.direction,
            geometry=arguments.geometry,
            progress=progress,
        )
    for note in comparison.notes:
        print(f"hepareg: note: {note}", file=sys.stderr)
    for name in comparison.not_rigid:
        print(
            f"hepareg: warning: {name} is not rigid: its rotation is that of its rigid part, "
            "its TRE has scale and shear in it",
            file=sys.stderr,
        )
    print(format_json(comparison.as_dict()).rstrip() if arguments.json else comparison.as_text())
    return 0
