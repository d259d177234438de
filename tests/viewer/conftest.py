"""Fixtures of this room's tests."""

from browser import chromium
from face_models import linear_model, network_model

__all__ = ["chromium", "linear_model", "network_model"]
