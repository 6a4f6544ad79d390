import numpy as np
import pytest

from hepareg.errors import ImageError
from hepareg.geometry import Grid
from hepareg.io.nifti import read_nifti
from hepareg.preprocessing.ct_check import check_ct, check_finite
from hepareg.volume import Volume

SHAPE = (40, 40, 20)
RNG = np.random.default_rng(0)


def volume(data):
    return Volume(data, Grid(data.shape, np.diag([1.0, 1, 3, 1])))


def body(noise=15.0):
    """Air, fat, soft tissue, liver and bone, in HU."""
    data = np.full(SHAPE, -1000.0)
    data[5:35, 5:35] = -100
    data[8:32, 8:32] = 40
    data[8:20, 8:20] = 110
    data[24:27, 24:27] = 700
    return np.round(data + noise * RNG.normal(size=SHAPE)).astype(np.int16)


PASSING = {
    "plain": body(),
    "float": body().astype(np.float32),
    "window of a scanner": body().clip(-1024, 3071),
    "narrow window": body().clip(-150, 250),
    "padded": np.where(body() < -900, -2048, body()),
    "padded lower": np.where(body() < -900, -3024, body()),
    "crop around the liver": body()[6:22, 6:22],
    "crop inside the liver": (60 + 25 * RNG.normal(size=SHAPE)).astype(np.int16),
    "mostly air": np.pad(body(), ((40, 40), (40, 40), (0, 0)), constant_values=-1024),
}
FAILING = {
    "mr": (RNG.gamma(2.0, 200.0, SHAPE).astype(np.int16), "no negative values"),
    "picture stack": (np.clip((body() + 150) * 0.6, 0, 255).astype(np.uint8), "no negative values"),
    "without intercept": (np.maximum(body() + 1024, 0), "no negative values"),
    "without intercept, padded": (np.where(body() < -900, -2000, body() + 1024), "as dense as bone"),
    "zero to one": (np.clip((body() + 150) / 400.0, 0, 1), "scaled"),
    "unit variance": ((body() - body().mean()) / body().std(), "scaled"),
    "constant": (np.full(SHAPE, -1000, np.int16), "scaled"),
    "intercept twice": (body() - 1024, "hardly any voxel"),
    "mask": (body() > 0, "got a mask"),
    "nan": (np.where(body() > 600, np.nan, body()), "NaN"),
    "infinity": (np.where(body() > 600, np.inf, body()), "infinity"),
    "single slice": (body()[:, :, :1], "single slice"),
}


@pytest.mark.parametrize("name", PASSING)
def test_ct_passes(name):
    check_ct(volume(PASSING[name]))


@pytest.mark.parametrize("name", FAILING)
def test_anything_else_does_not(name):
    data, message = FAILING[name]
    with pytest.raises(ImageError, match=message) as caught:
        check_ct(volume(data), name="moving image")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["acrin_flt_001_abd/ct", "lidc_idri_0314/ct", "totalsegmentator_example/example_ct"])
def test_real_ct_passes(shared_data, name):
    image = read_nifti(shared_data / f"{name}.nii.gz")
    check_ct(image)
    check_ct(image.crop(np.array(image.shape) // 3, np.array(image.shape) * 2 // 3))


def test_every_voxel_is_looked_at_in_any_order_of_the_axes():
    for order in ("C", "F"):
        data = np.array(body(), dtype=np.float32, order=order)
        check_finite(volume(data))
        data[-1, -1, -1] = np.inf
        with pytest.raises(ImageError, match="expected finite voxels in the image"):
            check_finite(volume(data))


def test_whole_numbers_are_not_looked_at(monkeypatch):
    image = volume(body())
    monkeypatch.setattr(np, "isfinite", None)
    check_finite(image)
