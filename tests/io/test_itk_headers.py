"""Headers that ITK takes, hangs on or tells badly: one line each, before any memory is taken."""

import bz2
import gzip
import zlib

import numpy as np
import pytest

from hepareg.errors import FileFormatError, ImageError
from hepareg.io.images import read_image

VOXELS = np.random.default_rng(0).integers(-1000, 1000, (9, 7, 5)).astype(np.int16)
NRRD = (
    "NRRD0005\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 9 7 5\n"
    "space directions: ({0},0,0) (0,{0},0) (0,0,{0})\nkinds: domain domain domain\nendian: little\n"
    "space origin: (1,2,3)\n"
)
META = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nOffset = 1 2 3\n"
    "ElementSpacing = {0} {0} {0}\nDimSize = 9 7 5\nElementType = MET_SHORT\n"
)
RAW = VOXELS.tobytes(order="F")


def nrrd(path, extra="encoding: raw\n", voxels=RAW, spacing=3, head=NRRD):
    path.write_bytes((head.format(spacing) + extra + "\n").encode() + voxels)
    return path


def meta(path, extra="", voxels=RAW, spacing=3, head=META, data_file="LOCAL"):
    path.write_bytes((head.format(spacing) + extra + f"ElementDataFile = {data_file}\n").encode() + voxels)
    return path


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("raw", bytes), ("gzip", gzip.compress), ("gz", gzip.compress), ("bzip2", bz2.compress), ("bz2", bz2.compress)],
)
def test_every_encoding_of_nrrd(tmp_path, encoding, pack):
    attached = nrrd(tmp_path / "a.nrrd", f"encoding: {encoding}\n", pack(RAW))
    (tmp_path / "b.data").write_bytes(pack(RAW))
    detached = nrrd(tmp_path / "b.nhdr", f"encoding: {encoding}\ndata file: b.data\n", b"")
    for path in (attached, detached):
        volume = read_image(path)
        np.testing.assert_array_equal(volume.data, VOXELS)
        np.testing.assert_allclose(volume.grid.world_from_voxel[:3], [[-3, 0, 0, -1], [0, -3, 0, -2], [0, 0, 3, 3]])


@pytest.mark.parametrize(
    "extra", ["data file: gone.raw\n", "data file: LIST\ngone.raw\n", "data file: gone.raw%d 1 3 1 2\n"]
)
def test_a_missing_file_of_voxels_is_named(tmp_path, extra):
    with pytest.raises(FileFormatError, match=r"files with the voxels .* missing: .*a\.nhdr") as caught:
        read_image(nrrd(tmp_path / "a.nhdr", "encoding: raw\n" + extra, b""))
    assert "gone.raw" in caught.value.listing
    assert "gone" not in str(caught.value)  # a table of failures holds the text, and the name may be a patient's


@pytest.mark.parametrize("data_file", ["gone.raw", "LIST\ngone.raw", "gone.raw%02d 1 5 1"])
def test_a_missing_file_of_a_metaimage_is_named(tmp_path, data_file, capfd):
    with pytest.raises(FileFormatError, match=r"files with the voxels .* missing: .*a\.mhd") as caught:
        read_image(meta(tmp_path / "a.mhd", voxels=b"", data_file=data_file))
    assert "gone.raw" in caught.value.listing
    assert "gone" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("unit", ["um", "cm", "m", "micron", "meters"])
def test_another_unit_is_refused(tmp_path, unit):
    with pytest.raises(ImageError, match="millimetres as the unit"):
        read_image(nrrd(tmp_path / "a.nrrd", f'space units: "{unit}" "{unit}" "{unit}"\nencoding: raw\n'))
    with pytest.raises(ImageError, match="millimetres as the unit"):
        read_image(meta(tmp_path / "a.mha", f"DistanceUnits = {unit}\n"))
    read_image(nrrd(tmp_path / "b.nrrd", 'space units: "mm" "mm" "mm"\nencoding: raw\n'))
    read_image(meta(tmp_path / "b.mha", "DistanceUnits = mm\n"))


@pytest.mark.parametrize("spacing", [3000, 0.003])
def test_a_spacing_that_no_ct_has(tmp_path, spacing):
    for path in (nrrd(tmp_path / "a.nrrd", spacing=spacing), meta(tmp_path / "a.mha", spacing=spacing)):
        with pytest.raises(ImageError, match="another unit than mm"):
            read_image(path)


@pytest.mark.parametrize("sizes", ["30000 30000 30000", "900 700 500", "9 7 99999999999999999999"])
def test_sizes_that_the_file_cannot_hold(tmp_path, sizes, capfd):
    head, meta_head = NRRD.replace("9 7 5", sizes), META.replace("9 7 5", sizes)
    for path in (
        nrrd(tmp_path / "raw.nrrd", head=head),
        nrrd(tmp_path / "gz.nrrd", "encoding: gzip\n", gzip.compress(RAW), head=head),
        nrrd(tmp_path / "bz.nrrd", "encoding: bzip2\n", bz2.compress(RAW), head=head),
        meta(tmp_path / "a.mha", head=meta_head),
        meta(tmp_path / "z.mha", "CompressedData = True\n", head=meta_head),
    ):
        with pytest.raises(FileFormatError, match=r"voxels|damaged") as caught:
            read_image(path)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("space", ["scanner-xyz", "3D-left-handed", "right-posterior-superior"])
