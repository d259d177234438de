"""Bytes on disk <-> plain arrays and dictionaries; one file a format; never pickle."""

from inface.codecs.files import atomic_write
from inface.codecs.mesh_formats import MESH_FORMATS, MESH_OUTPUTS
from inface.codecs.mesh_formats.data import MeshData
from inface.codecs.mesh_formats.glb_write import write_glb_morphs
from inface.codecs.meshes import MESH_SUFFIXES, read_mesh, write_mesh
from inface.codecs.model_formats import ModelFile, open_model_file, read_model, write_model

__all__ = [
    "MESH_FORMATS",
    "MESH_OUTPUTS",
    "MESH_SUFFIXES",
    "MeshData",
    "ModelFile",
    "atomic_write",
    "open_model_file",
    "read_mesh",
    "read_model",
    "write_glb_morphs",
    "write_mesh",
    "write_model",
]
