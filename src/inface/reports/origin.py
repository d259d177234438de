"""Whether a mesh file says that a model drew it: only then a page may call the face synthetic."""

import re
from pathlib import Path

from inface.codecs import atomic_write
from inface.models import MorphableModel

_SAYS = re.compile(rb"^comment drawn by a model of inface, hash ([0-9a-f]{8,128})\s*$", re.MULTILINE)
_HEADER = 65536  # bytes of a file in which a PLY header ends


def say_drawn(path: str | Path, model: MorphableModel) -> bool:
    """Write into a PLY file that `model` drew it; other formats have no place for it. True when it is written."""
    path = Path(path)
    if path.suffix.lower() != ".ply":
        return False
    content = path.read_bytes()
    end = content[:_HEADER].find(b"end_header")
    if end < 0:
        return False
    line = f"comment drawn by a model of inface, hash {model.hash}\n".encode()
    with atomic_write(path) as temporary:
        Path(temporary).write_bytes(content[:end] + line + content[end:])
    return True


def drawn_by(path: str | Path) -> str:
    """Hash of the model that drew a mesh file, as the file says; "" where it says nothing."""
    with open(path, "rb") as stream:
        start = stream.read(_HEADER)
    if not start.startswith(b"ply"):
        return ""
    found = _SAYS.search(start.partition(b"end_header")[0].replace(b"\r\n", b"\n"))
    return found[1].decode() if found else ""
