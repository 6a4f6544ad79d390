"""The version stands in one place of the code; the files that repeat it for readers agree with it."""

import re
from pathlib import Path

import pytest
import yaml

import hepareg

ROOT = Path(__file__).parents[2]


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == hepareg.__version__


def test_the_newest_section_of_the_changelog_is_this_version():
    sections = re.findall(r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [name for name in sections if name != "Unreleased"]
    assert released[0] == hepareg.__version__
    assert len(set(sections)) == len(sections)


def test_the_package_takes_its_version_from_the_code():
    project = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project
    assert not re.search(r"^version *=", project, re.MULTILINE)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_workflow_runs_the_one_script_on_each_python(version):
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert version in job["strategy"]["matrix"]["python"]
    assert job["steps"][-1] == {"run": ".ci/run"}
