"""Manifests of pairs."""

import json

import pytest

from hepareg.errors import FileFormatError, InputError
from hepareg.io.manifest import ManifestPair, format_manifest, read_manifest
from hepareg.volume import Phase


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("a/m.nii.gz", "a/f.nii.gz", "a/l.nii.gz", "secret_name.nii.gz"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a" / "dicom").mkdir()
    return tmp_path


def written(folder, text, name="list.csv"):
    path = folder / name
    path.write_text(text)
    return path


FULL = "case,patient,moving,fixed,moving_mask,fixed_mask,mask_label,split,moving_phase\n"


def test_reads_every_column_relative_to_the_manifest(folder, monkeypatch):
    monkeypatch.chdir("/")
    pairs = read_manifest(written(folder, FULL + "one, P 1 ,a/m.nii.gz,a/dicom,,a/l.nii.gz,5,train,arterial\n"))
    assert pairs == (
        ManifestPair(
            case="one",
            moving=folder / "a/m.nii.gz",
            fixed=folder / "a/dicom",
            fixed_mask=folder / "a/l.nii.gz",
            mask_label=5,
            patient="P 1",
            split="train",
            moving_phase=Phase.ARTERIAL,
        ),
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_byte_order_mark_line_ends_and_blank_lines(folder, delimiter):
    text = "\ufeffcase,moving,fixed\r\n\r\none,a/m.nii.gz,a/f.nii.gz\r\n\r\n".replace(",", delimiter)
    assert [pair.case for pair in read_manifest(written(folder, text))] == ["one"]


def test_json_gives_the_same_pairs(folder):
    entries = [{"case": "one", "moving": "a/m.nii.gz", "fixed": "a/f.nii.gz", "mask_label": 5, "fixed_mask": None}]
    (pair,) = read_manifest(written(folder, json.dumps(entries), "list.json"))
    assert (pair.case, pair.mask_label, pair.fixed_mask) == ("one", 5, None)


def test_written_and_read_again(folder):
    pairs = read_manifest(written(folder, FULL + "one,p,a/m.nii.gz,a/f.nii.gz,a/l.nii.gz,,,test,delayed\n"))
    text = format_manifest(pairs, folder=folder / "a")
    assert text.splitlines()[0] == "case,moving,fixed,moving_mask,patient,split,moving_phase"
    assert str(folder) not in text
    (again,) = read_manifest(written(folder / "a", text))
    assert [path.resolve() for path in (again.moving, again.fixed, again.moving_mask)] == [
        folder / "a" / name for name in ("m.nii.gz", "f.nii.gz", "l.nii.gz")
    ]
    assert (again.case, again.patient, again.split, again.moving_phase) == ("one", "p", "test", Phase.DELAYED)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("one,,a/m.nii.gz,,,,,,\n", "row 2: case one: fixed is empty"),
        ("one,,a/m.nii.gz,gone_secret.nii.gz,,,,,\n", "row 2: case one: the fixed file does not exist"),
        ("one,,a/m.nii.gz,a/f.nii.gz,,,,,\none,,a/m.nii.gz,a/f.nii.gz,,,,,\n", "row 3: case one is there twice"),
        ("../up,,a/m.nii.gz,a/f.nii.gz,,,,,\n", "row 2: the case name may hold"),
        (".,,a/m.nii.gz,a/f.nii.gz,,,,,\n", "row 2: the case name may hold"),
        (",,a/m.nii.gz,a/f.nii.gz,,,,,\n", "row 2: case is empty"),
        ("one,,a/m.nii.gz,a/f.nii.gz,,,-1,,\n", "mask_label is no positive whole number"),
        ("one,,a/m.nii.gz,a/f.nii.gz,,,,dev,\n", "split is none of train, validation, test"),
        ("one,,a/m.nii.gz,a/f.nii.gz,,,,,late\n", "moving_phase is none of non_contrast"),
        ("", "at least one pair"),
    ],
)
def test_bad_rows(folder, rows, message):
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(written(folder, FULL + rows))
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_many_bad_rows_are_counted(folder):
    with pytest.raises(InputError, match=r"row 4: .*and 7 more rows"):
        read_manifest(written(folder, "case,moving,fixed\n" + "".join(f"c{n},x,y\n" for n in range(10))))


def test_required_columns(folder):
    path = written(folder, "case,moving,fixed\none,a/m.nii.gz,a/f.nii.gz\n")
    with pytest.raises(InputError, match="row 2: case one: patient is empty"):
        read_manifest(path, required=("patient",))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list.csv", "case,moving,fixed,patiënt\n", "unknown column"),
        ("list.csv", "case,moving\n", "got no 'fixed'"),
        ("list.csv", "", "got no 'case'"),
        ("list.csv", "case,moving,fixed,case\n", "twice"),
        ("list.csv", "case,moving,fixed\none,a,b,c\n", "row 2 .* more cells"),
        ("list.csv", 'case,moving,fixed\n"one,a,b\n', "no CSV"),
        ("list.json", "[{", "line 1 .* no JSON"),
        ("list.json", '{"case": 1}', "list of objects"),
        ("list.json", '[{"case": "a", "moving": "b"}]', "fixed is empty|got no 'fixed'"),
        ("list.json", '[{"case": "a", "moving": "b", "fixed": "c", "age": 1}]', "unknown column 'age'"),
    ],
)
def test_bad_files(folder, name, text, message):
    with pytest.raises((FileFormatError, InputError), match=message):
        read_manifest(written(folder, text, name))


def test_missing_and_binary_files(folder):
    with pytest.raises(FileFormatError, match="that can be read"):
        read_manifest(folder / "gone.csv")
    (folder / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(FileFormatError, match="that can be read"):
        read_manifest(folder / "binary.csv")


@pytest.mark.parametrize("name", ["a" * 5000, "\0", "a/" * 3000])
def test_a_name_that_no_file_can_have(tmp_path, name):
    (tmp_path / "m.json").write_text(json.dumps([{"case": "one", "moving": name, "fixed": name}]))
    with pytest.raises(InputError, match="the moving file does not exist"):
        read_manifest(tmp_path / "m.json")


@pytest.mark.parametrize("content", ["1" * 5000, "[" * 100_000])
def test_json_that_its_parser_cannot_hold(tmp_path, content):
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(FileFormatError, match="JSON"):
        read_manifest(tmp_path / "m.json")
