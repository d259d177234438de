"""The only place from which optional packages are imported."""

import importlib
from types import ModuleType

from inface.errors import MissingDependencyError

# module name -> extra of this package that brings it
EXTRAS = {
    "viser": "viewer",
    "websockets": "viewer",
    "pyvista": "render",
    "vtkmodules": "render",
    "PIL": "render",
    "mediapipe": "photo",
    "imageio_ffmpeg": "render",
    "torch": "train",
    "safetensors": "train",
    "onnxscript": "export",
    "yaml": "registration",
    "distributed": "distributed",
    "dask_jobqueue": "slurm",
    "skimage": "build",
    "igl": "build",
    "weasyprint": "pdf",
    "gpytoolbox": "build",
}


def require(module: str, purpose: str, extra: str | None = None) -> ModuleType:
    """Import an optional module, e.g. `require("torch.nn", "training an autoencoder")`.

    Raises `MissingDependencyError` with the install line when the package is absent; `extra` names the extra where more
    than one brings the package.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        extra = extra or EXTRAS[module.split(".")[0]]
        raise MissingDependencyError(
            f"{purpose} needs the package '{module.split('.')[0]}', which is not installed; "
            f"install it with: pip install 'inface[{extra}]'"
        ) from error
