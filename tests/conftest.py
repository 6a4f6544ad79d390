"""Fixtures for all tests."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

torch.set_warn_always(True)  # torch warns once in a process: only the first test to provoke it would fail


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real CT beside the repository, or the one that HEPAREG_DATA names."""
    folder = Path(os.environ.get("HEPAREG_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "lidc_idri_0001").is_dir():
        pytest.skip("the shared CT data is not beside this repository")
    return folder


@pytest.fixture(scope="session")
def simulated_pair():
    """A small simulated pair: the liver moves 16 mm, the rest of the body stays."""
    from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings, PhantomSettings, simulate_pair

    settings = PairSettings(
        phantom=PhantomSettings(shape=(96, 80, 60), spacing_mm=(4.0, 4.0, 4.0)),
        motion=MotionSettings(translation_mm=(16.0, 16.0), rotation_deg=(3.0, 4.0)),
        moving=AcquisitionSettings(spacing_mm=(4.2, 4.2, 3.5), oblique_deg=4.0, flips=(True, False, False)),
    )
    return simulate_pair(settings=settings, seed=1)


@pytest.fixture(scope="session")
def pair_folder(simulated_pair, tmp_path_factory):
    """Its files, as `hepareg simulate` writes them; read-only by agreement."""
    from hepareg.workflows.simulate import write_pair

    folder = tmp_path_factory.mktemp("pair")
    write_pair(folder, simulated_pair)
    return folder


@pytest.fixture
def known_result(monkeypatch):
    """Replace the library call by one that returns a given answer at once; call it with what the answer is to be."""
    import hepareg.registration as package
    from hepareg.refinement.solvers.solution import Solution, Status
    from hepareg.registration import Decision, RegistrationResult, Verdict

    def install(transform, *, decision="accept", reasons=(), centre_mm=(0.0, 0.0, 0.0), expected_mm=0.4):
        calls = []

        def register(**arguments):
            calls.append(arguments)
            if arguments.get("progress") is not None:
                arguments["progress"]("refinement")
            return RegistrationResult(
                transform=transform,
                verdict=Verdict(
                    decision=Decision(decision),
                    already_aligned=False,
                    expected_liver_tre_mm=expected_mm,
                    expected_liver_p95_mm=1.5 * expected_mm,
                    rigid_fit_error_mm=expected_mm,
                    reasons=tuple(reasons),
                    evidence={"overlap_share": 1.0, "dice_after": 0.97},
                ),
                centre_mm=np.array(centre_mm),
                start=transform,
                start_name="identity",
                history=(Solution(transform, Status.CONVERGED, 1, (0.5, 0.1), 0.0),),
                similarity_before=0.1,
                similarity_after=0.9,
                timings_s={"refinement": 0.0},
                settings={"refinement": {"levels": [10.0, 5.0]}},
            )

        monkeypatch.setattr(package, "register", register)
        return calls

    return install
