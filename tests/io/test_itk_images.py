import numpy as np
import pytest
import SimpleITK as sitk

from hepareg.errors import FileFormatError, ImageError
from hepareg.io.images import read_image
from hepareg.io.itk_images import read_itk_image

VOXELS = np.random.default_rng(0).integers(-1000, 1000, (9, 7, 5)).astype(np.int16)


def itk_image(grid, data=VOXELS):
    image = sitk.GetImageFromArray(data.T)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.world_from_voxel
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetSpacing(grid.spacing_mm.tolist())
    image.SetDirection((lps[:3, :3] / grid.spacing_mm).ravel().tolist())
    return image


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd"])
def test_reads_what_simpleitk_writes(tmp_path, grid, suffix):
    path = tmp_path / f"image{suffix}"
    image = itk_image(grid)
    sitk.WriteImage(image, str(path), useCompression=suffix != ".mhd")
    volume = read_image(path)
    assert volume.data.dtype == np.int16
    np.testing.assert_array_equal(volume.data, VOXELS)
    np.testing.assert_allclose(volume.grid.world_from_voxel, grid.world_from_voxel, atol=1e-6)
    assert volume.provenance.file_format == "itk"
    index = (2, 5, 3)
    corner = np.array(image.TransformIndexToPhysicalPoint(index)) * [-1, -1, 1]
    np.testing.assert_allclose(volume.grid.world_points(index), corner, atol=1e-6)


def test_other_kinds_are_refused(tmp_path, grids):
    colour = sitk.Compose([itk_image(grids["ras"])] * 3)
    sitk.WriteImage(colour, str(tmp_path / "colour.mha"))
    series = sitk.JoinSeries([itk_image(grids["ras"])] * 2)
    sitk.WriteImage(series, str(tmp_path / "series.nrrd"))
    for name in ("colour.mha", "series.nrrd"):
        with pytest.raises(ImageError, match="3-D image with one value"):
            read_itk_image(tmp_path / name)


def test_nrrd_without_a_space_is_refused(tmp_path, grids):
    path = tmp_path / "a.nrrd"
    sitk.WriteImage(itk_image(grids["ras"]), str(path))
    raw = path.read_bytes()
    start = raw.index(b"space: ")
    end = raw.index(b"\n", start) + 1
    path.write_bytes(raw[:start] + b"space dimension: 3\n" + raw[end:])
    with pytest.raises(ImageError, match="`space` line"):
        read_itk_image(path)


def test_broken_files_give_one_line(tmp_path, grids):
    path = tmp_path / "a.mha"
    sitk.WriteImage(itk_image(grids["ras"]), str(path), useCompression=True)
    path.write_bytes(path.read_bytes()[:-200])
    (tmp_path / "text.nrrd").write_text("hello")
    for name in ("a.mha", "text.nrrd"):
        with pytest.raises(FileFormatError, match=r"damaged|truncated") as caught:
            read_itk_image(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(FileFormatError, match="does not exist"):
        read_itk_image(tmp_path / "absent.mha")


@pytest.mark.parametrize("spacing", ["1e308 3 3", "3 3 1e200"])
def test_a_metaimage_whose_geometry_overflows_is_one_line(tmp_path, spacing):
    lines = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nOffset = 1 2 3\n"
        "TransformMatrix = 10 0 0 0 10 0 0 0 10\n"
        f"ElementSpacing = {spacing}\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    (tmp_path / "a.mha").write_bytes(lines.encode() + bytes(16))
    with pytest.raises((ImageError, FileFormatError), match="expected") as caught:
        read_image(tmp_path / "a.mha")
    assert "\n" not in str(caught.value)
