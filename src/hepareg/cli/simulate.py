"""`hepareg simulate`: pairs of CT with a known rigid motion, from a procedural abdomen or from one real CT."""

import argparse
from typing import TYPE_CHECKING

from hepareg.cli.transform_options import add_geometry_option

if TYPE_CHECKING:
    from hepareg.workflows.simulate import SimulateRequest

SUMMARY = "make pairs with a known answer, from a procedural abdomen or from one real CT"

DEFORMATIONS = ("smooth", "hinge", "lobe", "lobe_turn", "tip", "dome", "squeeze", "compression", "ascites")
FAULTS = ("none", "lost", "doubled", "shuffled", "step", "drift", "table_drift", "spacing")
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
    add_geometry_option(parser)
    source.add_argument("--ct", metavar="F", help="real CT to start from (default: a procedural abdomen)")
    source.add_argument(
        "--labels", nargs="+", default=[], metavar="F",
        help="masks of the real CT, the liver's among them: NAME=FILE, NAME=FILE:VALUE for one value of a label map, "
        "or a FILE named after its label",
    )  # fmt: skip
    source.add_argument("--source-phase", choices=PHASES, default="late_arterial", help="phase of the real CT")
    source.add_argument(
        "--size", nargs=3, type=int, default=(256, 256, 160), metavar="N", help="voxels of the procedural abdomen"
    )
    source.add_argument(
        "--spacing-mm", nargs=3, type=float, default=(1.5, 1.5, 1.5), metavar="MM",
        help="voxel spacing of the procedural abdomen",
    )  # fmt: skip
    phases = parser.add_argument_group("phases")
    phases.add_argument("--moving-phase", choices=PHASES, default="late_arterial")
    phases.add_argument("--fixed-phase", choices=PHASES, default="portal_venous")
    _add_motion(parser.add_argument_group("motion from the fixed to the moving image"))
    _add_acquisition(parser.add_argument_group("acquisition of the moving image"))


