"""Fits of models to meshes of which only some vertices are known, on plain arrays; the models' methods call these."""

from inface.fitting.linear import LinearFitter
from inface.fitting.network import NetworkFitter
from inface.fitting.result import Fit

__all__ = ["Fit", "LinearFitter", "NetworkFitter"]
