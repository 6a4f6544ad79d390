import gzip

import nibabel as nib
import numpy as np
import pytest

from hepareg.errors import FileFormatError, ImageError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.io.nifti import read_nifti, write_nifti, write_with_matrix
from hepareg.volume import Volume

SHAPE = (9, 7, 5)
RNG = np.random.default_rng(3)
VOXELS = RNG.integers(0, 3000, SHAPE)


def save(path, data, matrix, *, slope=1.0, inter=0.0, big=False, cls=nib.Nifti1Image):
    """Write stored numbers and a scaling as they are, which nibabel's image class does not do on its own."""
    header = cls.header_class(endianness=">" if big else "<")
    header.set_data_dtype(data.dtype)
    header.set_data_shape(data.shape)
    header.set_sform(matrix, 1)
    header.set_qform(matrix, 1)
    header["descrip"], header["aux_file"], header["intent_name"] = b"Doe^Jane", b"jane.par", b"secret"
    if cls is nib.Nifti1Image:
        header["db_name"] = b"ward 7"
    header["scl_slope"], header["scl_inter"] = slope, inter
    extension = (
        b"\x01\0\0\0" + (16 + 16).to_bytes(4, "big" if big else "little") + bytes([0, 0, 0, 6][:: 1 if big else -1])
    )
    extension += b"patient comment, long"[:24].ljust(24, b"\0")
    header["vox_offset"] = len(header.binaryblock) + len(extension)
    raw = header.binaryblock + extension + data.astype(data.dtype.newbyteorder(">" if big else "<")).tobytes(order="F")
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return raw


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("big", [False, True], ids=["little", "big"])
@pytest.mark.parametrize("cls", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "f4", "f8"])
def test_reads_what_nibabel_reads(tmp_path, dtype, big, cls, suffix, grids):
    path = tmp_path / f"image{suffix}"
    save(path, (VOXELS % 100).astype(dtype), grids["oblique_left"].world_from_voxel, inter=-1024, big=big, cls=cls)
    volume, theirs = read_nifti(path), nib.load(path)
    np.testing.assert_array_equal(volume.data, np.asarray(theirs.dataobj))
    np.testing.assert_array_equal(volume.grid.world_from_voxel, theirs.affine)
    assert volume.data.dtype == (np.float32 if dtype[0] == "f" else np.int16)
    assert volume.data.flags.writeable


def test_types_are_kept_or_chosen_to_hold_the_values(tmp_path, grids):
    matrix = grids["ras"].world_from_voxel
    path = tmp_path / "image.nii.gz"
    for data, slope, inter, dtype in [
        (VOXELS.astype("i2"), 1, 0, np.int16),
        (VOXELS.astype("u2"), 1, -1024, np.int16),
        (VOXELS.astype("u2") * 20, 1, 0, np.int32),
        (VOXELS.astype("u1"), 1, 0, np.uint8),
        (VOXELS.astype("i2"), 0.5, 10, np.float32),
        (VOXELS.astype("i2"), 0, 99, np.int16),
        (VOXELS.astype("i4") * 10**6, 1, 10**9, np.float64),
        ((VOXELS - 32000).astype("i2"), 1, -1024, np.int32),
        (VOXELS.astype("i2"), -20, 0, np.int32),
    ]:
        save(path, data, matrix, slope=slope, inter=inter)
        volume = read_nifti(path)
        assert volume.data.dtype == dtype
        np.testing.assert_allclose(volume.data, np.asarray(nib.load(path).dataobj), rtol=1e-6)


def test_a_pair_of_files_and_trailing_axes(tmp_path, grids):
    image = nib.Nifti1Pair(VOXELS[..., None].astype("i2"), grids["lps"].world_from_voxel)
    nib.save(image, tmp_path / "image.hdr")
    for name in ("image.hdr", "image.img"):
        volume = read_nifti(tmp_path / name)
        np.testing.assert_array_equal(volume.data, VOXELS)


def test_write_then_read(tmp_path, grid):
    for dtype in (bool, np.uint8, np.int16, np.float32, np.float64):
        data = (VOXELS % 2).astype(dtype)
        for order in "CF":
            write_nifti(tmp_path / f"{order}.nii.gz", Volume(np.array(data, order=order), grid))
        assert (tmp_path / "C.nii.gz").read_bytes() == (tmp_path / "F.nii.gz").read_bytes()
        again, theirs = read_nifti(tmp_path / "C.nii.gz"), nib.load(tmp_path / "C.nii.gz")
        np.testing.assert_array_equal(again.data, data)
        np.testing.assert_array_equal(np.asarray(theirs.dataobj), data)
        assert again.grid.same_as(grid, tolerance_vox=1e-4)
        assert theirs.header["sform_code"] == theirs.header["qform_code"] == 1
        np.testing.assert_allclose(theirs.header.get_qform(), grid.world_from_voxel, atol=1e-4)


