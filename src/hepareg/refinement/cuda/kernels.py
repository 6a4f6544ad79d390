"""The fused kernels under one name: a module that implements `local_affine.Kernels`. Needs Triton."""

from hepareg.refinement.cuda.gauss_newton_kernels import minimise
from hepareg.refinement.cuda.local_affine_kernels import cell_equations, probe, unexplained

__all__ = ["cell_equations", "minimise", "probe", "unexplained"]
