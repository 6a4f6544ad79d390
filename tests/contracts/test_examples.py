"""The notebooks in examples/ run from top to bottom, and hold no output."""

import ast
import json
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def cells(path, kind):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def shown(code, namespace):
    """Run one cell and return the value of its last line, which a notebook shows."""
    *statements, last = ast.parse(code).body
    exec(compile(ast.Module(statements, []), "cell", "exec"), namespace)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)
    exec(compile(ast.Module([last], []), "cell", "exec"), namespace)
    return None


def test_there_are_notebooks():
    assert [path.name for path in NOTEBOOKS] == ["first_registration.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_outputs_are_stripped(path):
    assert path.read_text().endswith("}\n")
    assert len({cell["id"] for kind in ("code", "markdown") for cell in cells(path, kind)}) > 5
    for cell in cells(path, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


def test_the_first_registration_shows_matrix_verdict_and_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    values = [shown("".join(cell["source"]), namespace) for cell in cells(NOTEBOOKS[0], "code")]
    page = next(value for value in values if hasattr(value, "_repr_html_"))._repr_html_()
    assert "data:image/jpeg;base64," in page
    assert "<b>ACCEPT</b>" in page
    assert namespace["matrix"].shape == (4, 4)
    assert namespace["verdict"].decision.value == "accept"
    assert (tmp_path / "result" / "moving_from_fixed.txt").exists()
    assert (tmp_path / "result" / "qa.png").exists()
