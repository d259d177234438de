"""Fixtures of this room's tests."""

from face_models import linear_model, network_model

__all__ = ["linear_model", "network_model"]
