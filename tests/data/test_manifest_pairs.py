import csv

import nibabel as nib
import numpy as np
import pytest

from hepareg.data import manifest_pairs
from hepareg.data.manifest_pairs import manifest_sources, read_pair, split_manifest
from hepareg.data.settings import DataSettings
from hepareg.errors import ImageError, InputError, MaskError, PairError, SettingsError
from hepareg.io.manifest import ManifestPair, read_manifest
from hepareg.io.nifti import write_nifti
from hepareg.networks.input_region import RegionSettings


@pytest.fixture
def write_manifest(oblique_pair, tmp_path):
    """Write the pair's files once, and a manifest of rows that all name them."""
    names = ("moving", "fixed", "moving_mask", "fixed_mask")
    for name in names:
        volume = getattr(oblique_pair, name)
        data = volume.data.astype(np.uint8) if name.endswith("mask") else volume.data
        write_nifti(tmp_path / f"{name}.nii.gz", volume.with_data(data))
    np.savetxt(tmp_path / "truth.txt", oblique_pair.moving_from_fixed.matrix)

    def write(*rows, without=()):
        files = {name: f"{name}.nii.gz" for name in names} | {"truth": "truth.txt"}
        files = {name: file for name, file in files.items() if name not in without}
        path = tmp_path / "manifest.csv"
        rows = [files | row for row in rows]
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


def sources_of(path, tmp_path, **options):
    settings = DataSettings(source="manifest", manifest=path, region=RegionSettings((28, 24, 20), 6.0), margin_mm=18.0)
    return manifest_sources(
        settings, seed=0, folder=tmp_path / "cache", needs_masks=options.pop("needs_masks", True), **options
    )


def test_files_become_prepared_pairs_with_their_truth(write_manifest, oblique_pair, tmp_path):
    path = write_manifest({"case": "a", "patient": "p"}, {"case": "b", "patient": "q"})
    sources = sources_of(path, tmp_path)
    assert (sources.num_training, sources.num_validation) == (1, 1)
    sources.fill(num_processes=1)
    pair = sources.training(0)
    assert np.allclose(pair.moving_from_fixed.matrix, oblique_pair.moving_from_fixed.matrix, atol=1e-6)
    # The crop and the region keep every liver voxel where it is in the world.
    assert np.linalg.norm(pair.fixed_mask.centroid_mm - oblique_pair.fixed_mask.centroid_mm) < 0.3
    assert len(list((tmp_path / "cache").glob("*.pt"))) == 2
    again = sources_of(path, tmp_path)
    (tmp_path / "moving.nii.gz").write_bytes(b"gone, so only the cache can answer")
    assert np.array_equal(again.training(0).moving.data, pair.moving.data)


def test_a_changed_file_is_read_again(write_manifest, tmp_path):
    path = write_manifest({"case": "a", "patient": "p"}, {"case": "b", "patient": "q"})
    sources_of(path, tmp_path).fill(num_processes=1)
    (tmp_path / "moving.nii.gz").write_bytes(b"no image any more")
    with pytest.raises(InputError, match=r"case [ab]: "):
        sources_of(path, tmp_path).fill(num_processes=1)


def test_a_guessed_label_of_a_mask_is_told(write_manifest, oblique_pair, tmp_path, capsys):
    path = write_manifest({"case": "a", "mask_label": "liver"})
    for name in ("moving_mask", "fixed_mask"):
        labels = 5 * getattr(oblique_pair, name).data.astype(np.uint8)
        labels[0, 0, 0] = 27
        write_nifti(tmp_path / f"{name}.nii.gz", getattr(oblique_pair, name).with_data(labels))
    read_pair(read_manifest(path)[0])
    shown = capsys.readouterr().err
    for side in ("moving", "fixed"):
        assert f"hepareg: note: the case a: {side} mask names no labels: 5 was taken as the liver" in shown
    assert str(tmp_path) not in shown


def test_masks_are_required_where_a_loss_needs_them(write_manifest, tmp_path):
    path = write_manifest({"case": "a", "patient": "p"}, {"case": "b", "patient": "q"}, without=["moving_mask"])
    with pytest.raises(InputError, match="case a: moving_mask is empty"):
        sources_of(path, tmp_path)
    pairs = sources_of(path, tmp_path, needs_masks=False)
    assert pairs.training(0).moving_mask is None


def test_one_pair_only_is_told_before_any_file_is_read(write_manifest, tmp_path):
    with pytest.raises(SettingsError, match="at least two patients"):
        sources_of(write_manifest({"case": "a", "patient": "p"}), tmp_path)


