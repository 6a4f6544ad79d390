"""Threads reach every library, in a process of its own: environment variables only work before the imports."""

import os
import subprocess
import sys
from pathlib import Path

import hepareg

CODE = """
import sys
from hepareg.workflows.threads import limit_threads_at_import, set_threads
limit_threads_at_import(3)
import numpy
set_threads(3)
import torch, SimpleITK
assert torch.get_num_threads() == 3
assert SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads() == 3
set_threads(2)
assert SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads() == 2
try:
    from threadpoolctl import threadpool_info
except ImportError:
    sys.exit()
blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas" and "numpy" in pool["filepath"]]
assert set(blas) <= {min(3, __import__("os").cpu_count()), 3}, blas
"""


def test_threads_reach_torch_itk_and_blas():
    hidden = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment["PYTHONPATH"] = str(Path(hepareg.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
