"""Penalties on predicted transforms, one per file, and the table that gives each penalty its name in settings.

Every penalty is a pure function in world mm that returns (B,), 0 is best. Its positional parameters are parts of a
prediction, chosen by name:

``matrix``
    (B, 4, 4) predicted linear map.
``displacement``
    (B, 3, I, J, K) predicted displacement. A penalty that requires one can only be used with a deformable network.
``backward_matrix``, ``backward_displacement``
    The same for the pair with its images exchanged. A penalty that requires one costs a second prediction.
``world_from_voxel``, ``shape``
    Grid of the region.

The keyword-only parameters are the options of a penalty: their defaults stand in that signature alone, and their
meaning in its docstring; training settings and documentation read both from there.

To add a penalty, write its file and add its line to `REGULARISERS`.
"""

from collections.abc import Callable

from torch import Tensor

from hepareg.regularisation.bending_energy import bending_energy
from hepareg.regularisation.folding import folding_penalty
from hepareg.regularisation.gradients import gradient_penalty
from hepareg.regularisation.identity import identity_penalty
from hepareg.regularisation.inverse_consistency import inverse_consistency_penalty

__all__ = ["REGULARISERS"]

REGULARISERS: dict[str, Callable[..., Tensor]] = {
    "identity": identity_penalty,
    "inverse_consistency": inverse_consistency_penalty,
    "gradients": gradient_penalty,
    "bending_energy": bending_energy,
    "folding": folding_penalty,
}
"""Penalties by the names that settings use."""
