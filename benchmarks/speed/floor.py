"""Run the part of a registration that cannot be avoided: ``-m benchmarks.speed.floor PAIR ANSWER [--masks]``.

The process imports the registration while it reads the files, and ends, exactly as ``hepareg register`` does, with no
answer; the difference between the two processes is the registration itself.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

from benchmarks.speed.warm import arguments_of


def main() -> int:
    """Run the command line."""
    arguments = arguments_of(argparse.ArgumentParser(description=__doc__))
    with ThreadPoolExecutor(max_workers=1) as pool:
        loading = pool.submit(import_module, "hepareg.registration")
        from hepareg.workflows.inputs import read_pair

        masks = {f"{side}_mask": arguments.pair / f"{side}_liver.nii.gz" for side in ("moving", "fixed")}
        images = {side: arguments.pair / f"{side}.nii.gz" for side in ("moving", "fixed")}
        read_pair(**images, **(masks if arguments.masks else {}))
        loading.result()
    return 0


if __name__ == "__main__":
    from hepareg.cli.main import end_process

    end_process(main())
