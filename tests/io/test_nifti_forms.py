"""Which of a NIfTI header's two geometries holds."""

import nibabel as nib
import numpy as np
import pytest

from hepareg.errors import ImageError, SettingsError
from hepareg.io.images import read_image

SHAPE = (20, 18, 10)
PLACE = np.array([[-2.0, 0, 0, 40], [0, 2.0, 0, -30], [0, 0, 4.0, -500], [0, 0, 0, 1]])


def shifted(mm):
    moved = PLACE.copy()
    moved[2, 3] += mm
    return moved


@pytest.fixture
def written(tmp_path):
    def write(sform, qform, codes=(1, 1), name="a.nii.gz"):
        image = nib.Nifti1Image(np.zeros(SHAPE, np.int16), sform)
        image.set_sform(sform, codes[0])
        image.set_qform(qform, codes[1])
        nib.save(image, tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize(("mm", "notes"), [(0, 0), (0.04, 0), (0.06, 1), (0.9, 1)])
def test_small_differences_are_noted(written, mm, notes):
    volume = read_image(written(PLACE, shifted(mm)))
    np.testing.assert_allclose(volume.grid.world_from_voxel, PLACE, atol=1e-4)
    assert len(volume.provenance.notes) == notes
    assert all(f"up to {mm:g}" in note and "the sform was taken" in note for note in volume.provenance.notes)


@pytest.mark.parametrize("mm", [1.1, 40])
def test_large_ones_are_asked_about(written, mm):
    path = written(PLACE, shifted(mm))
    with pytest.raises(ImageError, match="sform and qform agree") as caught:
        read_image(path)
    assert caught.value.options == ("geometry",)
    np.testing.assert_allclose(read_image(path, geometry="sform").grid.world_from_voxel, PLACE, atol=1e-4)
    np.testing.assert_allclose(read_image(path, geometry="qform").grid.world_from_voxel, shifted(mm), atol=1e-4)
    assert "the qform was taken" in read_image(path, geometry="qform").provenance.notes[0]


def test_a_flip_that_keeps_the_centre_is_a_difference(written):
    flipped = PLACE @ np.array([[-1, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(ImageError, match="sform and qform agree"):
        read_image(written(PLACE, flipped))


@pytest.mark.parametrize("codes", [(1, 0), (0, 1)])
def test_one_form_alone_is_taken_whatever_the_choice(written, codes):
    path = written(PLACE, shifted(30), codes)
    wanted = PLACE if codes[0] else shifted(30)
    for choice in (None, "sform", "qform"):
        np.testing.assert_allclose(read_image(path, geometry=choice).grid.world_from_voxel, wanted, atol=1e-4)
    with pytest.raises(SettingsError, match="sform or qform"):
        read_image(path, geometry="best")


def test_a_sheared_sform_beside_a_good_qform(written):
    sheared = PLACE.copy()
    sheared[1, 2] = 1.0
    path = written(sheared, PLACE)
    with pytest.raises(ImageError, match="sform and qform agree"):
        read_image(path)
    np.testing.assert_allclose(read_image(path, geometry="qform").grid.world_from_voxel, PLACE, atol=1e-4)


@pytest.mark.parametrize("unit", ["meter", "micron"])
def test_another_unit_is_refused(written, tmp_path, unit):
    image = nib.load(written(PLACE, PLACE))
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "b.nii.gz")
    with pytest.raises(ImageError, match="millimetres as the unit"):
        read_image(tmp_path / "b.nii.gz")


def test_forms_of_damaged_numbers_disagree(written):
    """Numbers whose products overflow: refused as other forms that disagree are, without a warning."""
    import nibabel.nifti1 as layout

    path = written(PLACE, PLACE, name="a.nii")
    raw = bytearray(path.read_bytes())
    place = layout.header_dtype.fields["srow_x"][1]
    raw[place : place + 4] = np.float32(3e38).tobytes()
    path.write_bytes(raw)
    with pytest.raises(ImageError, match="sform and qform agree, got"):
        read_image(path)
