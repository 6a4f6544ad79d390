"""The floor of a run: import what a registration needs, read its files, end. Run as ``-m benchmarks.speed.floor``."""

import argparse
from pathlib import Path


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pair", type=Path)
    parser.add_argument("--masks", action="store_true")
    arguments = parser.parse_args()
    import hepareg.registration  # noqa: F401
    from hepareg.io.images import read_image

    names = ("moving", "fixed", "moving_liver", "fixed_liver")[: 4 if arguments.masks else 2]
    for name in names:
        read_image(arguments.pair / f"{name}.nii.gz")


if __name__ == "__main__":
    main()
