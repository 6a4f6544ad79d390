"""HU of every tissue in every contrast phase: means and spreads between patients, with the source of each.

A mean lies within one spread of the number that its source reports, if it reports one; `SOURCES` quotes it. Values
without a source are marked `ASSUMED`. All spreads are assumed, and wide on purpose, for dose, timing and cardiac output
differ more between hospitals than within one study.
"""

from dataclasses import dataclass

from hepareg.simulation.anatomy.labels import Label

__all__ = ["ASSUMED", "ENHANCED_HU", "HETEROGENEITY", "HU_SOURCES", "SOURCES", "UNENHANCED_HU", "Source"]

UNENHANCED_HU: dict[Label, tuple[float, float]] = {
    Label.OUTSIDE: (-1000, 0),
    Label.FAT: (-100, 6),
    Label.BONE: (420, 60),
    Label.MARROW: (170, 30),
    Label.LUNG: (-850, 25),
    Label.GALLBLADDER: (8, 5),
    Label.STOMACH: (25, 12),
    Label.BOWEL: (30, 8),
    Label.GAS: (-950, 10),
    Label.CYST: (5, 4),
    Label.CLIP: (2800, 200),
}
"""Mean and spread in HU of tissues that take up no contrast medium, or next to none."""

ENHANCED_HU: dict[Label, tuple[tuple[float, float], ...]] = {
    #                     native    early art.  late art.   portal     delayed
    Label.MUSCLE: ((52, 5), (54, 5), (60, 5), (65, 6), (67, 6)),
    Label.LIVER: ((57, 6), (61, 6), (78, 9), (108, 13), (90, 10)),
    Label.SPLEEN: ((48, 4), (105, 20), (145, 20), (125, 13), (95, 9)),
    Label.KIDNEY_CORTEX: ((32, 4), (165, 28), (237, 30), (195, 24), (165, 20)),
    Label.KIDNEY_MEDULLA: ((30, 4), (45, 8), (108, 18), (170, 22), (172, 22)),
    Label.HEART: ((42, 4), (250, 50), (190, 30), (140, 18), (105, 12)),
    Label.AORTA: ((42, 4), (370, 55), (320, 45), (155, 18), (112, 12)),
    Label.VENA_CAVA: ((40, 4), (55, 12), (95, 25), (130, 20), (110, 12)),
    Label.HEPATIC_ARTERY: ((42, 4), (310, 55), (270, 45), (145, 18), (108, 12)),
    Label.PORTAL_VEIN: ((41, 4), (54, 10), (135, 25), (170, 20), (115, 12)),
    Label.HEPATIC_VEIN: ((40, 4), (44, 5), (62, 12), (160, 22), (114, 12)),
    Label.TUMOUR: ((45, 6), (78, 15), (116, 18), (92, 14), (72, 10)),
}
"""Mean and spread in HU in the native, early arterial, late arterial, portal-venous and delayed phase."""

HETEROGENEITY: dict[Label, tuple[float, tuple[float, ...], bool]] = {
    Label.FAT: (14.0, (6, 6, 6, 6, 6), True),
    Label.MUSCLE: (8.0, (6, 6, 6, 6, 6), True),
    Label.BOWEL: (8.0, (14, 18, 20, 22, 18), True),
    Label.MARROW: (5.0, (45, 45, 45, 45, 45), True),
    Label.LUNG: (9.0, (30, 30, 30, 30, 30), True),
    Label.TUMOUR: (7.0, (5, 14, 16, 12, 8), True),
    Label.SPLEEN: (9.0, (1, 32, 22, 3, 1), False),
    Label.VENA_CAVA: (12.0, (1, 10, 34, 20, 5), False),
    Label.HEART: (20.0, (1, 25, 15, 5, 3), False),
    Label.LIVER: (18.0, (1.5, 2, 3, 2.5, 2), False),
}
"""Irregularities of tissues: their size in mm, their standard deviation in HU in the five phases, and True if they
belong to the tissue and are the same in all phases, False if they come with the contrast medium. The arterial spleen is
mottled because its two kinds of pulp fill at different speeds (Miles et al., Radiology 194, 1995,
doi:10.1148/radiology.194.1.7997588), the vena cava because bright blood from the kidneys runs beside dark blood from
the legs (Kaufman et al., Inferior vena cava filling defects on CT and MRI, AJR 2005). Sizes and levels are assumed."""


