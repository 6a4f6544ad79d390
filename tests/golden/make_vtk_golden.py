"""Make the meshes in `vtk/` with VTK (which weighs half a gigabyte and is no dependency), as 3D Slicer writes them.

Run once by hand in an environment with `vtk`: `python tests/golden/make_vtk_golden.py`. `expected.npz` has the points
and normals in the files' own world, LPS.
"""

from pathlib import Path

import numpy as np
import vtk
from vtk.util.numpy_support import vtk_to_numpy

HERE = Path(__file__).parent / "vtk"
HEADER = "3D Slicer output. SPACE=LPS"
XML = {
    "ascii": (0, 0, 0, 32),
    "inline_zlib": (1, 1, 0, 64),
    "appended_raw": (2, 0, 0, 64),
    "appended_zlib": (2, 1, 1, 32),
    "appended_lzma": (2, 3, 0, 32),
}
"""Mode of the data, compressor, whether appended data are base64, and bits of a count."""


def sphere():
    source = vtk.vtkSphereSource()
    source.SetCenter(10, 20, -300)
    source.SetRadius(30)
    source.SetThetaResolution(6)
    source.SetPhiResolution(5)
    source.Update()
    return source.GetOutput()


def write(writer, mesh, name):
    writer.SetInputData(mesh)
    writer.SetFileName(str(HERE / name))
    writer.Write()


def main():
    mesh = sphere()
    field = vtk.vtkStringArray()
    field.SetName("SPACE")
    field.InsertNextValue("LPS")
    marked = vtk.vtkPolyData()
    marked.ShallowCopy(mesh)
    marked.GetFieldData().AddArray(field)
    for name, (mode, compressor, is_base64, bits) in XML.items():
        writer = vtk.vtkXMLPolyDataWriter()
        writer.SetDataMode(mode)
        writer.SetCompressorType(compressor)
        writer.SetEncodeAppendedData(is_base64)
        writer.SetHeaderType(bits)
        write(writer, marked, f"{name}.vtp")
    for version, kind in ((42, "text"), (42, "binary"), (51, "binary")):
        writer = vtk.vtkPolyDataWriter()
        writer.SetFileVersion(version)
        writer.SetFileType(1 if kind == "text" else 2)
        writer.SetHeader(HEADER)
        write(writer, mesh, f"legacy_{version}_{kind}.vtk")
    for kind in ("text", "binary"):
        writer = vtk.vtkSTLWriter()
        writer.SetFileType(1 if kind == "text" else 2)
        writer.SetHeader(HEADER)
        write(writer, mesh, f"{kind}.stl")
    writer = vtk.vtkPLYWriter()
    writer.AddComment("SPACE=LPS")
    write(writer, mesh, "mesh.ply")
    points, normals = mesh.GetPoints().GetData(), mesh.GetPointData().GetNormals()
    np.savez(HERE / "expected.npz", points=vtk_to_numpy(points), normals=vtk_to_numpy(normals))


if __name__ == "__main__":
    main()
