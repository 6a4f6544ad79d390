"""The same seed gives the same bytes: in another process, and with another number of threads."""

import os
import subprocess
import sys

import pytest

COMMAND = """
import hashlib, sys
from hepareg.simulation import *
settings = PairSettings(
    phantom=PhantomSettings(shape=(62, 50, 40), spacing_mm=(6.0, 6.0, 6.0), num_clips=1),
    vessels=LiverVesselSettings(num_portal=20, num_hepatic=15),
    motion=MotionSettings(bend_mm=1.5),
    moving=AcquisitionSettings(oblique_deg=5.0, mask_error_mm=2.0, streaks_hu=5.0, padding_hu=-2048),
)
pair = simulate_pair(settings=settings, seed=11)
names = ("moving", "fixed", "moving_liver", "fixed_liver", "labels")
parts = [getattr(pair, name).data.tobytes() for name in names]
parts += [repr(pair.landmarks).encode(), repr(pair.parameters).encode()]
print(hashlib.sha256(b"".join(parts)).hexdigest())
"""


def digest(threads):
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, "-c", COMMAND]
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        command[2] = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n" + COMMAND
    done = subprocess.run(command, env={**os.environ, **limits}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_same_bytes_in_another_process_and_with_other_threads():
    one = digest(1)
    assert len(one) == 64
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one core: there is no other number of threads")
    assert digest(2) == one
