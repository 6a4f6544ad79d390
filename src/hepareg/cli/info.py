"""`hepareg info`: the content and the faults of a file or folder."""

import argparse

from hepareg.cli.transform_options import add_geometry_option

SUMMARY = "show the content of a file or folder and the faults that keep hepareg from using it"

EXIT_PROBLEM = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "path", metavar="PATH", help="image, mask, folder or zip of DICOM, transform, mesh, landmarks or result"
    )
    add_geometry_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg.io.json import format_json
    from hepareg.workflows.info import describe

    description = describe(arguments.path, geometry=arguments.geometry)
    print(format_json(description.as_dict()).rstrip() if arguments.json else description.as_text())
    return EXIT_PROBLEM if description.problems else 0
