"""Fits of models to meshes of which only some vertices are known, on plain arrays; the models' methods call these."""

from inface.fitting.linear import LinearFit, LinearFitter
from inface.fitting.network import NetworkFit, NetworkFitter

__all__ = ["LinearFit", "LinearFitter", "NetworkFit", "NetworkFitter"]
