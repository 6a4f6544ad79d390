"""Summary of one measure over many cases: median, quartiles, worst case and number of failures."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.errors import InputError

__all__ = ["Summary", "summarise"]


@dataclass(frozen=True)
class Summary:
    """Distribution of one measure over cases, in the unit of that measure.

    Parameters
    ----------
    num_cases
        Number of all cases, also of those without a value.
    num_missing
        Number of cases without a finite value, which are runs that failed.
    median, q1, q3, worst
        Median, quartiles and largest value of the cases with a value; NaN if no case has one.
    """

    num_cases: int
    num_missing: int
    median: float
    q1: float
    q3: float
    worst: float

    @property
    def iqr(self) -> float:
        """Interquartile range, q3 - q1."""
        return self.q3 - self.q1


def summarise(values: ArrayLike) -> Summary:
    """Return the summary of an error measure (lower is better) over cases, in the unit of the measure.

    Parameters
    ----------
    values
        One number for each case; None or NaN for a run that failed.

    Notes
    -----
    Quartiles are interpolated linearly between order statistics (type 7 of Hyndman and Fan 1996,
    doi:10.1080/00031305.1996.10473566).

    Raises
    ------
    InputError
        If there is no case.

    Examples
    --------
    >>> summarise([0.1, 0.2, 0.3, float("nan")]).median
    0.2
    """
    cases = _cases(values)
    finite = cases[np.isfinite(cases)]
    if not len(finite):
        return Summary(len(cases), len(cases), np.nan, np.nan, np.nan, np.nan)
    q1, median, q3 = (float(q) for q in np.quantile(finite, [0.25, 0.5, 0.75]))
    return Summary(len(cases), len(cases) - len(finite), median, q1, q3, float(finite.max()))


def _cases(values: ArrayLike | Iterable[float | None]) -> NDArray[np.float64]:
    cases = np.asarray(values, dtype=np.float64).ravel()
    if not len(cases):
        raise InputError("expected at least one case to summarise, got none")
    return cases
