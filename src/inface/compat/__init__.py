"""The names of the INFACE reference, as thin mixins over what this package calls otherwise.

They stand in the classes that have them, so that a script written for the reference runs after the line that imports
it; `docs/coming-from-inface.md` has each old name beside ours. Nothing here imports another part of the package.
"""

from inface.compat.classes import PathOrArrays
from inface.compat.meshes import MeshNames
from inface.compat.models import ModelNames
from inface.compat.regressors import RegressorNames

__all__ = ["MeshNames", "ModelNames", "PathOrArrays", "RegressorNames"]
