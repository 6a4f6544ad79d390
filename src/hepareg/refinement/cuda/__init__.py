"""Fused kernels that do on a GPU the work of `local_affine` and `gauss_newton`."""
