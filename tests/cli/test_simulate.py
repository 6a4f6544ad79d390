"""The command `hepareg simulate`."""

import pytest

from hepareg.cli import simulate as command
from hepareg.cli.main import build_parser, main
from hepareg.cli.simulate import request_of
from hepareg.simulation import (
    DEFORMATIONS,
    FAULTS,
    AcquisitionSettings,
    ContrastPhase,
    FaultSettings,
    MotionSettings,
    PairSettings,
    PhantomSettings,
)
from hepareg.workflows.simulate import SimulateRequest


def parsed(*options):
    return request_of(build_parser().parse_args(["simulate", "-o", "out", *options]))


def test_no_options_are_the_defaults_of_the_settings():
    assert parsed() == SimulateRequest(labels=[])
    assert tuple(phase.value for phase in ContrastPhase) == command.PHASES
    assert tuple(DEFORMATIONS) == command.DEFORMATIONS
    assert ("none", *FAULTS) == command.FAULTS


def test_a_liver_bends_by_default_as_in_free_breathing_and_typically_of_its_deformation():
    assert parsed().settings.motion.bend_mm == DEFORMATIONS["smooth"].typical_mm == 2.0
    assert parsed("--deformation", "hinge").settings.motion.bend_mm == DEFORMATIONS["hinge"].typical_mm
    assert parsed("--bend-mm", "0").settings.motion.bend_mm == 0
    assert parsed("--motion", "still").settings.motion.bend_mm == 0


def test_every_option_reaches_its_setting():
    """No two values are alike, so that two settings cannot be exchanged."""
    words = (
        "--seed 3 --num-pairs 2 --dicom --ct ct.nii.gz --labels liver=l.nii.gz spleen.nii.gz "
        "--source-phase native --moving-phase early_arterial --fixed-phase delayed --size 300 290 280 "
        "--spacing-mm 1.1 1.2 1.3 --motion random --translation-mm 1 2 --rotation-deg 3 4 --body-translation-mm 5 6 "
        "--body-rotation-deg 7 8 --bend-mm 0.9 --deformation dome --fault step --fault-amount 4 --lipiodol "
        "--moving-size 50 60 70 --moving-spacing-mm 2.1 2.2 2.3 "
        "--slice-thickness-mm 2.4 --oblique-deg 2.5 --cut-top 0.1 --cut-bottom 0.2 --noise-hu 14 --streaks-hu 15 "
        "--padding-hu -2048 --mask-error-mm 1.6"
    )
    assert parsed(*words.split()) == SimulateRequest(
        settings=PairSettings(
            phantom=PhantomSettings(shape=(300, 290, 280), spacing_mm=(1.1, 1.2, 1.3)),
            source_phase=ContrastPhase.NATIVE,
            moving_phase=ContrastPhase.EARLY_ARTERIAL,
            fixed_phase=ContrastPhase.DELAYED,
            motion=MotionSettings(
                kind="random",
                translation_mm=(1, 2),
                rotation_deg=(3, 4),
                body_translation_mm=(5, 6),
                body_rotation_deg=(7, 8),
                bend_mm=0.9,
                deformation="dome",
            ),
            moving=AcquisitionSettings(
                shape=(50, 60, 70),
                spacing_mm=(2.1, 2.2, 2.3),
                slice_thickness_mm=2.4,
                oblique_deg=2.5,
                cut_top=0.1,
                cut_bottom=0.2,
                noise_hu=14,
                streaks_hu=15,
                padding_hu=-2048,
                mask_error_mm=1.6,
            ),
            fixed=AcquisitionSettings(padding_hu=-2048, mask_error_mm=1.6),
            fault=FaultSettings("step", 4.0),
            lipiodol=True,
        ),
        seed=3,
        num_pairs=2,
        ct="ct.nii.gz",
        labels=["liver=l.nii.gz", "spleen.nii.gz"],
        dicom=True,
    )


def test_pair_on_disk(tmp_path, capsys):
    options = ["--size", "62", "50", "40", "--spacing-mm", "6", "6", "6", "--seed", "1"]
    assert main(["simulate", "-o", str(tmp_path / "out"), *options]) == 0
    assert "1 pair" in capsys.readouterr().out
    assert (tmp_path / "out" / "truth.txt").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--size", "5", "5", "5"], "voxels"),
        (["--labels", "liver.nii.gz"], "--ct"),
        (["--cut-top", "0.9"], "in view"),
        (["--rotation-deg", "5", "1"], "range"),
        (["--num-pairs", "0"], "at least one pair"),
        (["--seed", "-1"], "seed of 0 or more, got -1"),
        (["--slice-thickness-mm", "-1"], "slice_thickness_mm from 0.1 to 50, got -1"),
        (["--mask-error-mm", "100"], "mask_error_mm from 0 to 20"),
        (["--streaks-hu", "1e9"], "streaks_hu from 0 to 500"),
        (["--fault", "spacing", "--fault-amount", "60"], "fault from 0 to 50, got 60"),
        (["--noise-hu", "nan"], "noise_hu from 0 to 200, got nan"),
    ],
)
def test_bad_options_are_one_line(tmp_path, capsys, options, text):
    assert main(["simulate", "-o", str(tmp_path / "out"), *options]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert text in lines[0]
    assert not list(tmp_path.iterdir())
