"""Reading and writing meshes: the content names the format, then the suffix."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from inface import _validate
from inface.codecs import glb, mesh_json, obj, off, ply, stl
from inface.codecs.files import atomic_write
from inface.codecs.mesh_data import MeshData, MeshLike
from inface.errors import FormatError


@dataclass(frozen=True)
class MeshFormat:
    """One format: `parse(content) -> MeshData` and `dump(stream, data)`."""

    name: str
    suffix: str
    parse: Callable[[bytes], MeshData]
    dump: Callable[[BinaryIO, MeshLike], None]


MESH_FORMATS = {
    f.suffix: f
    for f in (
        MeshFormat("PLY", ".ply", ply.parse, ply.dump),
        MeshFormat("OBJ", ".obj", obj.parse, obj.dump),
        MeshFormat("STL", ".stl", stl.parse, stl.dump),
        MeshFormat("OFF", ".off", off.parse, off.dump),
        MeshFormat("GLB", ".glb", glb.parse, glb.dump),
        MeshFormat("JSON", ".json", mesh_json.parse, mesh_json.dump),
    )
}

MESH_SUFFIXES = tuple(MESH_FORMATS)

_MAGIC: dict[str, tuple[bytes, ...]] = {
    ".ply": (b"ply\n", b"ply\r"),
    ".glb": (b"glTF",),
    ".off": (b"OFF", b"COFF"),
    ".json": (b"{",),
    ".obj": (b"# inface mesh:", b"v ", b"mtllib ", b"# Blender", b"# https://github.com/mikedh/trimesh"),
}
_NOT_MESHES = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file; load a model with inface.load_model",
    b"\x93NUMPY": "a numpy array; load it with numpy.load",
    b"PK\x03\x04": "a zip archive (.npz or similar); unpack it first",
}


def read_mesh(path: str | Path) -> MeshData:
    """Read a mesh file; vertex order and count are those of the file.

    The first bytes decide on the format before the suffix does, so a PLY file named `.obj` is read as what it is.

    Raises:
        FormatError: unknown suffix, damaged or truncated contents, triangle indices outside the vertices.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    by_suffix = _format_of(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no mesh file '{path}'")
    content = path.read_bytes()
    try:
        data = (_sniff(content) or by_suffix).parse(content)
        return _checked(data)
    except FormatError as error:
        raise FormatError(f"'{path}': {error}") from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error) as error:
        raise FormatError(f"'{path}': damaged, or not a {by_suffix.name} file ({error})") from error
    except RecursionError:
        raise FormatError(f"'{path}': damaged, or not a {by_suffix.name} file (nested too deeply)") from None


def write_mesh(path: str | Path, data: MeshLike) -> None:
    """Write a mesh in the format of the suffix (any case), atomically.

    Raises:
        FormatError: unknown suffix, or something the format can't hold.
        FileAccessError: the place can't be written; see `atomic_write`.
    """
    kind = _format_of(Path(path))
    with atomic_write(path) as temporary, open(temporary, "wb") as stream:
        kind.dump(stream, data)


def _format_of(path: Path) -> MeshFormat:
    suffix = path.suffix.lower()
    if suffix not in MESH_FORMATS:
        raise FormatError(f"'{path}': unknown mesh suffix '{path.suffix}'; known are {', '.join(sorted(MESH_FORMATS))}")
    return MESH_FORMATS[suffix]


def _sniff(content: bytes) -> MeshFormat | None:
    """The format the contents tell, None when they don't; raises for files that are no mesh for sure."""
    head = content[:512].lstrip()
    if not head:
        raise FormatError("the file is empty")
    for magic, what in _NOT_MESHES.items():
        if content.startswith(magic):
            raise FormatError(f"expected a mesh, but this is {what}")
    for suffix, magics in _MAGIC.items():
        if head.startswith(magics):
            return MESH_FORMATS[suffix]
    if stl.is_binary(content) or (head.startswith(b"solid") and b"facet" in content[:2000]):
        return MESH_FORMATS[".stl"]
    if content[:1] == b"\x80":
        raise FormatError("expected a mesh, but this looks like a pickle; those are never loaded, as they can run code")
    return None


def _checked(data: MeshData) -> MeshData:
    """Shapes and index ranges right, infinities refused, types as `MeshData` says."""
    vertices = np.ascontiguousarray(_validate.floats("vertices", data.vertices, (None, 3)))
    if np.isinf(vertices).any():
        raise FormatError("the vertices hold infinite values")
    triangles = _validate.triangles("triangles", data.triangles, len(vertices))
    colors = data.colors
    if colors is not None:
        colors = _validate.finite("colors", _validate.floats("colors", colors, (len(vertices), 3)))
        if colors.size and (colors.min() < 0 or colors.max() > 1):
            raise FormatError(f"the colours lie outside [0, 1]: {colors.min():g} to {colors.max():g}")
    return replace(data, vertices=vertices, triangles=np.ascontiguousarray(triangles), colors=colors)
