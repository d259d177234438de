"""Fixtures of this room's tests."""

from browser import chromium

__all__ = ["chromium"]
