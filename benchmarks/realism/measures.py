"""What is compared: intensities, noise power, vessel calibre; each measured alike on real and simulated images."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.simulation.anatomy.denoising import denoise, noise_level
from hepareg.volume import Volume

__all__ = ["Calibres", "NoisePower", "histogram", "noise_power", "shared_noise", "vessel_calibres"]

Floats = NDArray[np.floating]
PATCH_MM = 24.0
VESSEL_CONTRAST_HU = 22.0
LARGEST_RADIUS_MM = 9.0


@dataclass(frozen=True, eq=False)
class NoisePower:
    """In-plane noise power spectrum.

    Parameters
    ----------
    frequency_per_mm
        Middle of each band.
    density
        Power per band, as a fraction of the whole: comparable between noise levels.
    level_hu
        Standard deviation.
    slice_correlation
        Correlation of neighbouring slices.
    """

    frequency_per_mm: Floats
    density: Floats
    level_hu: float
    slice_correlation: float


@dataclass(frozen=True, eq=False)
class Calibres:
    """Radii of bright vessels in the liver along their middle lines.

    Parameters
    ----------
    radius_mm
        (N,) one for every point of the middle lines.
    fraction
        Volume of the vessels over that of the liver.
    """

    radius_mm: Floats
    fraction: float


def histogram(
    image: Volume, mask: NDArray[np.bool_], *, low: float, high: float, step: int = 4
) -> tuple[Floats, Floats]:
    """Return bin middles in HU and densities of the voxels in a mask."""
    counts, edges = np.histogram(image.data[mask], bins=np.arange(low, high + step, step) - 0.5)
    return (edges[1:] + edges[:-1]) / 2, counts / max(counts.sum(), 1) / (edges[1] - edges[0])


def noise_power(image: Volume, liver: NDArray[np.bool_]) -> NoisePower:
    """Return the noise power in square patches of the liver without large vessels, a plane taken from each patch."""
    size = np.round(PATCH_MM / image.grid.spacing_mm[:2]).astype(int)
    patches, neighbours = [], []
    for k in range(1, image.shape[2] - 1, 2):
        for i in range(0, image.shape[0] - size[0], size[0]):
            for j in range(0, image.shape[1] - size[1], size[1]):
                block = (slice(i, i + size[0]), slice(j, j + size[1]))
                if liver[(*block, k)].all() and liver[(*block, k + 1)].all():
                    patches.append(_detrended(image.data[(*block, k)]))
                    neighbours.append(_detrended(image.data[(*block, k + 1)]))
    # The calmest half: patches without vessels.
    calm = np.argsort([patch.std() for patch in patches])[: max(len(patches) // 2, 1)]
    chosen = np.array([patches[n] for n in calm])
    beside = np.array([neighbours[n] for n in calm])
    power = (np.abs(np.fft.fft2(chosen)) ** 2).mean(0)
    spacing = image.grid.spacing_mm
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(size[0], spacing[0]), np.fft.fftfreq(size[1], spacing[1]), indexing="ij"))
    edges = np.arange(0, 0.7, 0.04)
    bands = [power[(f >= a) & (f < b)].mean() if ((f >= a) & (f < b)).any() else 0 for a, b in pairwise(edges)]
    density = np.array(bands) / max(sum(bands), 1e-12)
    correlation = float(np.corrcoef(chosen.ravel(), beside.ravel())[0, 1])
    return NoisePower((edges[1:] + edges[:-1]) / 2, density, float(chosen.std()), correlation)


def vessel_calibres(image: Volume, liver: NDArray[np.bool_]) -> Calibres:
    """Return the radii of what is clearly brighter than the liver, on the image without its noise.

    The surface's rim is left out (ribs, stomach); a radius is the distance to the vessel's wall at places
    that lie farther from it than all their neighbours.
    """
    block = ndimage.find_objects(liver.view(np.uint8), max_label=1)[0]
    hu, inside = image.data[block].astype(np.float32), liver[block]
    spacing = image.grid.spacing_mm
    hu = denoise(hu, noise_hu=noise_level(hu, inside, spacing), spacing_mm=spacing)
    isotropic = spacing / 1.0
    hu, inside = ndimage.zoom(hu, isotropic, order=1), ndimage.zoom(inside.astype(np.float32), isotropic, order=1) > 0.5
    deep = ndimage.distance_transform_edt(inside) > 8
    background = np.median(hu[deep])
    vessel = ndimage.binary_opening(deep & (hu > background + VESSEL_CONTRAST_HU), iterations=1)
    distance = ndimage.distance_transform_edt(vessel)
    ridge = vessel & (distance == ndimage.maximum_filter(distance, size=5)) & (distance < LARGEST_RADIUS_MM)
    return Calibres(distance[ridge], float(vessel.sum() / max(deep.sum(), 1)))


def shared_noise(first: Floats, second: Floats, mask: NDArray[np.bool_]) -> float:
    """Return the correlation of the fine detail of two images on one grid, at the same pose, inside a mask."""
    details = [
        image - ndimage.uniform_filter(image, (5, 5, 1))
        for image in (first.astype(np.float32), second.astype(np.float32))
    ]
    return float(np.corrcoef(details[0][mask], details[1][mask])[0, 1])


def _detrended(patch: Floats) -> Floats:
    x, y = np.meshgrid(*(np.linspace(-1, 1, n) for n in patch.shape), indexing="ij")
    basis = np.stack([np.ones_like(x), x, y, x * y, x**2, y**2], axis=-1).reshape(-1, 6)
    values = patch.astype(np.float64).ravel()
    return (values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]).reshape(patch.shape)
