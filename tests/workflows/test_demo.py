"""The demonstration: a known answer, everything flat in one folder, an older one replaced."""

from dataclasses import replace

import numpy as np
import pytest

from hepareg.cli.main import main
from hepareg.errors import OutputError
from hepareg.io.transforms import read_transform
from hepareg.simulation import AcquisitionSettings, Label, PhantomSettings
from hepareg.transforms import RigidTransform
from hepareg.transforms.resample import resample
from hepareg.workflows import demo as module
from hepareg.workflows.demo import DEMO_SETTINGS, PAIR_NAMES, demo
from hepareg.workflows.register_outputs import OUTPUT_NAMES

SMALL = replace(
    DEMO_SETTINGS,
    phantom=PhantomSettings(shape=(96, 80, 60), spacing_mm=(4.0, 4.0, 4.0)),
    moving=AcquisitionSettings(),
)


def test_demo_from_the_command_line(tmp_path, known_result, capsys, monkeypatch):
    """With the library call replaced by a rather wrong answer: the printed error is against the truth."""
    known_result(RigidTransform.identity())
    monkeypatch.setattr(module.demo, "__kwdefaults__", {**module.demo.__kwdefaults__, "settings": SMALL})
    out = tmp_path / "demo"
    assert main(["demo", "-o", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {*PAIR_NAMES, *OUTPUT_NAMES}
    before, after, network, both = capsys.readouterr().out.splitlines()[1:5]
    assert network.startswith("--method network: ")
    assert both.startswith("--method network+refine: ")
    assert before.split()[1:] == after.split()[1:] == network.split()[2:] == both.split()[2:]
    assert main(["demo", "-o", str(out)]) == 0  # replaces its own
    (out / "mine.txt").write_text("mine")
    assert main(["demo", "-o", str(out)]) == 2
    assert "other files" in capsys.readouterr().err
    assert (out / "mine.txt").exists()


def test_liver_moves_and_the_body_stays(tmp_path):
    done = demo(tmp_path / "demo", settings=SMALL)
    truth = read_transform(tmp_path / "demo" / "truth.txt")
    assert done.before.mean_mm > 10
    assert done.network.mean_mm < done.before.mean_mm / 2
    assert done.network_refined.mean_mm < 1.0
    assert done.after.mean_mm < 1.0  # voxels of 4 mm; those of the demonstration itself are smaller
    assert np.abs(truth.matrix - np.eye(4)).max() > 1
    labels, moving = (module.read_image(tmp_path / "demo" / f"{name}.nii.gz") for name in ("labels", "moving"))
    fixed = module.read_image(tmp_path / "demo" / "fixed.nii.gz")
    assert moving.grid.same_as(fixed.grid)
    bone = np.isin(labels.data, [Label.BONE, Label.MARROW])
    carried = resample(moving, fixed.grid, moving_from_fixed=truth).data
    unmoved, moved = (np.corrcoef(other[bone], fixed.data[bone])[0, 1] for other in (moving.data, carried))
    assert unmoved > 0.5 > moved, (unmoved, moved)


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(OutputError, match="other files"):
        demo(tmp_path, settings=SMALL)
    assert (tmp_path / "thesis.docx").exists()
