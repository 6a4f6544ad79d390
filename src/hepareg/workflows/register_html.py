"""A result as one piece of HTML for a notebook, with nothing in it that names a patient or a file."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from hepareg.registration.verdict_rules import rule_of
from hepareg.workflows.register_words import expected_error, place_of_liver

if TYPE_CHECKING:
    from PIL.Image import Image

    from hepareg.registration import RegistrationResult

__all__ = ["html_of_result"]

COLOURS = {"accept": "#48be6e", "review": "#f0b428", "reject": "#e85046"}
JPEG_QUALITY = 85
"""A tenth of the size of the PNG file; the outlines of the liver stay sharp."""


def html_of_result(result: "RegistrationResult", picture: "Image", *, notes: Sequence[str] = ()) -> str:
    """Return verdict, expected error, reasons in words, matrix and picture as HTML that needs no other file.

    The matrix of a rejected result is left out, as in its files.

    Parameters
    ----------
    result
        Result of the registration.
    picture
        The pair before and after.
    notes
        Remarks of the readers.
    """
    verdict = result.verdict
    decision = verdict.decision.value
    rules = [rule_of(code) for code in verdict.reasons]
    reasons = "".join(
        f"<li><b>{escape(rule.code)}</b>: {escape(rule.meaning)} {escape(rule.what_to_do)}</li>" for rule in rules
    )
    parts = [
        f'<div style="border-left:6px solid {COLOURS[decision]};padding-left:10px">',
        f"<p><b>{escape(decision.upper())}</b>: {escape(expected_error(verdict))}</p>",
        f"<ul>{reasons}</ul>" if reasons else "",
        "" if decision == "reject" else _motion(result),
        *(f"<p>Note: {escape(note)}</p>" for note in notes),
        f'<img alt="pair before and after" style="max-width:100%" src="data:image/jpeg;base64,{_jpeg(picture)}">',
        "<p>Research use only, not a medical device.</p></div>",
    ]
    return "".join(parts)


def _motion(result: "RegistrationResult") -> str:
    rows = "".join(f"<tr>{_cells(row)}</tr>" for row in result.transform.matrix)
    place = escape(place_of_liver(result))
    return f"<p>The liver lies {place}.</p><p>moving_from_fixed, RAS mm:</p><table>{rows}</table>"


def _cells(row: Iterable[float]) -> str:
    return "".join(f'<td style="text-align:right">{value:.6f}</td>' for value in row)


def _jpeg(picture: "Image") -> str:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY)
    return base64.b64encode(stream.getvalue()).decode("ascii")
