import numpy as np
import pytest

from hepareg.data.augmentation import PairKey, augment_intensity, keyed_generator, random_bias, random_pose
from hepareg.data.settings import AugmentationSettings

SETTINGS = AugmentationSettings(max_translation_mm=8.0, max_rotation_deg=6.0)


def test_a_draw_depends_on_its_key_alone():
    first = keyed_generator(1, PairKey(2, 3)).random(4)
    keyed_generator(1, PairKey(0, 0)).random(100)
    assert np.array_equal(first, keyed_generator(1, PairKey(2, 3)).random(4))


@pytest.mark.parametrize(
    ("seed", "key", "stream"),
    [(2, PairKey(2, 3), 0), (1, PairKey(3, 3), 0), (1, PairKey(2, 4), 0), (1, PairKey(2, 3), 1)],
)
def test_another_seed_epoch_index_or_stream_draws_anew(seed, key, stream):
    assert not np.array_equal(
        keyed_generator(1, PairKey(2, 3)).random(4), keyed_generator(seed, key, stream=stream).random(4)
    )


def test_poses_stay_in_their_range_and_fill_it():
    centre = np.array([30.0, -200.0, 900.0])
    generator = np.random.default_rng(0)
    poses = [random_pose(generator, SETTINGS, centre_mm=centre) for _ in range(300)]
    shifts = np.array([np.linalg.norm(pose.translation_at(centre)) for pose in poses])
    angles = np.array([pose.rotation_deg for pose in poses])
    assert shifts.max() <= 8.0 + 1e-9
    assert shifts.max() > 7.0
    assert angles.max() <= 6.0 + 1e-9
    assert angles.max() > 5.0
    # Uniform in a ball: the median radius is 2^(-1/3) of the largest.
    assert np.median(shifts) == pytest.approx(8.0 * 0.5 ** (1 / 3), abs=0.5)


def test_bias_has_its_length_and_no_rotation():
    bias = random_bias(np.random.default_rng(0), 3.0)
    assert np.linalg.norm(bias.translation_mm) == pytest.approx(3.0)
    assert bias.rotation_deg == 0.0


def test_enhancement_changes_the_liver_alone():
    settings = AugmentationSettings(intensity_gain=0.0, intensity_offset_hu=0.0, noise_hu=0.0, enhancement_hu=50.0)
    image = np.full((4, 4, 4), 60.0, np.float32)
    liver = np.zeros((4, 4, 4), np.float32)
    liver[:2] = 1.0
    changed = augment_intensity(image, liver=liver, generator=np.random.default_rng(3), settings=settings)
    assert np.array_equal(changed[2:], image[2:])
    assert abs(changed[0, 0, 0] - 60.0) > 1.0


def test_noise_is_not_shared_by_the_phases():
    settings = AugmentationSettings(intensity_gain=0.0, intensity_offset_hu=0.0, noise_hu=20.0, enhancement_hu=0.0)
    generator = np.random.default_rng(0)
    image = np.zeros((8, 8, 8), np.float32)
    one, other = (
        augment_intensity(image, liver=None, generator=generator, settings=settings).ravel() for _ in range(2)
    )
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.2
