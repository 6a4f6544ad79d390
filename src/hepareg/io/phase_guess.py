"""The contrast phase of a CT, guessed from the words of its description or from the delay after the injection."""

import re

from hepareg.volume import Phase

__all__ = ["guess_phase"]

WORDS = {
    Phase.NON_CONTRAST: r"non[- ]?contrast|nc|native?|nativ|plain|unenhanced|without|w/?o|pre[- ]?contrast|sans|ohne",
    Phase.ARTERIAL: r"art|art[eé]r\w*|hap|aortic|angio",
    Phase.PORTAL_VENOUS: r"portal\w*|portov\w*|pv|pvp|ven|ven[oö]\w*|hepatic",
    Phase.DELAYED: r"delay\w*|equilib\w*|excret\w*|nephro\w*|sp[aä]t\w*|tardi\w*|del|5 ?min|3 ?min|10 ?min",
}
DELAYS_S = ((12.0, 48.0, Phase.ARTERIAL), (50.0, 110.0, Phase.PORTAL_VENOUS), (120.0, 1200.0, Phase.DELAYED))
"""Seconds after the injection begins: Foley et al., Multiphase hepatic CT with a multirow detector CT scanner,
AJR 175, 2000, doi:10.2214/ajr.175.3.1750679, with a margin for slow and fast circulations."""
LATEST_NATIVE_S = 5.0


def guess_phase(*texts: str, delay_s: float | None = None) -> Phase | None:
    """Return the phase that the first telling text names, else that of the delay, else None.

    Parameters
    ----------
    texts
        Such as the description of a series and the name of its protocol. A text that names two phases tells nothing.
    delay_s
        Seconds from the start of the injection to that of the acquisition.
    """
    for text in texts:
        words = re.sub(r"[_.,;:()\[\]+]", " ", text.casefold())
        found = [phase for phase, pattern in WORDS.items() if re.search(rf"(?<![\w/])(?:{pattern})(?!\w)", words)]
        if len(found) == 1:
            return found[0]
    if delay_s is None:
        return None
    if delay_s < LATEST_NATIVE_S:
        return Phase.NON_CONTRAST
    return next((phase for begin, end, phase in DELAYS_S if begin <= delay_s <= end), None)
