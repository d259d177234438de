"""From a raw scan to correspondence, with a verdict that says when it failed."""

from inface.registration.cap import Cap
from inface.registration.parts import Part
from inface.registration.pipeline import RegistrationError, register
from inface.registration.refine import Curve
from inface.registration.result import Registration, Stage
from inface.registration.settings import Settings
from inface.registration.verdict import Limits

__all__ = [
    "Cap", "Curve", "Limits", "Part", "Registration", "RegistrationError", "Settings", "Stage",
    "register",
]  # fmt: skip
