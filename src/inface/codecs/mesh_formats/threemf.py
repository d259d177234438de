"""3MF for printers [3mf-core], written only: a zip archive of XML, in millimetres, with vertex colours.

Colours follow the materials extension (a colour group, one entry for each colour). Triangles that name a vertex twice
are left out, since 3MF forbids them.
"""

import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from inface._validate import finite
from inface.codecs.mesh_formats.data import MeshData, MeshLike, eight_bits
from inface.errors import FormatError

_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>\n'
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Target="/3D/3dmodel.model" Id="rel0" '
    'Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>\n'
)
_MODEL = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<model unit="millimeter" xml:lang="en-US" '
    'xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02" '
    'xmlns:m="http://schemas.microsoft.com/3dmanufacturing/material/2015/02">\n<resources>\n'
)


def is_own(content: bytes) -> bool:
    """Whether the contents are a zip archive with a 3D model in it."""
    return content[:4] == b"PK\x03\x04" and b"3D/3dmodel.model" in content


def parse(content: bytes, folder: Path | None = None) -> MeshData:
    """3MF is not read: always raises `FormatError`."""
    raise FormatError("3MF is written and not read; export the mesh as PLY, OBJ, STL or GLB")


def dump(stream: BinaryIO, data: MeshLike) -> None:
    """Write a 3MF file; landmarks are lost.

    Raises:
        FormatError: unknown (NaN) vertices, or no triangle, which 3MF can't hold.
    """
    try:
        finite("vertices", data.vertices)
    except ValueError:
        raise FormatError("3MF can't hold unknown (NaN) vertices; fill them first, or write PLY") from None
    a, b, c = data.triangles.T
    triangles = data.triangles[(a != b) & (b != c) & (a != c)]
    if not len(triangles):
        raise FormatError("3MF can't hold a mesh without triangles; write PLY")
    parts = [_MODEL]
    rows = [f'<triangle v1="{i}" v2="{j}" v3="{k}"' for i, j, k in triangles.tolist()]
    if data.colors is not None:
        palette, which = np.unique(eight_bits(data.colors), axis=0, return_inverse=True)
        entries = "".join(f'<m:color color="#{r:02X}{g:02X}{b:02X}FF"/>' for r, g, b in palette.tolist())
        parts.append(f'<m:colorgroup id="2">{entries}</m:colorgroup>\n')
        used = which.reshape(-1)[triangles].tolist()
        rows = [f'{row} pid="2" p1="{i}" p2="{j}" p3="{k}"' for row, (i, j, k) in zip(rows, used, strict=True)]
    parts.append('<object id="1" type="model"><mesh><vertices>\n')
    parts += [f'<vertex x="{x!r}" y="{y!r}" z="{z!r}"/>\n' for x, y, z in data.vertices.tolist()]
    parts.append("</vertices><triangles>\n" + "".join(row + "/>\n" for row in rows))
    parts.append('</triangles></mesh></object>\n</resources>\n<build><item objectid="1"/></build>\n</model>\n')
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            ("[Content_Types].xml", _TYPES),
            ("_rels/.rels", _RELATIONS),
            ("3D/3dmodel.model", "".join(parts)),
        ):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # one mesh, the same bytes
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