@dataclass(frozen=True)
class Source:
    """A publication from which values were taken.

    Parameters
    ----------
    citation
        Authors, journal, year, and DOI or PubMed number if it could be confirmed.
    says
        The reported values that were used.
    """

    citation: str
    says: str


ASSUMED = "-"
"""In place of the letter of a source: the value has none."""

SOURCES: dict[str, Source] = {
    "a": Source(
        "Goshima et al., MDCT of the liver and hypervascular hepatocellular carcinomas: optimizing scan delays for "
        "bolus-tracking techniques, AJR 2006",
        "over native at 10-15 s after the trigger: aorta 300-336, spleen 97-108, liver 15-25, portal vein 75-104, "
        "hepatic veins 24-51 HU; at 45-55 s: liver 59-63, aorta 117-125, spleen 73-82 HU (171 patients)",
    ),
    "b": Source(
        "Goshima et al., Multi-detector row CT of the kidney: optimizing scan delays, European Journal of Radiology "
        "63, 2007, doi:10.1016/j.ejrad.2007.02.005",
        "over native: renal artery 240-288 HU at 5-15 s after the trigger, cortex 195-217 HU at 10-30 s, medulla "
        "145 HU at 55 s; cortex over medulla 110-140 HU at 5-30 s, less than 30 HU at 45 s (128 patients)",
    ),
    "c": Source(
        "Bolus tracking for the arterial phase of hypervascular carcinomas, 192 patients, 2007, PubMed 17329690",
        "aorta 284-309 HU (SD 42-56) over native at 9-18 s after the trigger, 236 HU at 21 s; hepatocellular carcinoma "
        "23-47 HU over the liver",
    ),
    "d": Source(
        "Lee et al., Triple-phase MDCT of hepatocellular carcinoma, AJR 182, 2004, doi:10.2214/ajr.182.3.1820643",
        "96 % of the carcinomas are hypervascular in the arterial phase, 76 % have washed out in the portal one",
    ),
    "e": Source(
        "Liu et al., Quantitatively defining washout in hepatocellular carcinoma, AJR 200, 2013, PubMed 23255745",
        "liver over carcinoma in the delayed phase: median ratio 1.21 (14 carcinomas among 47 lesions)",
    ),
    "f": Source(
        "Prokop and Galanski, Spiral and Multislice Computed Tomography of the Body, Thieme 2003",
        "native: liver 45-65, spleen 35-55, kidney 20-40, fat -100 to -50, inflated lung -910 to -850 HU",
    ),
    "g": Source(
        "Jang et al., Normative L1 trabecular attenuation values in more than 20 000 adults, Radiology 291, 2019, "
        "doi:10.1148/radiol.2019181648",
        "226 HU (SD 44) below 30 years, falling by 2.5 HU a year to 89 HU (SD 38)",
    ),
    "h": Source(
        "Boutin et al., Influence of IV contrast administration on CT measures of muscle and bone, AJR 2016",
        "muscle is brightest in the delayed phase (201 patients, four phases)",
    ),
    "i": Source(
        "Young et al., Investigative Radiology 16, 1981, doi:10.1097/00004424-198101000-00007",
        "the medulla is slightly above the cortex from half a minute after the bolus on",
    ),
    "j": Source("Grainger and Allison's Diagnostic Radiology, 7th edition", "simple hepatic cyst: 0-10 HU"),
}
"""Sources by their letter. Bae, Radiology 256, 2010, doi:10.1148/radiol.10090908 reviews how enhancement depends on
timing, dose and weight."""

HU_SOURCES: dict[Label, str] = {
    Label.FAT: "f",
    Label.MARROW: "g",
    Label.LUNG: "f",
    Label.CYST: "j",
    Label.MUSCLE: "----h",
    Label.LIVER: "f-aa-",
    Label.SPLEEN: "f-aa-",
    Label.KIDNEY_CORTEX: "fbbb-",
    Label.KIDNEY_MEDULLA: "fbbbi",
    Label.AORTA: "-caa-",
    Label.HEPATIC_ARTERY: "-bb--",
    Label.PORTAL_VEIN: "--a--",
    Label.HEPATIC_VEIN: "--a--",
    Label.TUMOUR: "--cde",
}
"""Letters of `SOURCES` by tissue: one for all phases, or one for each phase in order. `ASSUMED` for a value without a
source; all values of tissues that are not listed are assumed."""
