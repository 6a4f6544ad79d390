"""Files, and folders inside folders, import only from lower layers; no two files import each other."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import hepareg

ROOT = Path(hepareg.__file__).parent
LAYERS = (
    ("errors",),
    ("arrays", "_optional", "clock", "thread_variables", "torch_device"),
    ("geometry",),
    ("volume",),
    ("voxel_tensor", "pair"),
    ("transforms", "similarity"),
    ("regularisation", "io", "preprocessing", "networks", "evaluation", "figures"),
    ("masks",),
    ("simulation", "refinement"),
    ("data",),
    ("training", "registration"),
    ("workflows",),
    ("cli", "api"),
    ("pool",),
)
LAYERS_INSIDE = {
    "simulation": (
        ("interpolation",),
        ("organ_space", "shapes"),
        ("anatomy",),
        ("contrast", "motion"),
        ("acquisition",),
        ("pairs",),
    ),
    "refinement": (
        ("direction", "images", "intensity_map", "solvers"),
        ("local_affine",),
        ("cuda", "slice_profile", "smooth_field"),
        ("settings",),
        ("level",),
        ("averaged_pair",),
        ("multilevel",),
    ),
    "registration": (
        (
            "full_precision",
            "images",
            "liver_top",
            "method",
            "mask_surface",
            "outlines",
            "rough_liver",
            "verdict_settings",
        ),
        ("inner_texture", "pose_uncertainty", "problem", "surface_observer"),
        ("both_directions", "starts", "surface_pair", "tissue_motion", "witnesses"),
        ("left_by_rigid",),
        ("evidence", "result"),
        ("comparisons",),
        ("expected_error", "prediction", "surface_fusion"),
        ("verdict_rule",),
        ("witness_rules",),
        ("verdict_rules",),
        ("verdict",),
        ("settings",),
        ("register",),
    ),
}
"""Order of the files and folders inside a folder; a file that is not named is left to the test of cycles."""
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
TOP = {"__init__.py", "__main__.py"}


def modules_of(path: Path) -> set[str]:
    """Return the names below hepareg that a file imports, wherever in the file: ``geometry.grid``, ``volume``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.removeprefix("hepareg.") for name in names if name.startswith("hepareg.")}


def imports_of(path: Path) -> set[str]:
    """Return the first-level parts of hepareg that a file imports."""
    return {name.split(".")[0] for name in modules_of(path)} & RANK.keys()


def module_name(path: Path) -> str:
    """Return the name of a file's module below hepareg; a folder's ``__init__`` has the folder's name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = sorted(path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in TOP)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path):
    part = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert part in RANK, f"{part} has no layer: give it one here and in docs/architecture.md"
    for other in imports_of(path) - {part}:
        assert RANK[other] < RANK[part], f"{path.relative_to(ROOT)} imports {other}, which is not below {part}"


@pytest.mark.parametrize("folder", LAYERS_INSIDE)
def test_imports_inside_a_folder_go_down(folder):
    rank = {name: rank for rank, names in enumerate(LAYERS_INSIDE[folder]) for name in names}
    parts = {path.name.removesuffix(".py") for path in (ROOT / folder).iterdir()}
    assert rank.keys() <= parts, f"no longer in {folder}: {rank.keys() - parts}"
    for path in FILES:
        first, second, *_ = *module_name(path).split("."), ""
        if first != folder or second not in rank:
            continue
        others = {name.split(".")[1] for name in modules_of(path) if name.startswith(f"{folder}.")}
        for other in (others & rank.keys()) - {second}:
            assert rank[other] < rank[second], f"{path.relative_to(ROOT)} imports {folder}/{other}, not below it"


def test_no_two_files_import_each_other():
    """Neither directly nor by way of others; imports inside functions and for type checkers count."""
    modules = {module_name(path): path for path in FILES}
    graph = {name: modules_of(path) & modules.keys() - {name} for name, path in modules.items()}
    assert sum(map(len, graph.values())) > len(graph), "the names of the imports no longer match those of the files"
    list(TopologicalSorter(graph).static_order())  # CycleError names the files of a cycle
