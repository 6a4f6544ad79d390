"""docs/formats.md names every suffix that a reader or writer knows, no other one, and every golden file."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from hepareg.io.itk_images import ITK_SUFFIXES
from hepareg.io.nifti import NIFTI_SUFFIXES
from hepareg.io.transforms import WRITTEN_SUFFIXES, read_transform
from hepareg.workflows.apply import IMAGE_SUFFIXES
from hepareg.workflows.apply_points import KINDS

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
SUFFIX = re.compile(r"`(\.[a-z0-9.]+)`")
EXPECTED = {
    "landmarks.json",
    "verdicts.json",
    "voxels_hu.npy",
    "stored.npy",
    "points.json",
    "masks.npz",
    "expected.npz",
}
"""Files in the golden folder that hold values to compare with, not a format to read."""


def tables():
    """Return the rows of the page's tables by section, each a dict by column."""
    found = {}
    for section in (ROOT / "docs" / "formats.md").read_text().split("\n## ")[1:]:
        title, *lines = section.splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
        found[title] = [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]
    return found


TABLES = tables()


def suffixes(section, column):
    return {suffix for row in TABLES[section] for suffix in SUFFIX.findall(row[column])}


def test_every_suffix_of_an_image_and_no_other():
    assert suffixes("Images", "suffixes") == {*NIFTI_SUFFIXES, *ITK_SUFFIXES, ".zip"}
    assert suffixes("Images", "written") == set(IMAGE_SUFFIXES)
    assert suffixes("Masks", "suffixes") == {".seg.nrrd", ".nrrd", ".nhdr"}


def test_every_suffix_of_points_and_no_other():
    known = {suffix for kind in KINDS for suffix in kind.suffixes}
    assert suffixes("Points and meshes", "suffixes") == known
    unwritten = [row["format"] for row in TABLES["Points and meshes"] if not row["written"].startswith("yes")]
    assert unwritten == ["pairs of points, as `--start`"]


def test_every_suffix_of_a_transform_and_no_other():
    assert suffixes("Transforms", "written") == set(WRITTEN_SUFFIXES)
    assert suffixes("Transforms", "suffixes") == {*WRITTEN_SUFFIXES, ".h5", ".toml"}


@pytest.mark.parametrize(
    ("begin", "golden"),
    [("ITK", "itk_euler.tfm"), ("elastix", "elastix/TransformParameters.0.txt"), ("FreeSurfer", "surfa_world.lta")],
)
def test_a_transform_is_read_under_every_suffix_of_its_row(tmp_path, begin, golden):
    row = next(row for row in TABLES["Transforms"] if row["format"].startswith(begin))
    wanted = read_transform(GOLDEN / golden).matrix
    for suffix in SUFFIX.findall(row["suffixes"]):
        copy = shutil.copy(GOLDEN / golden, tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(read_transform(copy).matrix, wanted)


def test_every_golden_file_is_named_and_every_name_is_one():
    cells = [row["test files by"] for rows in TABLES.values() for row in rows]
    patterns = [name for cell in cells for name in re.findall(r"`([^`.]*[/.][^`]*)`", cell) if not name.startswith(".")]
    named = {pattern: {f for f in GOLDEN.glob(pattern) if f.is_file()} for pattern in patterns}
    named |= {pattern: set((GOLDEN / pattern).glob("*")) for pattern in patterns if pattern.endswith("/")}
    assert [pattern for pattern, files in named.items() if not files] == []
    files = {f for f in GOLDEN.rglob("*") if f.is_file() and f.suffix not in (".py", ".pyc", ".md")}
    assert {f.name for f in files - set().union(*named.values())} <= EXPECTED


def test_the_page_is_linked():
    for page in ("README.md", "docs/index.md", "mkdocs.yml"):
        assert "formats.md" in (ROOT / page).read_text()
