"""The simulator's HU and where they come from, as tables of the documentation: read from the code's own tables."""

from hepareg.simulation import ContrastPhase, Label
from hepareg.simulation.contrast.contrast_table import ASSUMED, ENHANCED_HU, HU_SOURCES, SOURCES, UNENHANCED_HU

__all__ = ["contrast_tables"]


def contrast_tables() -> str:
    """Return Markdown: HU by tissue and phase with the letters of their sources, then the sources."""
    phases = " | ".join(phase.value.replace("_", " ") for phase in ContrastPhase)
    lines = [f"| tissue | {phases} |", "|" + "---|" * (len(ContrastPhase) + 1)]
    lines += [_row(label, ENHANCED_HU[label]) for label in Label if label in ENHANCED_HU]
    lines += ["", "| tissue | all phases |", "|---|---|"]
    lines += [_row(label, (UNENHANCED_HU[label],)) for label in Label if label in UNENHANCED_HU]
    lines += ["", "| source | | what it reports |", "|---|---|---|"]
    lines += [f"| {letter} | {_linked(source.citation)} | {source.says} |" for letter, source in SOURCES.items()]
    return "\n".join(lines)


def _row(label: Label, values: tuple[tuple[float, float], ...]) -> str:
    letters = HU_SOURCES.get(label, ASSUMED * len(values))
    cells = [
        f"{mean:g} ± {spread:g}" + (f" ({letter})" if letter != ASSUMED else " assumed")
        for (mean, spread), letter in zip(values, letters, strict=True)
    ]
    return f"| {label.name.lower().replace('_', ' ')} | " + " | ".join(cells) + " |"


def _linked(citation: str) -> str:
    text, found, doi = citation.partition("doi:")
    return f"{text}[doi:{doi}](https://doi.org/{doi})" if found else text
