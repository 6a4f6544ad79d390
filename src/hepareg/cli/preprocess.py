"""`hepareg preprocess`: crop the pairs of a manifest to the liver, resample and window them."""

import argparse
import sys

from hepareg.cli.transform_options import add_geometry_option

SUMMARY = "crop, resample and window the pairs of a manifest; resumable"

EXIT_CASES_FAILED = 1

WHEN_INTERRUPTED = "finished cases are kept; run it again to go on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "manifest",
        metavar="MANIFEST",
        help="CSV or JSON with the columns case, moving, fixed, and optionally moving_mask, fixed_mask, ...",
    )
    parser.add_argument(
        "-o", "--out", metavar="DIR", required=True, help="folder for the results, with a folder for each case"
    )
    unit = parser.add_mutually_exclusive_group()
    unit.add_argument(
        "--slices",
        type=int,
        default=200,
        metavar="N",
        help="number of slices to keep from the liver's top downwards (default: 200)",
    )
    unit.add_argument(
        "--extent-mm",
        type=float,
        metavar="MM",
        help="length to keep from the liver's top downwards, instead of a number of slices",
    )
    parser.add_argument(
        "--short",
        choices=("skip", "clamp"),
        default="skip",
        help="with fewer slices below the top: leave the image uncropped (skip, the default), or keep them all (clamp)",
    )
    parser.add_argument(
        "--lateral-margin-mm", type=float, metavar="MM", help="also crop sideways, to the liver and this margin"
    )
    parser.add_argument("--spacing-mm", type=float, nargs="+", metavar="MM", help="new voxel size: one number or three")
    parser.add_argument("--window", type=float, nargs=2, metavar=("LOW", "HIGH"), help="clip values to this HU window")
    parser.add_argument(
        "--unit-range", action="store_true", help="scale the window to [0, 1] (default: values stay in HU)"
    )
    add_geometry_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="do all cases again; also allows other settings")
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg.cli.progress import counted
    from hepareg.errors import SettingsError
    from hepareg.preprocessing import HuWindow, LiverCrop
    from hepareg.workflows.preprocess import PreprocessSettings, preprocess

    spacing = arguments.spacing_mm
    if spacing is not None and len(spacing) not in (1, 3):
        raise SettingsError(f"expected one or three numbers for --spacing-mm, got {len(spacing)}")
    settings = PreprocessSettings(
        crop=LiverCrop(
            num_slices=arguments.slices,
            extent_mm=arguments.extent_mm,
            short=arguments.short,
            lateral_margin_mm=arguments.lateral_margin_mm,
        ),
        spacing_mm=None if spacing is None else tuple(spacing * (3 // len(spacing))),
        window=None if arguments.window is None else HuWindow(*arguments.window),
        unit_range=arguments.unit_range,
        geometry=arguments.geometry,
    )
    rows = preprocess(
        arguments.manifest,
        arguments.out,
        settings,
        overwrite=arguments.overwrite,
        progress=lambda pairs: counted(pairs, unit="case", quiet=arguments.quiet),
    )
    for row in rows:
        for note in row.notes:
            print(f"hepareg: note: case {row.case}: {note}", file=sys.stderr)
    failed = [row for row in rows if row.status == "failed"]
    for row in failed:
        print(f"hepareg: case {row.case} failed: {row.error}", file=sys.stderr)
    if not arguments.quiet:
        for row in rows:
            if row.moving and row.fixed:
                print(f"{row.case}: {row.status}, moving {row.moving.outcome}, fixed {row.fixed.outcome}")
        print(f"{len(rows) - len(failed)} of {len(rows)} cases are done; see table.csv")
    return EXIT_CASES_FAILED if failed else 0