def test_a_space_in_which_left_is_unknown(tmp_path, space):
    with pytest.raises(ImageError, match="left and right"):
        read_image(nrrd(tmp_path / "a.nrrd", head=NRRD.replace("left-posterior-superior", space)))


@pytest.mark.parametrize("order", ["True", "False"])
def test_both_byte_orders_of_a_compressed_metaimage(tmp_path, order):
    voxels = VOXELS.astype(">i2" if order == "True" else "<i2").tobytes(order="F")
    head = META.replace("MSB = False", f"MSB = {order}")
    path = meta(tmp_path / "a.mha", "CompressedData = True\n", zlib.compress(voxels), head=head)
    np.testing.assert_array_equal(read_image(path).data, VOXELS)


def test_damaged_voxels_leave_no_foreign_line(tmp_path, capfd):
    for path in (
        nrrd(tmp_path / "gz.nrrd", "encoding: gzip\n", gzip.compress(RAW)[:-200]),
        nrrd(tmp_path / "bz.nrrd", "encoding: bzip2\n", bz2.compress(RAW)[:-200]),
        meta(tmp_path / "z.mha", "CompressedData = True\nCompressedDataSize = 500\n", RAW[:500]),
        meta(tmp_path / "y.mha", "CompressedData = True\n", zlib.compress(RAW)[:-20]),
        meta(tmp_path / "x.mha", "CompressedData = True\n", zlib.compress(RAW + RAW)),
        meta(tmp_path / "a.mha", voxels=RAW[:-10]),
    ):
        with pytest.raises(FileFormatError, match=r"truncated|damaged|got more"):
            read_image(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("stored", ["a.txt", "LOCAL"])
def test_a_metaimage_in_text_is_not_measured_in_bytes(tmp_path, stored):
    """Numbers as text take another number of bytes than binary ones: two here, for numbers of four."""
    head = META.replace("BinaryData = True", "BinaryData = False").replace("MET_SHORT", "MET_INT")
    text = " ".join(str(n & 1) for n in VOXELS.ravel(order="F")).encode() + b"\n"
    (tmp_path / "a.txt").write_bytes(text)
    path = meta(tmp_path / "a.mhd", voxels=text if stored == "LOCAL" else b"", head=head, data_file=stored)
    np.testing.assert_array_equal(read_image(path).data, VOXELS & 1)
    (tmp_path / "a.txt").write_bytes(text[:100])
    path = meta(tmp_path / "a.mhd", voxels=text[:100] if stored == "LOCAL" else b"", head=head, data_file=stored)
    with pytest.raises(FileFormatError, match="damaged"):
        read_image(path)


@pytest.mark.parametrize(
    "lines",
    [
        "NDims = -1\n",  # ITK takes memory that it does not have, and ends the process
        "NDims = 2\n",
        "DimSize = 16 14\n",
        "DimSize = 16 14 0\n",
        "ElementType =\n",
    ],
)
def test_a_damaged_metaimage_does_not_reach_itk(tmp_path, lines):
    name = lines.split(" =")[0]
    head = "".join(lines if line.startswith(name) else line for line in META.splitlines(keepends=True))
    with pytest.raises(FileFormatError, match=r"header is damaged: .*a\.mha|expected|damaged"):
        read_image(meta(tmp_path / "a.mha", head=head))


@pytest.mark.parametrize(
    "pattern",
    [
        "a%d.raw 1 5 0",  # ITK divides by the step, and ends the process
        "a%d.raw 5 1 -1",
        "a%s.raw 1 5",
        "a%d%d.raw 1 5",
        "a%999999999d.raw 1 2",  # a name of a gigabyte
        "a%d.raw 0 99999999",
        "a" * 5000,  # longer than any name
        "LIST\n" + "a.raw\n" * 20_000,
    ],
)
def test_names_of_files_that_no_image_has(tmp_path, pattern):
    for path in (
        meta(tmp_path / "a.mhd", voxels=b"", data_file=pattern),
        nrrd(tmp_path / "a.nhdr", f"encoding: raw\ndata file: {pattern}\n", b""),
    ):
        with pytest.raises(FileFormatError, match=r"header is damaged|missing"):
            read_image(path)


def test_a_piece_of_the_header_cannot_steer_a_terminal(tmp_path):
    head = NRRD.replace("left-posterior-superior", "left\x1b[2J" + "A" * 500)
    with pytest.raises(ImageError, match="space of a patient") as caught:
        read_image(nrrd(tmp_path / "a.nrrd", head=head))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "line", ["A" * 5000 + "\n", "space origin: (1,2," + "9" * 5000 + ")\n", "<a>" * 100_000 + "\n"]
)
def test_lines_that_are_too_long_for_itk(tmp_path, line):
    """Its parsers end the process: they write them past the end of their memory."""
    with pytest.raises(FileFormatError, match="header is damaged"):
        read_image(nrrd(tmp_path / "a.nrrd", f"{line}encoding: raw\n"))
    with pytest.raises(FileFormatError, match="header is damaged"):
        read_image(meta(tmp_path / "a.mha", f"Comment = {line}"))


def test_a_long_comment_or_value_of_a_key_is_read(tmp_path):
    extra = f"# {'A' * 5000}\nDWMRI:={'1 ' * 5000}\nencoding: raw\n"
    np.testing.assert_array_equal(read_image(nrrd(tmp_path / "a.nrrd", extra)).data, VOXELS)
