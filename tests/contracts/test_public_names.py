"""The names of `import hepareg`: a promise to users, each with a docstring and an example; importing is free."""

import ast
import inspect
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import hepareg
from hepareg import errors
from tests.contracts.test_documentation_code import blocks

FUNCTIONS = {"apply", "compare", "read_image", "read_mask", "read_transform", "register"}
RESULTS = {"Applied", "Comparison", "Decision", "Registration", "RegistrationResult", "Verdict"}
OBJECTS = {"AffineTransform", "Grid", "Method", "Phase", "Provenance", "RegistrationPool", "RigidTransform", "Volume"}
SETTINGS = {
    "ApplySettings", "BothDirectionsSettings", "EvidenceSettings", "ProblemSettings", "RefinementSettings",
    "RegisterSettings", "StartSettings", "SurfaceFusionSettings", "TissueMotionSettings", "UncertaintySettings",
    "VerdictSettings",
}  # fmt: skip
ERRORS = {
    "DeviceError", "FileFormatError", "HeparegError", "ImageError", "InputError", "MaskError", "MissingExtraError",
    "OutputError", "PairError", "RigidityError", "SettingsError", "TrainingError", "TransformError",
}  # fmt: skip
PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_names_are_these():
    """Remove or rename none of them without a deprecation; add new ones here and in docs/python.md."""
    assert set(hepareg.__all__) == FUNCTIONS | RESULTS | OBJECTS | SETTINGS | ERRORS
    assert len(hepareg.__all__) == len(set(hepareg.__all__))
    assert dir(hepareg) == sorted(hepareg.__all__)


@pytest.mark.parametrize("name", hepareg.__all__)
def test_each_name_is_there_and_has_a_docstring_of_its_own(name):
    thing = getattr(hepareg, name)
    text = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    assert text
    assert not text.startswith(f"{name}("), "made by dataclass"
    for attribute, value in vars(thing).items() if inspect.isclass(thing) else ():
        if inspect.isfunction(value) and not attribute.startswith("_"):
            assert value.__doc__, f"{name}.{attribute}"


def test_each_name_has_an_example_that_the_tests_run():
    tree = ast.parse("\n".join(blocks(PAGE, ["python"])))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert set(hepareg.__all__) <= used


def test_all_errors_are_there_by_name():
    assert set(errors.__all__) == ERRORS
    assert all(getattr(hepareg, name) is getattr(errors, name) for name in ERRORS)


def test_the_settings_of_every_step_are_there_by_name():
    steps = {
        type(getattr(hepareg.RegisterSettings(), field.name)).__name__ for field in fields(hepareg.RegisterSettings)
    }
    assert steps | {"RegisterSettings", "ApplySettings"} == SETTINGS


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'registre'"):
        hepareg.registre  # noqa: B018


def test_the_import_is_free_and_changes_nothing():
    code = (
        "import os, sys\nbefore = dict(os.environ)\nimport hepareg\nassert dict(os.environ) == before\n"
        "print([m for m in ('numpy', 'torch', 'nibabel', 'SimpleITK', 'pydicom', 'hepareg.api') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
