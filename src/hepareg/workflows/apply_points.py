"""Files of points, meshes and landmarks, pushed by a transform: each kind in its own space."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hepareg.errors import SettingsError
from hepareg.io.landmarks import LANDMARK_SUFFIXES, read_landmarks, write_landmarks
from hepareg.io.markups import MARKUPS_SUFFIX, markups_points, moved_markups, read_markups, write_markups
from hepareg.io.mesh import MESH_SUFFIXES, mesh_space, moved_mesh, read_mesh, write_mesh
from hepareg.io.point_space import agreed_space, matrix_in
from hepareg.io.vtk_mesh import VTK_SUFFIXES, read_vtk_mesh
from hepareg.transforms import AffineTransform

__all__ = ["PointKind", "point_kind_of"]

Push = Callable[[str | Path, Path, AffineTransform, str | None], str]
"""Takes a source, an output, a transform of world RAS mm and the caller's statement of the space; returns one line."""


@dataclass(frozen=True)
class PointKind:
    """A kind of file that holds points.

    Parameters
    ----------
    name
        Name of it in messages.
    suffixes
        Suffixes of the files that are read.
    push
        Reads a file, moves its points and writes them.
    keeps_suffix
        Whether the output has to be of the input's own format.
    """

    name: str
    suffixes: tuple[str, ...]
    push: Push
    keeps_suffix: bool = False

    def check_output(self, source: str | Path, output: Path) -> None:
        """Check the output's suffix.

        Raises
        ------
        SettingsError
            If it is not that of a format in which this kind can be written.
        """
        name = Path(source).name.lower()
        allowed = tuple(s for s in self.suffixes if name.endswith(s)) if self.keeps_suffix else self.suffixes
        if not output.name.lower().endswith(allowed):
            raise SettingsError(
                f"expected an output name ending in {' or '.join(allowed)} for an input that is {self.name}, "
                f"got {output.name}"
            )


def point_kind_of(path: str | Path) -> PointKind | None:
    """Return the kind of a file of points by its name, or None if it is none."""
    name = Path(path).name.lower()
    return next((kind for kind in KINDS if name.endswith(kind.suffixes)), None)


def _push_mesh(source: str | Path, output: Path, transform: AffineTransform, said: str | None) -> str:
    stated = mesh_space(source)
    space = agreed_space(stated, said, source)
    mesh = read_mesh(source)
    write_mesh(output, moved_mesh(mesh, transform, space=space), space=stated or said)
    return _done("mesh", len(mesh.vertices), space, stated, said)


def _push_vtk(source: str | Path, output: Path, transform: AffineTransform, said: str | None) -> str:
    mesh = read_vtk_mesh(source)
    space = agreed_space(mesh.stated_space, said, source)
    moved = mesh.moved(matrix_in(transform, space))
    output.write_bytes(moved if said is None else mesh.marked(moved, said))
    return _done("mesh", len(mesh.points), space, mesh.stated_space, said)


def _push_markups(source: str | Path, output: Path, transform: AffineTransform, said: str | None) -> str:
    document = read_markups(source)
    write_markups(output, moved_markups(document, transform, space=said, path=source))
    return f"markups with {len(markups_points(document))} points pushed; in the space that they state"


def _push_landmarks(source: str | Path, output: Path, transform: AffineTransform, said: str | None) -> str:
    landmarks = read_landmarks(source, space=said)
    space = landmarks.stated_space or said or "ras"
    write_landmarks(output, landmarks.with_points(transform.apply(landmarks.points)), space=space)
    return _done("landmarks", len(landmarks.points), space, landmarks.stated_space, said)


def _done(what: str, count: int, space: str, stated: str | None, said: str | None) -> str:
    counted = f"mesh of {count} points" if what == "mesh" else f"{count} landmarks"
    if stated is None and said is None:
        return f"{counted} pushed; coordinates taken as RAS: the file states no space"
    return f"{counted} pushed; coordinates in {space.upper()}{', as the file states' if stated else ''}"


KINDS = (
    PointKind("markups", (MARKUPS_SUFFIX,), _push_markups, keeps_suffix=True),
    PointKind("a mesh", MESH_SUFFIXES, _push_mesh),
    PointKind("a VTK mesh", VTK_SUFFIXES, _push_vtk, keeps_suffix=True),
    PointKind("landmarks", LANDMARK_SUFFIXES, _push_landmarks),
)
