"""Small DICOM CT series made on the fly."""

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def ct_slice(k, pixels, *, orientation=IDENTITY, origin=(-10.0, -20.0, 30.0), spacing=(0.8, 0.7, 2.5), **attributes):
    """Return slice ``k`` of a series: (rows, columns) stored pixels, spacing of rows, columns and slices."""
    normal = np.cross(orientation[:3], orientation[3:])
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientID = "SECRET-7"
    dataset.PatientName = "Doe^Jane"
    dataset.SeriesNumber = 3
    dataset.InstanceNumber = 100 - k
    dataset.ImageOrientationPatient = [f"{x:.12g}" for x in orientation]
    dataset.ImagePositionPatient = [f"{x:.8f}"[:16] for x in np.array(origin) + k * spacing[2] * normal]
    dataset.PixelSpacing = list(spacing[:2])
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.PixelData = pixels.tobytes()
    for name, value in attributes.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    return dataset


def save(dataset, path, *, syntax=ExplicitVRLittleEndian):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    file = FileDataset(str(path), dataset, preamble=b"\0" * 128, file_meta=meta)
    file.save_as(path, enforce_file_format=True)


def write_series(folder, voxels, *, uid=None, change=lambda k: {}, keep=lambda k: True, prefix="", **attributes):
    """Write (I, J, K) stored voxels as one file per slice, in shuffled order of names.

    ``change(k)`` gives attributes of a single slice; slices where ``keep(k)`` is false are left out.
    """
    folder.mkdir(exist_ok=True, parents=True)
    uid = uid or generate_uid()
    for k in range(voxels.shape[2]):
        if keep(k):
            pixels = np.ascontiguousarray(voxels[:, :, k].T)
            dataset = ct_slice(k, pixels, **{"SeriesInstanceUID": uid, **attributes, **change(k)})
            save(dataset, folder / f"{prefix}{(7 * k) % 101:03d}.dcm")
    return uid


def write_enhanced(
    path, phases, *, origin=(-10.0, -20.0, 30.0), spacing=(0.8, 0.7, 2.5), frame=lambda p, k: {}, **shared
):
    """Write (I, J, K) stored voxels of one or more phases as one enhanced CT, frames of the phases interleaved.

    ``frame(phase, k)`` gives attributes of a frame's content, its trigger time and an offset along z in mm; ``shared``
    changes those of the whole image.
    """
    dataset = ct_slice(0, np.ascontiguousarray(phases[0][:, :, 0].T), spacing=spacing)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(dataset, name)
    dataset.SOPClassUID = EnhancedCTImageStorage
    dataset.SeriesInstanceUID = generate_uid()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    orientation, measures, scaling = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = list(IDENTITY)
    measures.PixelSpacing = list(spacing[:2])
    scaling.RescaleSlope, scaling.RescaleIntercept = 1, -1024
    common = Dataset()
    common.PlaneOrientationSequence = [orientation]
    common.PixelMeasuresSequence = [measures]
    common.PixelValueTransformationSequence = [scaling]
    dataset.SharedFunctionalGroupsSequence = [common]
    frames, pixels = [], []
    for k in reversed(range(phases[0].shape[2])):
        for phase, voxels in enumerate(phases, start=1):
            position, content, item = Dataset(), Dataset(), Dataset()
            attributes = dict(frame(phase, k))
            height = origin[2] + k * spacing[2] + attributes.pop("offset", 0)
            position.ImagePositionPatient = [origin[0], origin[1], height]
            if "trigger" in attributes:
                delay = Dataset()
                delay.NominalCardiacTriggerDelayTime = attributes.pop("trigger")
                item.CardiacSynchronizationSequence = [delay]
            for name, value in attributes.items():
                setattr(content, name, value)
            item.PlanePositionSequence, item.FrameContentSequence = [position], [content]
            frames.append(item)
            pixels.append(np.ascontiguousarray(voxels[:, :, k].T))
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = np.stack(pixels).tobytes()
    for name, value in shared.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    path.parent.mkdir(exist_ok=True, parents=True)
    save(dataset, path)
