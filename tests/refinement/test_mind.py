"""The descriptors' residual is lowest at the truth, seen from an anchor that is not the truth."""

import numpy as np

from hepareg.refinement.mind import MINDMeasure
from hepareg.refinement.solvers.normal_equations import moved


def test_objective_is_lowest_at_the_truth(oblique_problem):
    images, truth = oblique_problem.images(), oblique_problem.truth
    anchor = moved(truth, np.array([1.0, 0, -1.0, 1.0, 1.0, 0]), images.centre_mm)
    residual = MINDMeasure(window_hu=(-2000.0, 2000.0)).residual(images, anchor)
    others = [moved(truth, step, images.centre_mm) for step in 3 * np.vstack([np.eye(6), -np.eye(6)])]
    values = residual(np.stack([pose.matrix for pose in (truth, *others)])).objective
    assert values[0] < values[1:].min()
