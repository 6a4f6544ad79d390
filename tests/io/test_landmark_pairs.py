"""A start from corresponding points."""

import numpy as np
import pytest

from hepareg.errors import FileFormatError, SettingsError, TransformError
from hepareg.io.landmark_pairs import LandmarkPairs, read_landmark_pairs


def table(path, fixed, moving, head="name,x,y,z,moving_x,moving_y,moving_z"):
    rows = [",".join(["p", *map(repr, map(float, (*a, *b)))]) for a, b in zip(fixed, moving, strict=True)]
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


@pytest.mark.parametrize("count", [3, 5])
def test_exact_pairs(tmp_path, landmarks, moving_from_fixed, count):
    fixed = landmarks[:count]
    pairs = read_landmark_pairs(table(tmp_path / "a.csv", fixed, moving_from_fixed.apply(fixed)))
    found, note = pairs.fit()
    np.testing.assert_allclose(found.apply(landmarks), moving_from_fixed.apply(landmarks), atol=1e-9)
    assert f"{count} pairs" in note
    assert "residual of 0.00 mm" in note


def test_noise_is_the_residual(landmarks, moving_from_fixed):
    noise = np.random.default_rng(0).normal(0, 2.0, landmarks.shape)
    found, note = LandmarkPairs(landmarks, moving_from_fixed.apply(landmarks) + noise).fit()
    gaps = np.linalg.norm(found.apply(landmarks) - moving_from_fixed.apply(landmarks) - noise, axis=1)
    assert f"residual of {np.sqrt(np.mean(gaps**2)):.2f} mm (worst {gaps.max():.2f} mm)" in note


@pytest.mark.parametrize(
    ("head", "signs"),
    [
        ("name,fixed_x,fixed_y,fixed_z,moving_x,moving_y,moving_z", 1),
        ("name,l,p,s,moving_l,moving_p,moving_s", [-1, -1, 1]),
        ("# SPACE=LPS\nname,x,y,z,moving_x,moving_y,moving_z", [-1, -1, 1]),
    ],
)
def test_columns_and_spaces(tmp_path, landmarks, moving_from_fixed, head, signs):
    path = table(tmp_path / "a.csv", landmarks * signs, moving_from_fixed.apply(landmarks) * signs, head)
    found, _ = read_landmark_pairs(path).fit()
    np.testing.assert_allclose(found.matrix, moving_from_fixed.matrix, atol=1e-9)
    if signs != 1:
        with pytest.raises(SettingsError, match="as the file states"):
            read_landmark_pairs(path, space="ras")


def test_degenerate_pairs_are_refused(landmarks, moving_from_fixed):
    line = np.outer(np.arange(5.0) * 40, [1, 2, 3])
    nearly = line + np.random.default_rng(0).normal(0, 1.0, line.shape)
    shuffled = landmarks[[3, 0, 4, 2, 1]]
    for fixed, moving, message in [
        (landmarks[:2], landmarks[:2], "at least 3 pairs"),
        (line, moving_from_fixed.apply(line), "away from one line"),
        (nearly, moving_from_fixed.apply(nearly), "away from one line"),
        (np.repeat(landmarks[:1], 4, axis=0), landmarks[:4], "away from one line"),
        (landmarks, landmarks * [-1, -1, 1], "corresponding points"),
        (landmarks, shuffled, "corresponding points"),
    ]:
        with pytest.raises(TransformError, match=message) as caught:
            LandmarkPairs(fixed, moving).fit()
        assert "\n" not in str(caught.value)


def test_broken_tables_give_one_line(tmp_path):
    for text, message in [
        ("x,y,z\n1,2,3\n", "columns"),
        ("x,y,z,moving_x,moving_y,moving_z\n1,2,3,4,5\n", "three numbers"),
        ("x,y,z,moving_x,moving_y,moving_z\n1,2,3,4,5,nan\n", "NaN"),
    ]:
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(FileFormatError, match=message):
            read_landmark_pairs(tmp_path / "a.csv")
