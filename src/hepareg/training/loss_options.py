"""Options and operands of losses and penalties, read from their signatures.

Convention: the positional parameters of a loss or penalty are its operands, the keyword-only parameters its options.
``spacing_mm``, which every similarity loss takes, is an operand as well.
"""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

__all__ = ["operands_of", "options_of"]

OPERANDS = {"spacing_mm"}
"""Keyword-only parameters that are operands."""


def options_of(loss: Callable[..., Any]) -> dict[str, tuple[Any, Any]]:
    """Return the (type, default) of each option of a loss, by name.

    Examples
    --------
    >>> from hepareg.similarity.mind import mind_loss
    >>> options_of(mind_loss)["radius_mm"]
    (<class 'float'>, 3.0)
    """
    types = get_type_hints(loss)
    parameters = inspect.signature(loss).parameters.values()
    options = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in OPERANDS]
    return {option.name: (types[option.name], option.default) for option in options}


def operands_of(loss: Callable[..., Any], *, required_only: bool = False) -> list[str]:
    """Return the names of the operands of a loss, with ``required_only`` those without a default alone."""
    parameters = inspect.signature(loss).parameters.values()
    operands = [p for p in parameters if p.kind is not p.KEYWORD_ONLY or p.name in OPERANDS]
    return [p.name for p in operands if p.default is p.empty or not required_only]
