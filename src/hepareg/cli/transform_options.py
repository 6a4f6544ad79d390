"""Options that several commands share: the meaning of a plain matrix, and the geometry of a NIfTI header."""

import argparse

__all__ = ["add_geometry_option", "add_transform_options"]


def add_transform_options(parser: argparse.ArgumentParser) -> None:
    """Declare the two options that state the meaning of a plain 4x4 matrix."""
    parser.add_argument(
        "--convention",
        "--transform-space",
        choices=("ras", "lps", "flirt"),
        help="coordinates of a plain 4x4 matrix whose file does not state them (.txt: default ras; .mat: required)",
    )
    parser.add_argument(
        "--direction",
        choices=("moving_from_fixed", "fixed_from_moving"),
        help="direction in which the matrix in the file maps, if the file does not state it",
    )


def add_geometry_option(parser: argparse.ArgumentParser) -> None:
    """Declare the option that chooses between the two geometries of a NIfTI header."""
    parser.add_argument(
        "--geometry", choices=("sform", "qform"), help="geometry of a NIfTI header to use, if its two disagree"
    )
