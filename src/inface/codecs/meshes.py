"""Reading and writing meshes: the content names the format, then the suffix."""

import struct
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from inface import _validate
from inface.codecs.files import atomic_write
from inface.codecs.mesh_formats import MESH_FORMATS, MESH_OUTPUTS
from inface.codecs.mesh_formats.data import MeshData, MeshFormat, MeshLike, filled_colors
from inface.codecs.text_files import without_mark
from inface.errors import FileWarning, FormatError

MESH_SUFFIXES = tuple(MESH_FORMATS)

_NOT_MESHES = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file; load a model with inface.load_model",
    b"\x93NUMPY": "a numpy array; load it with numpy.load",
    b"PK\x03\x04": "a zip archive (.3mf, .npz or similar); unpack it first, or export PLY, OBJ, STL or GLB",
    b"Kaydara FBX": "an FBX file; export it as PLY, OBJ or GLB",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
}


def read_mesh(path: str | Path) -> MeshData:
    """Read a mesh file; vertex order and count are those of the file.

    Each format is asked whether the contents are its own before the suffix decides, so a PLY file named `.obj` is read
    as what it is. What the file holds and the data do not is in `notes`, and a `FileWarning` says it.

    Raises:
        FormatError: unknown suffix, damaged or truncated contents, triangle indices outside the vertices.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    by_suffix = _format_of(path, MESH_FORMATS)
    if not path.is_file():
        raise FileNotFoundError(f"there is no mesh file '{path}'")
    data = parse_mesh(path.read_bytes(), by_suffix, path)
    for note in data.notes:
        warnings.warn(f"'{path}': {note}", FileWarning, stacklevel=2)
    return data


def parse_mesh(content: bytes, by_suffix: MeshFormat, path: Path) -> MeshData:
    """The data of a file's contents; textures are looked for beside `path`. Raises `FormatError` alone."""
    try:
        content = without_mark(content)
        return _checked((_owner(content) or by_suffix).parse(content, path.parent))
    except FormatError as error:
        raise FormatError(f"'{path}': {error}") from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error) as error:
        raise FormatError(f"'{path}': damaged, or not a {by_suffix.name} file ({error})") from error
    except RecursionError:
        raise FormatError(f"'{path}': damaged, or not a {by_suffix.name} file (nested too deeply)") from None
    except MemoryError:
        raise FormatError(f"'{path}': damaged, or too large for the memory of this machine") from None


def write_mesh(path: str | Path, data: MeshLike) -> None:
    """Write a mesh in the format of the suffix (any case), atomically.

    Raises:
        FormatError: unknown suffix, or something the format can't hold.
        FileAccessError: the place can't be written; see `atomic_write`.
    """
    kind = _format_of(Path(path), MESH_OUTPUTS)
    with atomic_write(path) as temporary, open(temporary, "wb") as stream:
        kind.dump(stream, data)


def _format_of(path: Path, formats: dict[str, MeshFormat]) -> MeshFormat:
    suffix = path.suffix.lower()
    if suffix in formats:
        return formats[suffix]
    if suffix in MESH_OUTPUTS:
        raise FormatError(f"'{path}': {suffix} is written and not read; export the mesh as PLY, OBJ, STL or GLB")
    raise FormatError(f"'{path}': unknown mesh suffix '{path.suffix}'; known are {', '.join(sorted(formats))}")


def _owner(content: bytes) -> MeshFormat | None:
    """The format that says the contents are its own, None when none does; raises for files that are no mesh."""
    if not content[:512].strip():
        raise FormatError("the file is empty")
    for magic, what in _NOT_MESHES.items():
        if content.startswith(magic):
            raise FormatError(f"expected a mesh, but this is {what}")
    for kind in MESH_FORMATS.values():
        if kind.is_own(content):
            return kind
    if content[:1] == b"\x80":
        raise FormatError("expected a mesh, but this looks like a pickle; those are never loaded, as they can run code")
    return None


def _checked(data: MeshData) -> MeshData:
    """Shapes and index ranges right, infinities refused, types as `MeshData` says."""
    vertices = np.ascontiguousarray(_validate.floats("vertices", data.vertices, (None, 3)))
    if np.isinf(vertices).any():
        raise FormatError("the vertices hold infinite values")
    triangles = _validate.triangles("triangles", data.triangles, len(vertices))
    colors, notes = data.colors, data.notes
    if colors is not None:
        colors, more = filled_colors(_validate.floats("colors", colors, (len(vertices), 3)))
        notes += more
        if colors is not None and colors.size and (colors.min() < 0 or colors.max() > 1):
            raise FormatError(f"the colours lie outside [0, 1]: {colors.min():g} to {colors.max():g}")
    return replace(data, vertices=vertices, triangles=np.ascontiguousarray(triangles), colors=colors, notes=notes)
