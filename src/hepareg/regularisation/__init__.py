"""Penalties on transforms, one per file, in world mm: pure functions that return (B,), 0 is best."""

from hepareg.regularisation.bending_energy import bending_energy
from hepareg.regularisation.folding import folding_penalty
from hepareg.regularisation.gradients import gradient_penalty
from hepareg.regularisation.identity import identity_penalty
from hepareg.regularisation.inverse_consistency import displacement_inverse_consistency, rigid_inverse_consistency

__all__ = [
    "bending_energy",
    "displacement_inverse_consistency",
    "folding_penalty",
    "gradient_penalty",
    "identity_penalty",
    "rigid_inverse_consistency",
]
