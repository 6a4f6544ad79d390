"""`hepareg demo`: simulate a pair with a known answer, register it, and print the error."""

import argparse

SUMMARY = "simulate a pair with a known answer, register it and print the error"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "-o", "--out", metavar="OUT", default="demo", help="folder of the results; an older demo in it is replaced"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another seed is another patient (default: 1)")
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg.cli.progress import stages_shown
    from hepareg.cli.register import STAGES, conclude
    from hepareg.workflows.demo import demo

    with stages_shown(("simulation", *STAGES), quiet=arguments.quiet) as progress:
        done = demo(arguments.out, seed=arguments.seed, progress=progress)
    if not arguments.quiet:
        print(
            "A simulated late arterial (moving) and portal-venous (fixed) CT: the liver moves, spine and ribs do not."
        )
        print(f"before: liver {done.before.mean_mm:.2f} mm off on average, {done.before.worst_mm:.2f} mm at worst")
        if done.after is not None:
            print(f"after:  liver {done.after.mean_mm:.2f} mm off on average, {done.after.worst_mm:.2f} mm at worst")
        for name, error in (("network", done.network), ("network+refine", done.network_refined)):
            print(f"--method {name}: liver {error.mean_mm:.2f} mm off on average, {error.worst_mm:.2f} mm at worst")
        print(f"verdict of hepareg, which does not know the truth: {done.registered.line}")
        print(f"look at {arguments.out}/qa.png; the numbers are in {arguments.out}/result.json")
    return conclude(done.registered)
