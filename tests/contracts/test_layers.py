"""The folders of src/hepareg import only from lower layers (DESIGN, section 1)."""

import ast
from pathlib import Path

import pytest

import hepareg

ROOT = Path(hepareg.__file__).parent
LAYERS = (
    ("errors",),
    ("arrays", "_optional", "thread_variables"),
    ("geometry",),
    ("volume",),
    ("voxel_tensor", "pair"),
    ("transforms", "similarity"),
    ("regularisation", "io", "preprocessing", "networks", "evaluation", "figures"),
    ("simulation", "refinement"),
    ("data",),
    ("training", "registration"),
    ("reporting",),
    ("workflows",),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
TOP = {"__init__.py", "__main__.py"}


def imports_of(path: Path) -> set[str]:
    """Return the first-level parts of hepareg that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    parts = {name.split(".")[1] for name in names if name.startswith("hepareg.")}
    return parts & RANK.keys()


FILES = sorted(path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in TOP)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path):
    part = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert part in RANK, f"{part} has no layer: give it one here and in the design"
    for other in imports_of(path) - {part}:
        assert RANK[other] < RANK[part], f"{path.relative_to(ROOT)} imports {other}, which is not below {part}"