def _add_motion(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--motion", choices=("breathing", "random", "still"), default="breathing")
    for name, default, meaning in (
        ("translation-mm", (6.0, 25.0), "range of the liver's displacement within the body"),
        ("rotation-deg", (0.0, 6.0), "range of the liver's rotation within the body"),
        ("body-translation-mm", (0.0, 0.0), "range of the whole body's displacement, as at a follow-up"),
        ("body-rotation-deg", (0.0, 0.0), "range of the whole body's rotation"),
    ):
        group.add_argument(f"--{name}", nargs=2, type=float, default=default, metavar=("LOW", "HIGH"), help=meaning)
    group.add_argument(
        "--deformation", choices=DEFORMATIONS, default="smooth",
        help="motion of the liver's parts: random and smooth, left lobe swings, is shifted or turns, lower tip, dome, "
        "local squeeze, cranio-caudal compression, ascites (default smooth)",
    )  # fmt: skip
    group.add_argument(
        "--bend-mm", type=float, metavar="MM",
        help="amount of the deformation: smooth, the root mean square over the liver; all others, the largest "
        "displacement (default: as in free breathing, or typical of the deformation; 0 unless --motion breathing)",
    )  # fmt: skip


def _add_acquisition(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--moving-size", nargs=3, type=int, metavar="N", help="voxels (default: those of the anatomy)")
    group.add_argument(
        "--moving-spacing-mm", nargs=3, type=float, metavar="MM", help="voxel spacing (default: that of the anatomy)"
    )
    group.add_argument(
        "--slice-thickness-mm", type=float, metavar="MM", help="thickness that a slice averages (default: the spacing)"
    )
    group.add_argument("--oblique-deg", type=float, default=0.0, metavar="DEG", help="tilt of the grid")
    group.add_argument(
        "--cut-top", type=float, default=0.0, metavar="F", help="fraction of the liver's height out of view at its top"
    )
    group.add_argument(
        "--cut-bottom", type=float, default=0.0, metavar="F", help="fraction out of view at the liver's lower end"
    )
    group.add_argument(
        "--noise-hu", type=float, metavar="HU",
        help="standard deviation of the noise (default: that of the real CT, 12 for the procedural abdomen)",
    )  # fmt: skip
    group.add_argument(
        "--fault", choices=FAULTS, default="none",
        help="slices lost, shown twice or shuffled; a breath step or slow drift of the liver during the scan; drift of "
        "the table; a wrong slice spacing in the header",
    )  # fmt: skip
    group.add_argument(
        "--fault-amount",
        type=float,
        default=10.0,
        metavar="MM",
        help="size of the fault; of spacing in %% (default 10)",
    )
    group.add_argument("--lipiodol", action="store_true", help="dense droplets in the liver, as after a treatment")
    group.add_argument("--streaks-hu", type=float, default=0.0, metavar="HU", help="standard deviation of streaks")
    group.add_argument(
        "--padding-hu", type=int, choices=(-1024, -2048), help="value outside the scanned circle, in both images"
    )
    group.add_argument(
        "--mask-error-mm", type=float, default=0.0, metavar="MM", help="boundary error of the masks of both images"
    )


def request_of(arguments: argparse.Namespace) -> "SimulateRequest":
    """Return the request for the parsed arguments.

    Raises
    ------
    SettingsError
        If an argument is out of range.
    """
    from hepareg.simulation import (
        DEFORMATIONS,
        AcquisitionSettings,
        ContrastPhase,
        FaultSettings,
        MotionSettings,
        PairSettings,
        PhantomSettings,
    )
    from hepareg.workflows.simulate import SimulateRequest

    given = arguments
    typical_mm = DEFORMATIONS[given.deformation].typical_mm if given.motion == "breathing" else 0.0
    settings = PairSettings(
        phantom=PhantomSettings(shape=tuple(given.size), spacing_mm=tuple(given.spacing_mm)),
        moving_phase=ContrastPhase(given.moving_phase),
        fixed_phase=ContrastPhase(given.fixed_phase),
        source_phase=ContrastPhase(given.source_phase),
        motion=MotionSettings(
            kind=given.motion,
            translation_mm=tuple(given.translation_mm),
            rotation_deg=tuple(given.rotation_deg),
            body_translation_mm=tuple(given.body_translation_mm),
            body_rotation_deg=tuple(given.body_rotation_deg),
            bend_mm=typical_mm if given.bend_mm is None else given.bend_mm,
            deformation=given.deformation,
        ),
        moving=AcquisitionSettings(
            shape=None if given.moving_size is None else tuple(given.moving_size),
            spacing_mm=None if given.moving_spacing_mm is None else tuple(given.moving_spacing_mm),
            slice_thickness_mm=given.slice_thickness_mm,
            oblique_deg=given.oblique_deg,
            cut_top=given.cut_top,
            cut_bottom=given.cut_bottom,
            noise_hu=given.noise_hu,
            streaks_hu=given.streaks_hu,
            padding_hu=given.padding_hu,
            mask_error_mm=given.mask_error_mm,
        ),
        fixed=AcquisitionSettings(mask_error_mm=given.mask_error_mm, padding_hu=given.padding_hu),
        fault=FaultSettings(given.fault, 0.0 if given.fault == "none" else given.fault_amount),
        lipiodol=given.lipiodol,
    )
    return SimulateRequest(
        settings=settings,
        seed=given.seed,
        num_pairs=given.num_pairs,
        ct=given.ct,
        labels=given.labels,
        dicom=given.dicom,
        geometry=given.geometry,
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg.cli.progress import stages_shown
    from hepareg.workflows.simulate import STAGES, simulate_files

    request = request_of(arguments)
    with stages_shown(STAGES, num_items=request.num_pairs, quiet=arguments.quiet) as progress:
        simulate_files(request, out=arguments.out, overwrite=arguments.overwrite, progress=progress)
    if not arguments.quiet:
        noun = "pair" if request.num_pairs == 1 else "pairs"
        print(f"{request.num_pairs} {noun} with a known answer in {arguments.out}")
    return 0
