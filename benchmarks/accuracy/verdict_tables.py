"""Tables of ``docs/verdict.md``: rules, evidence, and limits with their origin and their calibration."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from benchmarks.tables import Column, Row, table
from hepareg.registration.evidence import Evidence
from hepareg.registration.expected_error import ERROR_PARTS
from hepareg.registration.result import Decision
from hepareg.registration.verdict_rules import RULES
from hepareg.registration.verdict_settings import VerdictSettings
from hepareg.registration.witnesses.witnesses import Witnesses

__all__ = ["ORIGINS", "documented_parameters", "verdict_tables"]

DEFAULTS = VerdictSettings()
DECISIONS = {Decision.REJECT: "reject", Decision.REVIEW: "review", Decision.ACCEPT: "note"}
UNITS = {"_per_mm": "1/mm", "_mm": "mm", "_ml": "ml"}

FIRST = "Chosen by hand in the first version"
NOISY = "Chosen by hand on the stress set, for very noisy images"
BENDS = "Chosen by hand: ten times what is found on rigid livers, and half of what may be accepted"
ORIGINS = {
    "accept_mm": "The purpose of the verdict: an accepted result promises this",
    "reject_mm": FIRST,
    "aligned_mm": FIRST,
    "floor_mm": FIRST,
    "uncertainty_factor": "Theory: the estimate is an expected error already",
    "voxel_bias_per_mm": "Chosen by hand when coarse voxels showed larger errors; the measurement was not kept",
    "shared_voxel_bias": "Chosen by hand with the search in both directions",
    "accept_p95_mm": "The purpose of the verdict: an accepted result promises this",
    "doubtful_mask_mm": "Least error that was seen on simulated pairs with masks of something else (5 to 19 mm)",
    "disordered_slices_mm": "Typical error on simulated pairs with 16 to 40 shuffled slices (2 to 8 mm)",
    "p95_of_mean": "Geometry: 1 for a shift, up to 1.9 for a rotation about the middle of the liver",
    "max_left_p95_mm": BENDS,
    "min_explained_share": FIRST,
    "explained_share_tolerance": "Chosen by hand on the stress set",
    "min_basin_depth": FIRST,
    "reject_basin_depth": f"{FIRST}: a fifth of the limit for review",
    "confirming_dice": NOISY,
    "min_basin_depth_confirmed": NOISY,
    "reject_basin_depth_confirmed": f"{NOISY}: a fifth of the limit for review",
    "min_rival_gap": FIRST,
    "min_overlap_share": FIRST,
    "reject_overlap_share": f"{FIRST}: two fifths of the limit for review",
    "min_dice": FIRST,
    "max_inverse_consistency_mm": "Chosen by hand on the stress set: half a voxel of the level compared",
    "min_liver_ml": "Chosen by hand on the stress set",
    "min_soft_tissue_share": "Chosen by hand on the stress set; raised from 0.8",
    "max_slice_order_ratio": "Even sequences reach 0.88 on six real scans, 1.19 on 150 simulated images",
    "max_liver_ml": (
        "Literature: 1.5 l (SD 0.39) in 2,773 people, 1.7 l (SD 0.42) in fatty livers (doi:10.1016/j.ejrad.2018.07.005)"
    ),
    "min_mask_homogeneity": "Right masks reach down to 0.81 in simulation; masks 40 mm off 0.62 to 0.66",
    "reject_mask_homogeneity": "Masks of muscle and spine reach 0.24, mirrored ones 0.26",
    "max_exchanged_contrast_hu": "Real arterial phase 313 HU, real late phases 70 and 82; 121 at most in simulation",
    "flatness_floor_mm": "Well determined poses reach 0.71 mm",
    "max_flatness_mm": "Well determined poses reach 0.71 mm; spheres and ellipsoids without vessels 1.2 to 3.2 mm",
    "max_surface_shift_mm": "Right masks of rigid livers reach 1.3 mm, parts that moved by more than 3 mm 2.1 and more",
    "max_stretch_share": "Rigid livers reach 0.022, those cut by the border included; 5 % of wrong spacing 0.06",
    "max_slab_shift_mm": "Rigid livers reach 1.0 mm; steps of 5 mm and 5 mm of lost slices 1.8 and more",
    "max_slice_gap": "Even sequences reach 1 on six real scans and 2.28 on 150 simulated images",
}
"""Origin of each setting, as far as it was recorded."""

REASONS: tuple[Column, ...] = (
    ("code", lambda rule: f"`{rule.code}`", ""), ("decision", lambda rule: DECISIONS[rule.decision], ""),
    ("meaning", lambda rule: rule.meaning, ""), ("what to do", lambda rule: rule.what_to_do, ""),
    ("limits", lambda rule: ", ".join(f"`{name}`" for name in rule.limits) or None, ""),
)  # fmt: skip
PARTS: tuple[Column, ...] = (
    ("part", lambda part: part.name, ""), ("formula", lambda part: f"`{part.formula}`", ""),
    ("how it arises", lambda part: part.meaning, ""),
)  # fmt: skip
NAME: Column = ("name", lambda row: f"`{row['name']}`", "")
EVIDENCE: tuple[Column, ...] = (NAME, ("unit", "unit", ""), ("meaning", "meaning", ""))
SETTINGS: tuple[Column, ...] = (
    NAME, ("value", lambda row: getattr(DEFAULTS, row["name"]), "g"), *EVIDENCE[1:],
    ("origin of the value", lambda row: ORIGINS[row["name"]], ""),
    ("accepted good results reach", "accepted_reach", ".4g"), ("false accepts stay at 0 up to", "free_to", ".4g"),
)  # fmt: skip
SETS: tuple[Column, ...] = (
    ("set", "name", ""), ("commit", lambda row: row["commit"][:12], ""), ("good results", "good", ""),
    ("accepted", "good_accepted", ""), ("worse than expected", "good_worse_than_expected", ""),
    ("wrong results", "wrong", ""), ("accepted", "wrong_accepted", ""),
)  # fmt: skip


def verdict_tables(calibration: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of the page by name, from rules, settings and the content of ``verdict_limits.json``."""
    limits = calibration["limits"]
    settings = (
        {"free_to": None, "accepted_reach": None, **row, **limits.get(row["name"], {})}
        for row in _described(VerdictSettings)
    )
    described = (*_described(Evidence), *_described(Witnesses))
    numbers = (row for row in described if row["name"] not in ("status", "left_by_rigid", "flags"))
    return {
        "reasons": table(RULES, REASONS, left=len(REASONS)),
        "error_parts": table(ERROR_PARTS, PARTS, left=len(PARTS)),
        "evidence": table(numbers, EVIDENCE, left=len(EVIDENCE)),
        "limits": table(settings, SETTINGS, left=len(SETTINGS) - 2),
        "sets": table(({"name": name, **found} for name, found in calibration["sets"].items()), SETS),
    }


def documented_parameters(documented: type) -> Iterator[tuple[str, str]]:
    """Yield name and text of every entry under *Parameters* in a NumPy docstring."""
    text = (inspect.getdoc(documented) or "") + "\n"
    body = text.partition("Parameters\n----------\n")[2]
    for names, entry in re.findall(r"^(\w[\w, ]*)\n((?: {4}.*\n)+)", body, re.MULTILINE):
        for name in names.split(", "):
            yield name, " ".join(entry.split())


def _described(documented: type) -> Iterator[Row]:
    """Yield name, meaning and unit, which the end of the name states, of every parameter of a class."""
    for name, text in documented_parameters(documented):
        unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), None)
        yield {"name": name, "unit": unit, "meaning": text}
