"""Run one adapter on one prepared pair: ``python -m benchmarks.peers.run TOOL PREPARED ANSWER [--threads N]``.

The answer is a JSON file with ``status`` ``found``, ``matrix`` (moving_from_fixed, RAS mm), ``call_s`` and ``version``,
or with ``status`` ``not_run`` and the ``reason``. A tool that fails ends the process with a traceback and a status
that is not 0.
"""

import argparse
import json
import os
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.peers import ADAPTERS

ENVIRONMENT = ("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=ADAPTERS)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("answer", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    # Read by the libraries when they load, hence before the adapter imports its tool.
    os.environ.update(dict.fromkeys(ENVIRONMENT, str(arguments.threads)), ANTS_RANDOM_SEED="1")
    answer = run(arguments.tool, arguments.prepared, threads=arguments.threads)
    arguments.answer.write_text(json.dumps(answer))


def run(tool: str, prepared: Path, *, threads: int) -> dict:
    """Return the answer of one adapter."""
    from benchmarks.peers.inputs import Inputs
    from hepareg.transforms import AffineTransform
    from hepareg.transforms.rigidify import rigid_part

    adapter = import_module(f"benchmarks.peers.{tool}")
    version = adapter.version()
    if version is None:
        return {"status": "not_run", "reason": f"{adapter.NAME} is not installed"}
    with tempfile.TemporaryDirectory() as scratch:
        inputs = Inputs.read(prepared, scratch=Path(scratch), threads=threads)
        found = rigid_part(AffineTransform(adapter.find(inputs)), centre_mm=inputs.centre_mm)
    call_s = inputs.clock.seconds["call"]
    return {"status": "found", "matrix": found.matrix.tolist(), "call_s": call_s, "version": version}


if __name__ == "__main__":
    main()
