"""From a raw scan to correspondence, with a verdict that says when it failed."""

from inface.registration.pipeline import RegistrationError, register
from inface.registration.refine import Curve
from inface.registration.result import Registration, Stage
from inface.registration.settings import Settings
from inface.registration.verdict import Limits

__all__ = ["Curve", "Limits", "Registration", "RegistrationError", "Settings", "Stage", "register"]
