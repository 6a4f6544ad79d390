"""MONAI and Lightning are imported by data/ and training/ alone: everything else runs on the core install."""

import ast
from pathlib import Path

import hepareg

ROOT = Path(hepareg.__file__).parent
ALLOWED = {"data", "training"}
HEAVY = {"monai", "lightning", "pydantic", "wandb"}


def test_only_data_and_training_import_the_training_extra():
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] in ALLOWED:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {n.split(".")[0] for n in names} & HEAVY, f"{path.relative_to(ROOT)} imports {names}"
