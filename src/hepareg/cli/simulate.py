"""`hepareg simulate`: pairs of CT with a known rigid answer, from nothing or from one real CT."""

import argparse

SUMMARY = "make pairs with a known answer, from a procedural abdomen or from one real CT"

PHASES = ("native", "early_arterial", "late_arterial", "portal_venous", "delayed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="new folder for the pair, or the pairs")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="same seed, same bytes (default 0)")
    parser.add_argument("--num-pairs", type=int, default=1, metavar="N", help="more than one: a folder each")
    parser.add_argument("--overwrite", action="store_true", help="replace older pairs in OUT")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--dicom", action="store_true", help="write the two images as DICOM series")
    source = parser.add_argument_group("anatomy")
    source.add_argument("--ct", metavar="F", help="real CT to start from; without it the abdomen is procedural")
    source.add_argument(
        "--labels", nargs="+", default=[], metavar="F",
        help="its masks: NAME=FILE, NAME=FILE:VALUE for a label map, or files called after their label; needs liver",
    )  # fmt: skip
    source.add_argument("--source-phase", choices=PHASES, default="late_arterial", help="phase of the real CT")
    source.add_argument("--size", nargs=3, type=int, default=(256, 256, 160), metavar="N", help="procedural: voxels")
    source.add_argument(
        "--spacing-mm", nargs=3, type=float, default=(1.5, 1.5, 1.5), metavar="MM", help="procedural: voxel spacing"
    )
    phases = parser.add_argument_group("phases")
    phases.add_argument("--moving-phase", choices=PHASES, default="late_arterial")
    phases.add_argument("--fixed-phase", choices=PHASES, default="portal_venous")
    _add_motion(parser.add_argument_group("motion from the fixed to the moving image"))
    _add_acquisition(parser.add_argument_group("acquisition of the moving image"))


def _add_motion(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--motion", choices=("breathing", "random", "still"), default="breathing")
    for name, default, what in (
        ("translation-mm", (6.0, 25.0), "range of the liver's displacement"),
        ("rotation-deg", (0.0, 6.0), "range of its turn"),
        ("body-translation-mm", (0.0, 0.0), "range of the whole body's displacement, as at a follow-up"),
        ("body-rotation-deg", (0.0, 0.0), "range of its turn"),
    ):
        group.add_argument(f"--{name}", nargs=2, type=float, default=default, metavar=("LOW", "HIGH"), help=what)
    group.add_argument("--bend-mm", type=float, default=0.0, metavar="MM", help="bend of the liver (root mean square)")


def _add_acquisition(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--moving-size", nargs=3, type=int, metavar="N", help="voxels of the moving image")
    group.add_argument("--moving-spacing-mm", nargs=3, type=float, metavar="MM", help="its spacing")
    group.add_argument("--slice-thickness-mm", type=float, metavar="MM", help="averaged over each slice")
    group.add_argument("--oblique-deg", type=float, default=0.0, metavar="DEG", help="tilt of its grid")
    group.add_argument("--cut-top", type=float, default=0.0, metavar="F", help="fraction of the liver out of view")
    group.add_argument("--cut-bottom", type=float, default=0.0, metavar="F", help="the same at the lower end")
    group.add_argument("--noise-hu", type=float, metavar="HU", help="noise; default: the CT's own level")
    group.add_argument("--streaks-hu", type=float, default=0.0, metavar="HU", help="streaks across the body")
    group.add_argument("--padding-hu", type=int, choices=(-1024, -2048), help="value outside the scanned circle")
    group.add_argument("--mask-error-mm", type=float, default=0.0, metavar="MM", help="boundary error of both masks")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg.cli.progress import stages_shown
    from hepareg.workflows.simulate import STAGES, request_from_options, simulate_files

    request = request_from_options(vars(arguments))
    with stages_shown(STAGES, num_items=request.num_pairs, quiet=arguments.quiet) as progress:
        simulate_files(request, out=arguments.out, overwrite=arguments.overwrite, progress=progress)
    if not arguments.quiet:
        noun = "pair" if request.num_pairs == 1 else "pairs"
        print(f"{request.num_pairs} {noun} with a known answer in {arguments.out}")
    return 0
