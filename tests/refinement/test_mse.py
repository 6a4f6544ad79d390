"""The plain difference of intensities vanishes for equal images."""

import numpy as np

from hepareg.refinement.mse import MSEMeasure


def test_equal_images_differ_in_nothing(oblique_problem):
    images = oblique_problem.images()
    same = type(oblique_problem)("same", oblique_problem.fixed, oblique_problem.fixed, oblique_problem.truth).images()
    assert MSEMeasure().residual(images)(oblique_problem.truth.matrix[None]).objective < 0.01
    shown = MSEMeasure().residual(same)(np.eye(4)[None])
    assert shown.objective > 0.01  # the truth is not the identity


def test_the_window_is_kept():
    assert MSEMeasure(window_hu=(0.0, 1.0)).window_hu == (0.0, 1.0)
