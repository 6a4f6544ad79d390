"""HU of every tissue in every contrast phase.

Means and spreads between patients, rounded from published values:

- portal-venous aorta, portal vein and liver: Kanematsu et al. 2013, doi:10.4236/ojrad.2013.33018;
- how enhancement follows timing, dose and weight, and the order of all other tissues: Bae 2010,
  doi:10.1148/radiol.10090908;
- early arterial aorta and renal vessels (peaks of 464 and 435 HU in CT angiography, less at usual doses): Helck et al.
  2014, doi:10.1371/journal.pone.0091774;
- cortex before medulla, medulla catching up within about half a minute: Young et al. 1981,
  doi:10.1097/00004424-198101000-00007;
- wash-in and wash-out of hepatocellular carcinoma: Lee et al. 2004, doi:10.2214/ajr.182.3.1820643.

The spreads are wide on purpose: dose, timing and heart differ between hospitals more than within one study.
"""

from hepareg.simulation.labels import Label

__all__ = ["ENHANCED_HU", "HETEROGENEITY", "UNENHANCED_HU"]

UNENHANCED_HU: dict[Label, tuple[float, float]] = {
    Label.OUTSIDE: (-1000, 0),
    Label.FAT: (-100, 6),
    Label.BONE: (420, 60),
    Label.MARROW: (170, 30),
    Label.LUNG: (-840, 25),
    Label.GALLBLADDER: (8, 5),
    Label.STOMACH: (25, 12),
    Label.BOWEL: (30, 8),
    Label.GAS: (-950, 10),
    Label.CYST: (6, 4),
    Label.CLIP: (2800, 200),
}
"""Mean and spread of what takes up no contrast worth mentioning."""

ENHANCED_HU: dict[Label, tuple[tuple[float, float], ...]] = {
    #                     native    early art.  late art.   portal     delayed
    Label.MUSCLE: ((52, 5), (54, 5), (58, 5), (66, 6), (64, 6)),
    Label.LIVER: ((57, 6), (61, 6), (78, 9), (108, 13), (90, 10)),
    Label.SPLEEN: ((48, 4), (100, 20), (128, 18), (122, 13), (95, 9)),
    Label.KIDNEY_CORTEX: ((32, 4), (140, 25), (190, 28), (178, 22), (150, 20)),
    Label.KIDNEY_MEDULLA: ((30, 4), (42, 8), (70, 15), (150, 22), (165, 22)),
    Label.HEART: ((42, 4), (250, 50), (190, 30), (140, 18), (105, 12)),
    Label.AORTA: ((42, 4), (370, 55), (320, 45), (155, 18), (112, 12)),
    Label.VENA_CAVA: ((40, 4), (55, 12), (95, 25), (130, 20), (110, 12)),
    Label.HEPATIC_ARTERY: ((42, 4), (310, 55), (270, 45), (145, 18), (108, 12)),
    Label.PORTAL_VEIN: ((41, 4), (54, 10), (135, 25), (170, 20), (115, 12)),
    Label.HEPATIC_VEIN: ((40, 4), (44, 5), (62, 12), (160, 22), (114, 12)),
    Label.TUMOUR: ((45, 6), (78, 15), (116, 18), (92, 14), (72, 10)),
}
"""Mean and spread in the native, early arterial, late arterial, portal-venous and delayed phase."""

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
"""Size in mm of a tissue's irregularities, their standard deviation in HU in the five phases, and whether they are
built into the tissue (the same in all phases) or come with the contrast: the arterial spleen is mottled because its two
kinds of pulp fill at different speed, the cava because contrast from the kidneys is not mixed yet."""
