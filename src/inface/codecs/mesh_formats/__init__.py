"""Mesh formats, one module each; each says whether a file is its own, reads it and writes it."""

from inface.codecs.mesh_formats import glb_read, glb_write, mesh_json, obj, off, ply, stl, threemf, vtk, vtp
from inface.codecs.mesh_formats.data import MeshFormat

# the order in which they are asked whether a file is their own: those with the surest marks first
MESH_FORMATS = {
    f.suffix: f
    for f in (
        MeshFormat("PLY", ".ply", ply.is_own, ply.parse, ply.dump),
        MeshFormat("GLB", ".glb", glb_read.is_own, glb_read.parse, glb_write.dump),
        MeshFormat("VTK", ".vtk", vtk.is_own, vtk.parse, vtk.dump),
        MeshFormat("VTP", ".vtp", vtp.is_own, vtp.parse, vtp.dump),
        MeshFormat("OFF", ".off", off.is_own, off.parse, off.dump),
        MeshFormat("JSON", ".json", mesh_json.is_own, mesh_json.parse, mesh_json.dump),
        MeshFormat("STL", ".stl", stl.is_own, stl.parse, stl.dump, keeps_order=False),
        MeshFormat("OBJ", ".obj", obj.is_own, obj.parse, obj.dump),
    )
}

# written and not read: for printers
MESH_OUTPUTS = {**MESH_FORMATS, ".3mf": MeshFormat("3MF", ".3mf", threemf.is_own, threemf.parse, threemf.dump)}
