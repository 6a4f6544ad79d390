"""Headers of DICOM slices made in memory."""

from dataclasses import replace
from pathlib import Path

from hepareg.io.dicom_files import DicomFile
from hepareg.io.dicom_headers import SliceHeader

SLICE = SliceHeader(
    file=DicomFile(Path("a.dcm")), series_uid="1.2.34567", instance_uid="1", series_number=2, modality="CT",
    is_localiser=False, size=(512, 512), num_frames=1, num_samples=1, position=(0.0, 0.0, 0.0),
    orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), pixel_spacing=(0.7, 0.7), slope=1.0, intercept=0.0,
    acquisition_number=None, temporal_position=None, trigger_time=None, acquisition_time=None, content_time=None,
    transfer_syntax="", patient_digest=None,
)  # fmt: skip


def run(heights, *, begin=None, step_s=0.5, **attributes):
    """Slices at some heights, half a second apart from ``begin`` on; an attribute may be a function of the number."""
    return [
        replace(
            SLICE,
            position=(0.0, 0.0, float(z)),
            **({} if begin is None else {"acquisition_time": begin + step_s * n}),
            **{name: value(n) if callable(value) else value for name, value in attributes.items()},
        )
        for n, z in enumerate(heights)
    ]


def heights_of(groups):
    """Sorted heights of each group's slices."""
    return [sorted(s.position[2] for s in getattr(group, "slices", group)) for group in groups]
