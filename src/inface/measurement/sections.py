"""The plane sections stand in `inface.geometry.sections`; the names are kept here while the room changes."""

from inface.geometry.sections import Outline, mesh_edges, section_points

__all__ = ["Outline", "mesh_edges", "section_points"]
