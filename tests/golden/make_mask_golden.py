"""Make the golden masks of `tests/golden/masks` with the tools whose formats they are: highdicom, rt-utils, pynrrd.

Run once by hand (`python tests/golden/make_mask_golden.py`, with those packages and this repository installed); the
files are committed. `masks.npz` has the voxels of each segment and the grids (world_from_voxel in RAS mm) that they
belong to: `axial` and `oblique`. `*_rt_utils.npy` is what rt-utils makes of its own contours; it exchanges rows and
columns where pixels or pictures are not square, so that these are.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import highdicom as hd
import nrrd
import numpy as np
import pydicom
from pydicom.sr.codedict import codes
from rt_utils import RTStructBuilder

from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.io.dicom_output import write_dicom_series
from hepareg.volume import Volume

HERE = Path(__file__).parent / "masks"
SHAPE = (40, 40, 12)
GRIDS = {
    "axial": np.array([[-0.9, 0, 0, 120.5], [0, -0.9, 0, 80.25], [0, 0, 3.0, -640.0], [0, 0, 0, 1]]),
    "oblique": homogeneous(rotation_from_vector([0.2, -0.1, 0.3]) @ np.diag([-0.9, -0.9, 3.0]), [120.5, 80.25, -640.0]),
}


def masks():
    """Return a liver with a hole and an island, present in some slices only, and a lesion that overlaps with it."""
    i, j, k = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    liver = (((i - 18) / 14) ** 2 + ((j - 17) / 12) ** 2 + ((k - 5) / 4.2) ** 2) < 1
    liver &= ~((((i - 16) / 4) ** 2 + ((j - 18) / 3) ** 2) < 1)
    liver |= ((i - 36) ** 2 + (j - 30) ** 2 < 9) & (k > 3) & (k < 8)
    lesion = ((i - 24) ** 2 + (j - 12) ** 2 < 16) & (k > 4) & (k < 7)
    return {"liver": liver, "lesion": lesion}


def source_images(folder, matrix):
    data = np.random.default_rng(0).integers(-100, 200, SHAPE).astype(np.int16)
    write_dicom_series(folder, Volume(data, Grid(SHAPE, matrix)), study="golden", series_number=1, description="CT")
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def segmentation(images, kind, values, **options):
    names = list(masks())
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=n,
            segment_label=name.title(),
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for n, name in enumerate(names, start=1)
    ]
    return hd.seg.Segmentation(
        source_images=images,
        pixel_array=values,
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid="1.2.826.0.1.3680043.8.498.10",
        series_number=9,
        sop_instance_uid="1.2.826.0.1.3680043.8.498.11",
        instance_number=1,
        manufacturer="golden",
        manufacturer_model_name="golden",
        software_versions="1",
        device_serial_number="1",
        **options,
    )


def seg_files(name, images):
    stack = np.stack([mask.transpose(2, 1, 0) for mask in masks().values()], axis=-1)
    kinds = hd.seg.SegmentationTypeValues
    segmentation(images, kinds.BINARY, stack.astype(np.uint8)).save_as(HERE / f"{name}_binary.dcm")
    soft = stack * 0.8 + 0.1
    segmentation(images, kinds.FRACTIONAL, soft, max_fractional_value=200).save_as(HERE / f"{name}_fractional.dcm")
    labels = np.where(stack[..., 1], 2, stack[..., 0]).astype(np.uint8)
    segmentation(images, kinds.LABELMAP, labels).save_as(HERE / f"{name}_labelmap.dcm")


def rtstruct_files(name, folder):
    for hole in (False, True):
        builder = RTStructBuilder.create_new(dicom_series_path=str(folder))
        for segment, mask in masks().items():
            builder.add_roi(mask=mask.transpose(1, 0, 2), name=segment.title(), use_pin_hole=hole)
        builder.ds.PatientName = builder.ds.StructureSetLabel = ""
        stem = f"{name}_{'keyhole' if hole else 'holes'}"
        builder.save(str(HERE / stem))
        np.save(HERE / f"{stem}_rt_utils.npy", builder.get_roi_mask_by_name("Liver").transpose(1, 0, 2))


def slicer_files():
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ GRIDS["axial"]
    both = list(masks().values())
    box = [slice(int(x.min()), int(x.max()) + 1) for x in np.nonzero(both[0] | both[1])]
    origin = (lps @ [*(s.start for s in box), 1])[:3]
    layers = np.stack([mask[tuple(box)] for mask in both]).astype(np.uint8)
    fields = {
        "Segmentation_ReferenceImageExtentOffset": " ".join(str(s.start) for s in box),
        "Segment0_Name": "Liver", "Segment0_LabelValue": "1", "Segment0_Layer": "0", "Segment0_ID": "Segment_1",
        "Segment1_Name": "Lesion", "Segment1_LabelValue": "1", "Segment1_Layer": "1", "Segment1_ID": "Segment_2",
    }  # fmt: skip
    space = {"space": "left-posterior-superior", "space origin": origin, "encoding": "gzip"}
    directions = lps[:3, :3].T
    nrrd.write(
        str(HERE / "layers.seg.nrrd"), layers,
        {**space, **fields, "kinds": ["list", "domain", "domain", "domain"],
         "space directions": np.vstack([np.full(3, np.nan), directions])},
    )  # fmt: skip
    one = np.where(layers[1], 7, layers[0]).astype(np.uint8)
    fields |= {"Segment1_LabelValue": "7", "Segment1_Layer": "0"}
    kinds = ["domain", "domain", "domain"]
    nrrd.write(str(HERE / "labels.seg.nrrd"), one, {**space, **fields, "kinds": kinds, "space directions": directions})


def main():
    HERE.mkdir(exist_ok=True)
    np.savez_compressed(HERE / "masks.npz", **masks(), **GRIDS)
    for name, matrix in GRIDS.items():
        with TemporaryDirectory() as folder:
            images = source_images(Path(folder) / "ct", matrix)
            seg_files(name, images)
            rtstruct_files(name, Path(folder) / "ct")
    slicer_files()


if __name__ == "__main__":
    main()
