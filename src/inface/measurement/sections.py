"""The plane sections stand in `inface.geometry.sections`; the names are kept here while the room changes."""

from inface.geometry.adjacency import edges as mesh_edges
from inface.geometry.sections import Outline, section_points

__all__ = ["Outline", "mesh_edges", "section_points"]
