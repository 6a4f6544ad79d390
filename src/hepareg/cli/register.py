"""`hepareg register`: from two phases to a rigid matrix, a verdict and a picture."""

import argparse

SUMMARY = "align the moving phase to the fixed phase of one patient"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("moving", metavar="MOVING", help="arterial phase: NIfTI, NRRD, MHA or a folder of DICOM")
    parser.add_argument("fixed", metavar="FIXED", help="portal-venous phase, likewise")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    raise NotImplementedError
