"""Bytes on disk <-> plain arrays and dictionaries; one file a format; never pickle."""

from inface.codecs.files import atomic_write
from inface.codecs.glb import write_glb_morphs
from inface.codecs.mesh_data import MeshData
from inface.codecs.meshes import MESH_FORMATS, MESH_SUFFIXES, read_mesh, write_mesh
from inface.codecs.model_formats import ModelFile, open_model_file, read_model, write_model

__all__ = [
    "MESH_FORMATS",
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
