"""Small valid meshes and landmarks."""

import json
from pathlib import Path

from tests.fuzz.seeds.seed import Seed

__all__ = ["POINTS"]

GOLDEN = Path(__file__).parents[2] / "golden" / "vtk"
CSV = b"name,x,y,z\ndome,10.5,20,-500\ntip,80,-30,-550.25\nhilum,-20,60,-470\nvein,120,5,-620\n"
FCSV = (
    b"# Markups fiducial file version = 4.11\n# CoordinateSystem = LPS\n"
    b"# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
    b"1,10.5,20,-500,0,0,0,1,1,1,0,dome,,\n2,80,-30,-550,0,0,0,1,1,1,0,tip,,\n"
)
PAIRS = (
    b"name,fixed_x,fixed_y,fixed_z,moving_x,moving_y,moving_z\ndome,10,20,-500,12,21,-490\ntip,80,-30,-550,82,-29,-540\n"
    b"hilum,-20,60,-470,-18,61,-460\nvein,120,5,-620,122,6,-610\n"
)
ELASTIX_POINTS = b"point\n3\n10.5 20 -500\n80 -30 -550.25\n-20 60 -470\n"
MARKUPS = json.dumps(
    {
        "@schema": "https://raw.githubusercontent.com/slicer/slicer/master/markups-schema-v1.0.3.json#",
        "markups": [
            {
                "type": "Plane",
                "coordinateSystem": "LPS",
                "coordinateUnits": "mm",
                "center": [1.0, 2.0, 3.0],
                "normal": [0.0, 0.0, 1.0],
                "baseToNode": [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
                "controlPoints": [
                    {
                        "id": str(n),
                        "label": f"p-{n}",
                        "position": [10.0 * n, 20.0, -500.0],
                        "orientation": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
                        "positionStatus": "defined",
                    }
                    for n in range(1, 4)
                ],
            }
        ],
    },
    indent=1,
).encode()
MTL = b"newmtl red\nKd 1 0 0\nmap_Kd a.png\n"
PLY_TEXT = (
    b"ply\nformat ascii 1.0\ncomment SPACE=RAS\nelement vertex 4\n"
    b"property float x\nproperty float y\nproperty float z\n"
    b"property uchar red\nelement face 4\nproperty list uchar int vertex_indices\nend_header\n"
    b"0 0 0 255\n10 0 0 9\n0 10 0 8\n0 0 10 7\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n"
)
OBJ = (
    b"# SPACE=LPS\nmtllib a.mtl\no liver\nv 0 0 0\nv 10 0 0\nv 0 10 0\nv 0 0 10\nvn 0 0 1\nvt 0 0\nusemtl red\n"
    b"f 1//1 3//1 2//1\nf 1 2 4\nf 1/1 4/1 3/1\nf 2 3 4\n"
)


def _golden(kind: str, name: str, *, text: bool = True) -> Seed:
    path = f"a{Path(name).suffix}"
    return Seed(kind, path, {path: (GOLDEN / name).read_bytes()}, (), text)


POINTS = {
    "stl": lambda: _golden("mesh", "binary.stl", text=False),
    "stl_text": lambda: _golden("mesh", "text.stl"),
    "ply": lambda: _golden("mesh", "mesh.ply"),
    "ply_text": lambda: Seed("mesh", "a.ply", {"a.ply": PLY_TEXT}, (), True),
    "obj": lambda: Seed("mesh", "a.obj", {"a.obj": OBJ, "a.mtl": MTL}, ("obj",), True),
    "vtk_text": lambda: _golden("vtk", "legacy_42_text.vtk"),
    "vtk_binary": lambda: _golden("vtk", "legacy_42_binary.vtk"),
    "vtk_51": lambda: _golden("vtk", "legacy_51_binary.vtk"),
    "vtp_text": lambda: _golden("vtk", "ascii.vtp"),
    "vtp_inline_zlib": lambda: _golden("vtk", "inline_zlib.vtp"),
    "vtp_appended_zlib": lambda: _golden("vtk", "appended_zlib.vtp"),
    "vtp_appended_lzma": lambda: _golden("vtk", "appended_lzma.vtp"),
    "vtp_appended_raw": lambda: _golden("vtk", "appended_raw.vtp"),
    "csv": lambda: Seed("landmarks", "a.csv", {"a.csv": CSV}, (), True),
    "fcsv": lambda: Seed("landmarks", "a.fcsv", {"a.fcsv": FCSV}, (), True),
    "landmark_pairs": lambda: Seed("pairs", "a.csv", {"a.csv": PAIRS}, (), True),
    "elastix_points": lambda: Seed("landmarks", "a.pts", {"a.pts": ELASTIX_POINTS}, (), True),
    "markups": lambda: Seed("markups", "a.mrk.json", {"a.mrk.json": MARKUPS}, ("json",), True),
}
