"""A result records every number that tunes a registration, so that two calibrations can be told apart."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

import hepareg
from hepareg.registration import settings as module
from hepareg.registration.settings import CONSTANTS, RegisterSettings

ROOT = Path(hepareg.__file__).parent
FIXED_BY_MATHEMATICS = {"VOXEL", "INTERPOLATION", "FIRST, CURVED", "LEAST_VARIANCE_VOX2, LARGEST_VARIANCE_VOX2"}
NUMERICAL_GUARDS = {"TINY", "ROUNDING"}
SPEED_ALONE = {"CELLS_EACH", "LOOK_EVERY"}
PLACES_IN_MEMORY = {"WEIGHT, SQUARES, UNEXPLAINED, INSIDE"}
STARTS_ALONE = {"THINNING"}
WORDS_ALONE = {"CENTRAL_SHARE", "WORST_SHARE, LEAST_COSINE"}
KNOWN = WORDS_ALONE | FIXED_BY_MATHEMATICS | NUMERICAL_GUARDS | SPEED_ALONE | PLACES_IN_MEMORY | STARTS_ALONE


def module_constants():
    """Yield file and name of each number, or tuple of numbers, that a module of the core binds to a name."""
    for folder in ("refinement", "registration"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.parent.name == "witnesses":  # recorded as a whole, see below
                continue
            for node in ast.parse(path.read_text()).body:
                if not isinstance(node, ast.Assign):
                    continue
                try:
                    value = eval(compile(ast.Expression(node.value), str(path), "eval"), {})
                except Exception:
                    continue  # no plain number
                parts = value if isinstance(value, tuple) else (value,)
                if all(isinstance(part, int | float) for part in parts):
                    yield path.name, ast.unparse(node.targets[0]).strip("()")


def test_the_numbers_of_every_witness_are_recorded():
    recorded = CONSTANTS["witnesses"]
    files = {path.stem for path in (ROOT / "registration" / "witnesses").glob("*.py")} - {"__init__", "witnesses"}
    assert files | {"slice_sequence"} == set(recorded)
    assert recorded["flatness"]["step_mm"] == 4.0
    assert all(recorded.values())


def test_every_number_of_the_core_is_a_setting_or_recorded_or_known_to_tune_nothing():
    recorded = {name for name in vars(module) if name.isupper()}
    found = list(module_constants())
    assert len(found) > 10
    for file, names in found:
        assert names in KNOWN or set(names.split(", ")) <= recorded, (
            f"{file}: {names} is neither a setting nor recorded: make it a field of the settings of its component, "
            "or add it to CONSTANTS"
        )
    assert {names for _, names in found} >= KNOWN, "a name that is no longer in the code"


def test_the_record_is_plain_data_with_all_components():
    record = RegisterSettings().record()
    assert json.loads(json.dumps(record))["constants"]["arc_radius_mm"] == CONSTANTS["arc_radius_mm"]
    assert set(record) == {
        "problem", "starts", "refinement", "uncertainty", "tissue_motion", "both_directions", "surface_fusion",
        "evidence",         "verdict", "constants",
    }  # fmt: skip


@pytest.mark.parametrize(
    "component", ["problem", "starts", "uncertainty", "both_directions", "surface_fusion", "evidence", "verdict"]
)
def test_another_calibration_has_another_record(component):
    settings = RegisterSettings()
    part = getattr(settings, component)
    name, value = next((n, v) for n, v in vars(part).items() if isinstance(v, float) or n == "rotations_deg")
    other = replace(part, **{name: (1.0,) if name == "rotations_deg" else 2 * value})
    assert replace(settings, **{component: other}).record() != settings.record()