def test_a_missing_file_is_told_by_row_and_case(write_manifest, tmp_path):
    path = write_manifest({"case": "a", "patient": "p"}, {"case": "b", "patient": "q", "moving": "gone.nii.gz"})
    with pytest.raises(InputError, match="row 3: case b: the moving file does not exist"):
        sources_of(path, tmp_path)


def test_an_empty_mask_names_the_case_before_the_first_epoch(write_manifest, oblique_pair, tmp_path):
    path = write_manifest({"case": "a", "patient": "p"}, {"case": "b", "patient": "q"})
    empty = oblique_pair.fixed_mask.with_data(np.zeros(oblique_pair.fixed.shape, np.uint8))
    write_nifti(tmp_path / "fixed_mask.nii.gz", empty)
    with pytest.raises(MaskError, match=r"case [ab]: "):
        sources_of(path, tmp_path).fill(num_processes=1)


def rows(*entries):
    return [ManifestPair(case, "m", "f", patient=patient, split=split) for case, patient, split in entries]


def test_the_split_column_decides_where_it_is_filled():
    table = rows(("a", "p", "train"), ("b", "p", "train"), ("c", "q", "validation"), ("d", "r", "test"))
    assert split_manifest(table, validation_fraction=0.5, seed=0) == (["a", "b"], ["c"])


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (rows(("a", "p", "train"), ("b", "p", "validation")), PairError, "one patient"),
        (rows(("a", "p", "train"), ("b", "q", None)), InputError, "in all rows or in none"),
        (rows(("a", "p", "train"), ("b", "q", "test")), SettingsError, "empty split"),
    ],
)
def test_splits_that_cannot_be_used_are_refused(table, error, message):
    with pytest.raises(error, match=message):
        split_manifest(table, validation_fraction=0.5, seed=0)


def test_pairs_without_a_patient_are_patients_of_their_own():
    training, validation = split_manifest(
        rows(*((name, None, None) for name in "abcdef")), validation_fraction=0.34, seed=0
    )
    assert (len(training), len(validation)) == (4, 2)


def test_files_are_cropped_by_slices_or_by_extent():
    by_slices = manifest_pairs._crop(DataSettings(crop_slices=200))
    assert (by_slices.num_slices, by_slices.extent_mm) == (200, None)
    assert manifest_pairs._crop(DataSettings(crop_extent_mm=250.0)).extent_mm == 250.0


@pytest.fixture
def manifest_of_two_geometries(write_manifest, tmp_path):
    """A manifest whose moving image and mask have a qform 30 mm above the sform."""
    path = write_manifest({"case": "a", "patient": "p"}, {"case": "b", "patient": "q"})
    for name in ("moving", "moving_mask"):
        image = nib.load(tmp_path / f"{name}.nii.gz")
        above = image.affine.copy()
        above[2, 3] += 30
        stored = nib.Nifti1Image(np.asarray(image.dataobj), image.affine)
        stored.set_sform(image.affine, 1)
        stored.set_qform(above, 1)
        nib.save(stored, tmp_path / f"{name}.nii.gz")
    return path


def test_one_of_two_geometries_is_chosen_for_evaluation_and_training(
    manifest_of_two_geometries, oblique_pair, tmp_path
):
    row = read_manifest(manifest_of_two_geometries)[0]
    with pytest.raises(ImageError, match=r"case a: .*say which one holds") as raised:
        read_pair(row)
    assert raised.value.options == ("geometry",)
    there = oblique_pair.moving_mask.centroid_mm
    for geometry, above_mm in (("sform", 0), ("qform", 30)):
        pair = read_pair(row, geometry=geometry)
        # The header is in single precision: 1e-3 mm at 900 mm.
        assert np.allclose(pair.moving_mask.centroid_mm - there, [0, 0, above_mm], atol=1e-2)
        settings = DataSettings(
            source="manifest",
            manifest=manifest_of_two_geometries,
            geometry=geometry,
            region=RegionSettings((28, 24, 20), 6.0),
            margin_mm=18.0,
        )
        sources = manifest_sources(settings, seed=0, folder=tmp_path / "cache", needs_masks=True)
        # A mask on voxels of 6 mm has its centroid within 0.3 mm.
        assert np.allclose(sources.training(0).moving_mask.centroid_mm - there, [0, 0, above_mm], atol=0.3)


def test_notes_of_images_name_the_case_and_the_image(write_manifest, tmp_path, capsys):
    path = write_manifest({"case": "a"})
    image = nib.load(tmp_path / "fixed.nii.gz")
    near = image.affine.copy()
    near[2, 3] += 0.5
    image.set_qform(near, 1)
    nib.save(image, tmp_path / "fixed.nii.gz")
    read_pair(read_manifest(path)[0])
    assert "hepareg: note: case a: fixed image: sform and qform are up to 0.5 mm apart" in capsys.readouterr().err
