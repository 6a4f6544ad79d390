"""Make the golden files with the tools whose formats they are: SimpleITK, ANTsPy, fslpy, surfa, nibabel.

Run once by hand (`python tests/golden/make_golden.py`); the files are committed, so that a later
version of a tool, or of ours, is held to what these wrote. `landmarks.json` has five world points
(RAS mm, fixed image) and where each tool's own library moves them.
"""

import json
import platform
from pathlib import Path

import ants
import nibabel as nib
import numpy as np
import SimpleITK as sitk
import surfa as sf
from fsl.data.image import Image
from fsl.transform import affine, flirt

HERE = Path(__file__).parent
FLIP = np.array([-1.0, -1.0, 1.0])
LANDMARKS = np.array([[10.0, 20, -500], [80, -30, -550], [-20, 60, -470], [120, 5, -620], [55, 44, -530]])
FIXED = (np.array([[-0.8, 0, 0, 160.5], [0, -0.8, 0, 180.25], [0, 0, 2.5, -640.0], [0, 0, 0, 1]]), (11, 6, 8))
VOXELS = np.random.default_rng(0).integers(0, 3000, (9, 7, 5)).astype(np.uint16)


def moving_grid():
    """Return an oblique, anisotropic, left-handed grid."""
    cosines = sitk.Euler3DTransform()
    cosines.SetRotation(0.3, -0.2, 0.4)
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(cosines.GetMatrix()).reshape(3, 3) @ np.diag([0.7, -0.9, 3.0])
    matrix[:3, 3] = [-150.3, 120.7, -410.2]
    return matrix, VOXELS.shape


def moved_by_itk(transform):
    return np.array([transform.TransformPoint(p) for p in (LANDMARKS * FLIP).tolist()]) * FLIP


def itk_files():
    euler = sitk.Euler3DTransform((10.0, 20.0, -300.0), 0.1, -0.2, 0.3, (12.0, -7.0, 31.0))
    similarity = sitk.Similarity3DTransform(1.05, (0.3, -0.5, 0.8), 0.4, (3.0, 4.0, 5.0), (10.0, 20.0, -300.0))
    moved = {}
    for name, transform in (
        ("itk_euler.tfm", euler),
        ("itk_similarity.tfm", similarity),
        ("itk_euler.mat", euler),
        ("itk_euler.h5", euler),
        ("itk_chain.tfm", sitk.CompositeTransform([euler, similarity])),
    ):
        sitk.WriteTransform(transform, str(HERE / name))
        moved[name] = moved_by_itk(transform)
    release = platform.release().encode()  # ITK writes the version of the machine's kernel into HDF5
    hdf5 = HERE / "itk_euler.h5"
    hdf5.write_bytes(hdf5.read_bytes().replace(release, b"0" * len(release)))
    return moved


def ants_files():
    moved = {}
    for kind, parameters, fixed in (
        ("Euler3DTransform", [0.1, -0.2, 0.3, 5, 6, 7], [10, 20, -300, 0]),
        ("AffineTransform", [1.1, 0.1, 0, 0, 0.9, 0.02, 0.03, 0, 1, 5, 6, 7], [10, 20, -300]),
    ):
        name = f"ants_{kind[0].lower()}0GenericAffine.mat"
        transform = ants.create_ants_transform(
            transform_type=kind, dimension=3, precision="float", parameters=parameters, fixed_parameters=fixed
        )
        ants.write_transform(transform, str(HERE / name))
        moved[name] = np.array([transform.apply_to_point(p) for p in (LANDMARKS * FLIP).tolist()]) * FLIP
    return moved


def fsl_and_freesurfer_files():
    """Write maps of moving to fixed; the landmarks go the other way, as the reader's result does."""
    fixed_from_moving = affine.compose([1, 1, 1], [12, -7, 31], [0.1, -0.2, 0.15])
    wanted = affine.transform(LANDMARKS, np.linalg.inv(fixed_from_moving))
    grids = {"moving": moving_grid(), "fixed": FIXED}
    images = {}
    for name, (matrix, shape) in grids.items():
        images[name] = Image(np.zeros(shape, np.int16), xform=matrix)
    theirs = flirt.toFlirt(fixed_from_moving, images["moving"], images["fixed"], "world", "world")
    flirt.writeFlirt(theirs, str(HERE / "fsl_flirt.mat"))
    geometry = {name: sf.ImageGeometry(shape, vox2world=matrix) for name, (matrix, shape) in grids.items()}
    lta = sf.Affine(fixed_from_moving, source=geometry["moving"], target=geometry["fixed"], space="world")
    lta.save(str(HERE / "surfa_world.lta"))
    lta.convert(space="vox").save(str(HERE / "surfa_vox.lta"))
    return dict.fromkeys(("fsl_flirt.mat", "surfa_world.lta", "surfa_vox.lta"), wanted)


def images():
    """Write one image three ways: big-endian NIfTI with an intercept, NRRD, MetaImage; all hold VOXELS - 1024."""
    matrix, shape = moving_grid()
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.uint16)
    header.set_data_shape(shape)
    header.set_sform(matrix, 1)
    header.set_qform(matrix, 1)
    header["scl_slope"], header["scl_inter"], header["vox_offset"] = 1, -1024, 352
    header["descrip"] = b"free text of another tool"
    (HERE / "nibabel.nii").write_bytes(header.binaryblock + bytes(4) + VOXELS.astype(">u2").tobytes(order="F"))
    image = sitk.GetImageFromArray((VOXELS.astype(np.int16) - 1024).T)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    for name in ("itk.nrrd", "itk.mha"):
        sitk.WriteImage(image, str(HERE / name), useCompression=True)
    np.save(HERE / "voxels_hu.npy", VOXELS.astype(np.int16) - 1024)


def main():
    """Write all golden files."""
    moved = {**itk_files(), **ants_files(), **fsl_and_freesurfer_files()}
    images()
    matrix, shape = moving_grid()
    content = {
        "landmarks": LANDMARKS.tolist(),
        "moved": {name: points.tolist() for name, points in moved.items()},
        "moving_grid": {"shape": shape, "world_from_voxel": matrix.tolist()},
        "fixed_grid": {"shape": FIXED[1], "world_from_voxel": FIXED[0].tolist()},
    }
    (HERE / "landmarks.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
