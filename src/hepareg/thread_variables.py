"""Environment variables that limit the threads of numerical libraries."""

__all__ = ["THREAD_VARIABLES"]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables of OpenMP and of NumPy's BLAS, which read them when they are imported."""
