"""`hepareg register`: from two phases to a rigid matrix, a verdict and a picture."""

import argparse
import sys
from typing import TYPE_CHECKING

from hepareg.cli.label_options import add_label_options
from hepareg.cli.transform_options import add_geometry_option, add_transform_options

if TYPE_CHECKING:
    from hepareg.workflows.register_files import Registered

SUMMARY = "align the moving phase to the fixed phase of one patient"

EXIT_REJECTED = 3

STAGES = (
    "reading",
    "region",
    "starts",
    "network",
    "refinement",
    "tissue_motion",
    "both_directions",
    "surface_fusion",
    "verdict",
    "certificate",
    "dice",
    "writing",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("moving", metavar="MOVING", help="arterial phase: NIfTI, NRRD, MHA or a folder of DICOM")
    parser.add_argument("fixed", metavar="FIXED", help="portal-venous phase, in one of the same formats")
    parser.add_argument("-o", "--out", metavar="OUT", required=True, help="new folder for the results")
    parser.add_argument(
        "--moving-mask",
        metavar="M",
        help="mask of the moving liver: NIfTI, NRRD, a folder of classes, DICOM SEG or RTSTRUCT",
    )
    parser.add_argument("--fixed-mask", metavar="M", help="mask of the fixed liver, in one of the same formats")
    add_label_options(parser)
    parser.add_argument(
        "--moving-series",
        metavar="S",
        help="series of a moving DICOM folder: its number in the list, number=301, uid=... or words, as arterial",
    )
    parser.add_argument("--fixed-series", metavar="S", help="series of a fixed DICOM folder, chosen as the moving one")
    parser.add_argument(
        "--start",
        metavar="T",
        help="start: a transform of ITK, ANTs, elastix, FreeSurfer, FSL, a 4x4 matrix, or point pairs (.csv)",
    )
    add_transform_options(parser)
    add_geometry_option(parser)
    parser.add_argument(
        "--method", choices=("refine", "network", "network+refine"), default="refine", help="default: refine"
    )
    parser.add_argument("--weights", metavar="FILE", help="trained network for --method (default: hepareg's own)")
    parser.add_argument(
        "--write", type=_tools, default=(), metavar="TOOLS", help="further transform files: elastix, greedy, or both"
    )
    parser.add_argument("--matrix-only", action="store_true", help="write transforms and result.json, no images")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    parser.add_argument("--threads", type=int, metavar="N", help="threads; default: all cores")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of random numbers (default: 0)")
    parser.add_argument("--allow-identical", action="store_true", help="accept the same image twice")
    parser.add_argument("--allow-different-patients", action="store_true", help="accept two patient IDs")
    parser.add_argument("--overwrite", action="store_true", help="replace an older result in OUT")
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    parser.add_argument("--json", action="store_true", help="print result.json")


def _tools(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg.cli.progress import stages_shown
    from hepareg.workflows.threads import limit_threads_at_import

    if arguments.threads is not None:
        limit_threads_at_import(arguments.threads)
    from hepareg.workflows.register_files import RegisterRequest, register_files

    names = (
        "moving", "fixed", "out", "moving_mask", "fixed_mask", "mask_label", "moving_mask_label",
        "fixed_mask_label", "start", "convention", "direction",
        "geometry", "write",
        "moving_series", "fixed_series", "method", "weights", "matrix_only", "device", "threads", "seed",
        "allow_identical", "allow_different_patients", "overwrite",
    )  # fmt: skip
    with stages_shown(STAGES, quiet=arguments.quiet) as progress:
        done = register_files(RegisterRequest(**{name: getattr(arguments, name) for name in names}), progress=progress)
    if arguments.json:
        from hepareg.io.json import format_json

        print(format_json(done.report), end="")
    elif not arguments.quiet:
        print(done.line)
        for name, reason in done.surprises.items():
            print(f"left out {name}: {reason}")
    return conclude(done)


def conclude(done: "Registered") -> int:
    """Print notes, the warning of a doubtful result and its reasons in plain words to stderr; return the exit code."""
    for note in done.report["notes"]:
        print(f"hepareg: note: {note}", file=sys.stderr)
    verdict = done.report["verdict"]
    reasons = ", ".join(verdict["reasons"])
    if done.decision == "review":
        print(f"hepareg: warning: look at the result before you use it: {reasons}", file=sys.stderr)
    elif done.decision == "reject":
        print(f"hepareg: rejected, no transform was written: {reasons}", file=sys.stderr)
    for reason in verdict["explanations"]:
        kind = "note: " if reason["decision"] == "accept" else ""
        print(f"hepareg: {kind}{reason['code']}: {reason['meaning']} {reason['what_to_do']}", file=sys.stderr)
    return EXIT_REJECTED if done.decision == "reject" else 0
