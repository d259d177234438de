"""3D statistical shape models of infant faces and heads."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# public name -> the module it is imported from when first asked for, so that `import inface` stays light
_PUBLIC = {
    "AEMorphableModel": "inface.models",
    "AgeCalibration": "inface.models",
    "annotate": "inface.registration.annotate",
    "AttributeRegressor": "inface.models",
    "compare": "inface.reports.visits",
    "ConvergenceError": "inface.errors",
    "CorrespondenceError": "inface.errors",
    "evaluate": "inface.evaluation",
    "FileAccessError": "inface.errors",
    "FileWarning": "inface.errors",
    "fit_autoencoder": "inface.training",
    "fit_linear": "inface.training",
    "fit_pca": "inface.training",
    "fit_photos": "inface.photos",
    "FormatError": "inface.errors",
    "get_fully_corrected_meshes": "inface.models",
    "get_measurement_corrected_meshes": "inface.models",
    "fit_attributes": "inface.training",
    "fit_regressor": "inface.training",
    "load_default_attributes": "inface.embedded",
    "InfaceError": "inface.errors",
    "LandmarkSet": "inface.landmarks",
    "LatentSpace": "inface.models",
    "LinearRegressor": "inface.models",
    "load_default_model": "inface.embedded",
    "load_model": "inface.models",
    "load_population": "inface.population",
    "Mesh": "inface.mesh",
    "measure": "inface.reports.measure",
    "Measure": "inface.measurement",
    "Measurements": "inface.measurement",
    "MissingBlockError": "inface.errors",
    "MissingDependencyError": "inface.errors",
    "MorphableModel": "inface.models",
    "Network": "inface.models",
    "Photo": "inface.photos",
    "PhotoFit": "inface.photos",
    "PCAMorphableModel": "inface.models",
    "Population": "inface.population",
    "Posterior": "inface.models",
    "Reconstruction": "inface.models",
    "register": "inface.registration",
    "Similarity": "inface.transforms",
    "Template": "inface.template",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'inface' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__") and name not in __all__)])
