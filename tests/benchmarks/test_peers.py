"""The adapters' conventions, proven on a known rigid transform between grids that share nothing."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pairs import Pair
from benchmarks.peers import ADAPTERS
from benchmarks.peers.elastix import read_euler
from benchmarks.peers.inputs import Inputs
from benchmarks.peers.preparation import DILATION_MM, dilated, prepare
from benchmarks.peers.proof import TOLERANCE_MM, TRUTH, fixed_grid, write_known_pair
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.volume import Volume

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def known_pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("known") / "pair"
    write_known_pair(folder)
    return folder


def answer(tool, prepared, tmp_path):
    command = [sys.executable, "-m", "benchmarks.peers.run", tool, str(prepared), str(tmp_path / "answer.json")]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
    return json.loads((tmp_path / "answer.json").read_text())


def tre_mm(pair, found):
    return Pair(pair).answer.errors(RigidTransform(found["matrix"]))["liver_tre_mean_mm"]


FAST = {("antspy", True), ("sitk", True)}
RUNS = [(tool, masks) for tool in ADAPTERS if tool != "start" for masks in (True, False)]


@pytest.mark.parametrize(
    ("tool", "masks"),
    [pytest.param(*run, marks=() if run in FAST else pytest.mark.slow) for run in RUNS],
    ids=[f"{tool}-{'masks' if masks else 'no_masks'}" for tool, masks in RUNS],
)
def test_convention_is_proven(tool, masks, known_pair, tmp_path):
    if import_module(f"benchmarks.peers.{tool}").version() is None:
        pytest.skip(f"{tool} is not installed")
    found = answer(tool, prepare(known_pair, tmp_path / "prepared", masks=masks), tmp_path)
    # Half a millimetre: a wrong convention is off by the motion, 7 mm or more after the start.
    assert tre_mm(known_pair, found) < TOLERANCE_MM


def test_start_is_the_mask_centroids_and_not_the_answer(known_pair, tmp_path):
    found = answer("start", prepare(known_pair, tmp_path / "prepared", masks=True), tmp_path)
    inputs = Inputs.read(tmp_path / "prepared", scratch=tmp_path, threads=1)
    assert np.allclose(found["matrix"], inputs.start.matrix)
    # Voxels of 1 to 2 mm: the masks' centroids are known to well below 1 mm.
    assert np.allclose(inputs.start.apply(inputs.centre_mm), TRUTH.apply(inputs.centre_mm), atol=1)
    assert tre_mm(known_pair, found) > 10 * TOLERANCE_MM


def test_without_masks_nothing_of_them_is_given(known_pair, tmp_path):
    inputs = Inputs.read(prepare(known_pair, tmp_path / "p", masks=False), scratch=tmp_path, threads=1)
    assert inputs.fixed_mask is None
    assert inputs.start is None


def test_dilation_is_in_millimetres():
    grid = fixed_grid()
    mask = np.zeros(grid.shape, dtype=np.uint8)
    mask[60, 50, 40] = 1
    grown = np.argwhere(dilated(Volume(mask, grid)).data)
    distance = np.linalg.norm(grid.world_points(grown) - grid.world_points([60, 50, 40]), axis=1)
    assert distance.max() <= DILATION_MM
    assert len(grown) == pytest.approx(4 / 3 * np.pi * DILATION_MM**3 / grid.voxel_volume_mm3, rel=0.1)


LPS = np.array([-1, -1, 1])


def test_euler_angles_agree_with_itk(tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    transform = sitk.Euler3DTransform([5.0, -3.0, 20.0], 0.1, -0.2, 0.3, [4.0, 5.0, -6.0])
    values = " ".join(map(str, transform.GetParameters()))
    (tmp_path / "t.txt").write_text(f"(TransformParameters {values})\n(CenterOfRotationPoint 5.0 -3.0 20.0)\n")
    points = np.random.default_rng(0).normal(0, 50, (5, 3))
    expected = [transform.TransformPoint(point) for point in (points * LPS).tolist()] * LPS
    assert np.allclose(AffineTransform(read_euler(tmp_path / "t.txt")).apply(points), expected, atol=1e-9)