def test_types_that_nifti_cannot_hold(tmp_path, grids):
    for dtype in (np.float16, np.complex64):
        with pytest.raises(ImageError, match="type that NIfTI can hold"):
            write_nifti(tmp_path / "a.nii", Volume(VOXELS.astype(dtype), grids["ras"]))


def test_gzip_header_tells_nothing(tmp_path, grids):
    write_nifti(tmp_path / "jane_doe.nii.gz", Volume(VOXELS.astype(np.int16), grids["ras"]))
    raw = (tmp_path / "jane_doe.nii.gz").read_bytes()
    assert raw[:3] == b"\x1f\x8b\x08"
    assert raw[3] == 0, "no name, no comment"
    assert raw[4:8] == bytes(4), "no time stamp"


@pytest.mark.parametrize("big", [False, True], ids=["little", "big"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", ["i2", "u2", "f4"])
@pytest.mark.parametrize("cls", [nib.Nifti1Image, nib.Nifti2Image])
def test_only_the_header_changes(tmp_path, grid, dtype, suffix, big, cls):
    source, out = tmp_path / f"source{suffix}", tmp_path / "moved.nii.gz"
    data = VOXELS.astype(dtype)
    save(source, data, grid.world_from_voxel, inter=-1024, big=big, cls=cls)
    motion = homogeneous(rotation_from_vector([0.2, 0.3, -0.1]), [5, -20, 30])
    wanted = motion @ grid.world_from_voxel
    write_with_matrix(source, out, wanted)

    raw, image = gzip.decompress(out.read_bytes()), nib.load(out)
    header = image.header
    assert raw.endswith(data.astype(data.dtype.newbyteorder(">" if big else "<")).tobytes(order="F"))
    assert len(raw) == len(header.binaryblock) + 4 + data.nbytes
    assert (image.dataobj.slope, image.dataobj.inter) == (1, -1024)
    np.testing.assert_array_equal(np.asarray(image.dataobj), data - 1024.0)
    assert not header.extensions
    for text in (b"Doe", b"jane", b"secret", b"ward", b"comment"):
        assert text not in raw
    assert header["pixdim"][0] == (-1 if grid.is_left_handed else 1)
    assert header["sform_code"] == header["qform_code"] == 1
    for matrix in (header.get_sform(), header.get_qform()):
        np.testing.assert_allclose(Grid(SHAPE, matrix).corners_mm, Grid(SHAPE, wanted).corners_mm, atol=1e-4)
        cosines = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
        np.testing.assert_allclose(cosines.T @ cosines, np.eye(3), atol=1e-6)


def test_simpleitk_sees_the_moved_image(tmp_path, grid):
    import SimpleITK as sitk

    save(tmp_path / "source.nii", VOXELS.astype("i2"), np.diag([1, 1, 1, 1]), inter=-1024)
    write_with_matrix(tmp_path / "source.nii", tmp_path / "moved.nii.gz", grid.world_from_voxel)
    image = sitk.ReadImage(str(tmp_path / "moved.nii.gz"))
    corner = np.array(image.TransformIndexToPhysicalPoint([n - 1 for n in SHAPE])) * [-1, -1, 1]
    np.testing.assert_allclose(corner, grid.world_points(np.array(SHAPE) - 1), atol=1e-3)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, VOXELS - 1024)


def test_broken_files_give_one_line(tmp_path, grids):
    good = tmp_path / "good.nii.gz"
    raw = save(good, VOXELS.astype("i2"), grids["ras"].world_from_voxel)
    packed = good.read_bytes()
    damaged = bytearray(packed)
    damaged[-6] ^= 0xFF  # the checksum of the content
    broken = {
        "truncated.nii.gz": (packed[: len(packed) // 2], "truncated"),
        "without_end.nii.gz": (packed[:-4], "truncated"),
        "damaged.nii.gz": (bytes(damaged), "damaged"),
        "truncated.nii": (raw[:-10], "truncated"),
        "header.nii": (raw[:200], "truncated"),
        "text.nii.gz": (b"this is a text file, really", "expected a NIfTI header"),
        "empty.nii": (b"", "expected a NIfTI header"),
    }
    for name, (content, message) in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileFormatError, match=message) as caught:
            read_nifti(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(FileFormatError, match="does not exist"):
        read_nifti(tmp_path / "absent.nii.gz")
    (tmp_path / "folder.nii").mkdir()
    with pytest.raises(FileFormatError, match="folder"):
        read_nifti(tmp_path / "folder.nii")


def test_damaged_headers_give_one_line(tmp_path, grids):
    path = tmp_path / "a.nii"
    raw = save(path, VOXELS.astype("i2"), grids["ras"].world_from_voxel)
    for field, value, message in [
        ("vox_offset", -5, "place of the voxels"),
        ("vox_offset", np.nan, "place of the voxels"),
        ("vox_offset", 1e6, "truncated"),
        ("dim", [3, 32767, 32767, 32767, 1, 1, 1, 1], "fits into memory|truncated"),
        ("dim", [3, 9, -7, 5, 1, 1, 1, 1], "size of an image"),
        ("dim", [9, 9, 7, 5, 1, 1, 1, 1], "size of an image"),
        ("scl_inter", np.nan, "finite intercept"),
        ("srow_x", [np.nan] * 4, "sform and qform agree"),
        ("srow_x", [0, 0, 0, 0], "sform and qform agree"),
        ("srow_x", [0.8, 0.3, 0, 0], "sform and qform agree"),
    ]:
        header = nib.Nifti1Header(raw[:348])
        header[field] = value
        path.write_bytes(header._structarr.tobytes() + raw[348:])
        with pytest.raises((FileFormatError, ImageError), match=message) as caught:
            read_nifti(path)
        assert "\n" not in str(caught.value)


def test_voxels_right_after_a_header_that_leaves_the_offset_open(tmp_path, grids):
    nib.save(nib.Nifti1Image(VOXELS.astype("i2"), grids["ras"].world_from_voxel), tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[108:112] = bytes(4)
    (tmp_path / "a.nii").write_bytes(raw)
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii").data, VOXELS)


def test_no_permission(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("hepareg.io.byte_stream.open", refuse, raising=False)
    with pytest.raises(FileFormatError, match="no permission"):
        read_nifti(tmp_path / "image.nii.gz")


def test_images_of_other_kinds_are_refused(tmp_path):
    path = tmp_path / "image.nii"
    for data, message in [
        (np.zeros((4, 4, 4, 2), np.int16), "3-D image, got 4x4x4x2"),
        (np.zeros((4, 4, 4), np.complex64), "real numbers"),
        (np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "colour"),
    ]:
        nib.save(nib.Nifti1Image(data, np.eye(4)), path)
        with pytest.raises(ImageError, match=message):
            read_nifti(path)


def test_same_content_same_digest(tmp_path, grids):
    image = Volume(VOXELS.astype(np.int16), grids["ras"])
    write_nifti(tmp_path / "a.nii.gz", image)
    write_nifti(tmp_path / "b.nii", Volume(image.data, grids["lps"]))
    write_nifti(tmp_path / "c.nii", image.with_data(image.data + np.int16(1)))
    a, b, c = (read_nifti(tmp_path / name).provenance for name in ("a.nii.gz", "b.nii", "c.nii"))
    assert a.content_digest == b.content_digest != c.content_digest
    assert a.file_format == "nifti"


def test_real_ct(shared_data):
    path = shared_data / "acrin_flt_001_abd" / "ct.nii.gz"
    volume = read_nifti(path)
    theirs = nib.load(path)
    assert volume.data.dtype == np.int16
    np.testing.assert_array_equal(volume.data, np.asarray(theirs.dataobj))
    np.testing.assert_array_equal(volume.grid.world_from_voxel, theirs.affine)


def test_exact_geometry_changes_to_nifti_2_only_where_needed(tmp_path):
    exact = Grid(SHAPE, np.diag([0.75, 0.75, 2.5, 1.0]))
    rotation = rotation_from_vector([0.3, -0.2, 0.4])
    oblique = Grid(SHAPE, homogeneous(rotation @ np.diag([0.7, 0.9, -3.0]), [-150.3, 120.7, 1410.2]))
    for grid, size in ((exact, 348), (oblique, 540)):
        path = tmp_path / f"{size}.nii.gz"
        write_nifti(path, Volume(VOXELS.astype(np.int16), grid), exact_geometry=True)
        assert int.from_bytes(gzip.decompress(path.read_bytes())[:4], "little") == size
        back, peer = read_nifti(path), nib.load(path)
        assert np.abs(back.grid.corners_mm - grid.corners_mm).max() < 1e-9
        assert np.array_equal(back.data, VOXELS)
        assert np.abs(peer.affine - grid.world_from_voxel).max() < 1e-9
        assert np.abs(peer.header.get_qform() - grid.world_from_voxel).max() < 1e-5
        assert np.array_equal(np.asarray(peer.dataobj), VOXELS)
