"""Transform files of a result: what they mean, which further ones are written, and which are left out and why."""

import json

import numpy as np
import pytest

from hepareg.errors import RigidityError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.io.transforms import read_transform, states_itself
from hepareg.transforms import RigidTransform
from hepareg.volume import Provenance, Volume
from hepareg.workflows import register_outputs
from hepareg.workflows.inputs import CheckedPair
from hepareg.workflows.register_outputs import EXTRA_TRANSFORMS, FLIRT, TRANSFORMS, write_transforms

CENTRE = np.array([40.0, -25.0, 310.0])
POSE = RigidTransform.from_vectors([0.25, 0.1, -0.22], [60, 40, -90], centre_mm=CENTRE)
OBLIQUE = rotation_from_vector([0.13, 0.07, 0.2])


def pair(decimals=None):
    """Two oblique images whose direction cosines have so many decimals."""
    axes = OBLIQUE if decimals is None else np.round(OBLIQUE, decimals)
    volumes = {}
    for name, spacing in (("moving", (1, 1.1, 3)), ("fixed", (2, 2, 2))):
        place = Grid((60, 50, 40), homogeneous(axes @ np.diag(spacing), CENTRE - 50))
        volumes[name] = Volume(np.zeros(place.shape, np.int16), place, provenance=Provenance("nifti"))
    return CheckedPair(**volumes)


def grids(images):
    return {"moving": images.moving.grid, "fixed": images.fixed.grid}


@pytest.mark.parametrize("decimals", [None, 7, 6, 5, 4, 3])
def test_every_file_is_exact_or_left_out_with_a_reason(tmp_path, decimals):
    images = pair(decimals)
    written = write_transforms(tmp_path, POSE, images, centre_mm=CENTRE, extra=tuple(EXTRA_TRANSFORMS))
    assert set(written.names) | set(written.left_out) == {*TRANSFORMS, *EXTRA_TRANSFORMS.values(), "transforms.json"}
    assert {path.name for path in tmp_path.iterdir()} == set(written.names)
    assert set(written.left_out) <= {FLIRT}
    if decimals is not None and decimals < 6:
        assert "not orthogonal enough" in written.left_out[FLIRT]
    corners = images.fixed.grid.corners_mm
    for name in written.names:
        if name != "transforms.json":
            found = read_transform(tmp_path / name, **grids(images))
            assert np.abs(found.apply(corners) - POSE.apply(corners)).max() < 1e-4, name


def test_every_file_keeps_its_meaning_under_another_name(tmp_path):
    images = pair()
    written = write_transforms(tmp_path, POSE, images, centre_mm=CENTRE, extra=tuple(EXTRA_TRANSFORMS))
    for number, name in enumerate(sorted(set(written.names) - {"transforms.json"})):
        suffix = name[name.rindex(".") :]
        renamed = (tmp_path / name).rename(tmp_path / f"transform{number}{suffix}")
        assert states_itself(renamed)
        found = read_transform(renamed, **grids(images))
        assert np.abs(found.matrix - POSE.matrix).max() < 1e-6, name


def test_plain_matrices_are_sixteen_numbers(tmp_path):
    write_transforms(tmp_path, POSE, pair(), centre_mm=CENTRE, extra=("greedy",))
    for name in ("moving_from_fixed.txt", "moving_from_fixed_greedy.mat"):
        np.testing.assert_array_equal(np.loadtxt(tmp_path / name), POSE.matrix)
    record = json.loads((tmp_path / "transforms.json").read_text())
    described = {entry["name"]: (entry["direction"], entry["convention"]) for entry in record["files"]}
    assert described == {
        "moving_from_fixed.txt": ("moving_from_fixed", "ras"),
        "fixed_from_moving.txt": ("fixed_from_moving", "ras"),
        "moving_from_fixed_greedy.mat": ("moving_from_fixed", "ras"),
        FLIRT: ("fixed_from_moving", "flirt"),
    }


def test_extra_files_only_where_asked_for(tmp_path):
    written = write_transforms(tmp_path, POSE, pair(), centre_mm=CENTRE)
    assert set(written.names) == {*TRANSFORMS, "transforms.json"}


def test_a_result_without_its_matrix_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(register_outputs, "certify_file", lambda path, *_, **__: "its digits do not suffice")
    with pytest.raises(RigidityError, match=r"moving_from_fixed\.txt was not written"):
        write_transforms(tmp_path, POSE, pair(), centre_mm=CENTRE)
