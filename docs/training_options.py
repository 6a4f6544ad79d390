"""Lists of losses, encoders and decoders with their options in docs/training.md: ``python docs/training_options.py``.

Names come from the tables of the package, defaults from signatures and settings, meanings from docstrings.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from hepareg.networks import DeformableDecoderSettings
from hepareg.networks.deformable_decoder import DeformableDecoder
from hepareg.networks.parts import ENCODERS, RIGID_DECODERS
from hepareg.regularisation import REGULARISERS
from hepareg.similarity import IMAGE_LOSSES, LABEL_LOSSES
from hepareg.training.loss_options import options_of

PAGE = Path(__file__).with_name("training.md")
BEGIN, END = "<!-- options: made by docs/training_options.py -->", "<!-- end of options -->"

Row = tuple[str, str, str, str]
"""Name of a part, option, default, meaning."""


def options_markdown() -> str:
    """Return the lists as Markdown."""
    losses = (
        ("`loss.similarity`: losses on the intensities, inside the widened fixed mask", IMAGE_LOSSES),
        ("`loss.labels`: losses on the liver masks", LABEL_LOSSES),
        ("`loss.regularisation`: penalties on the predicted transform", REGULARISERS),
    )
    parts = (("`network.encoder`", ENCODERS), ("`network.decoder`: rigid decoders", RIGID_DECODERS))
    sections = [_section(title, _loss_rows(table)) for title, table in losses]
    sections += [_section(title, _part_rows(table)) for title, table in parts]
    deformable = _options_of_part("deformable", DeformableDecoderSettings, DeformableDecoder)
    return "\n".join([*sections, _section("`network.deformable`: the deformable decoder", deformable)])


def with_options(page: str) -> str:
    """Return the text of the page with its lists made anew."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{options_markdown()}{END}{rest.split(END)[1]}"


def _section(title: str, rows: Iterator[Row]) -> str:
    lines = [f"| {' | '.join(row)} |".replace("``", "`") for row in rows]
    return "\n".join([f"\n### {title}\n", "| name | option | default | meaning |", "|---|---|---|---|", *lines, ""])


def _loss_rows(table: Mapping[str, Any]) -> Iterator[Row]:
    for name, loss in table.items():
        yield f"`{name}`", "", "", _summary(loss)
        texts = _parameter_texts(loss)
        for option, (_, default) in options_of(loss).items():
            yield "", f"`{option}`", _shown(default), texts[option]


def _part_rows(table: Mapping[str, Any]) -> Iterator[Row]:
    for name, settings in table.items():
        yield from _options_of_part(name, settings, get_type_hints(settings.build)["return"])


def _options_of_part(name: str, settings: Any, module: Any) -> Iterator[Row]:
    yield f"`{name}`", "", "", _summary(module)
    texts = _parameter_texts(settings)
    for option in fields(settings):
        yield "", f"`{option.name}`", _shown(option.default), texts[option.name]


def _summary(documented: Any) -> str:
    """Return the first line of a docstring without its verb."""
    text = re.sub(r"^Return (the )?", "", inspect.getdoc(documented).splitlines()[0])
    return text[0].upper() + text[1:]


def _parameter_texts(documented: Any) -> dict[str, str]:
    """Return the text of each parameter in a NumPy docstring."""
    section = inspect.getdoc(documented).split("Parameters\n----------\n")[1]
    section = re.split(r"\n\n\w+\n-+\n", section)[0]
    found = {}
    for names, text in re.findall(r"^(\w[\w, ]*)\n((?:[ ]+.*\n?|\n)+)", section, flags=re.MULTILINE):
        found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return found


def _shown(default: Any) -> str:
    """Return a default as settings files write it."""
    if isinstance(default, tuple):
        return f"[{', '.join(map(str, default))}]"
    return str(default).lower()


if __name__ == "__main__":
    PAGE.write_text(with_options(PAGE.read_text()))
