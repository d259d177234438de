"""Shape models: PCA, autoencoders, regressors between latent spaces."""

from pathlib import Path

from inface.models import layout
from inface.models.ages import AgeCalibration
from inface.models.autoencoder import AEMorphableModel
from inface.models.base import MorphableModel
from inface.models.full_correction import get_fully_corrected_meshes
from inface.models.latent import LatentSpace
from inface.models.network import Network
from inface.models.pca import PCAMorphableModel
from inface.models.regression import AttributeRegressor, LinearRegressor, get_measurement_corrected_meshes

__all__ = [
    "AEMorphableModel",
    "AgeCalibration",
    "AttributeRegressor",
    "LatentSpace",
    "LinearRegressor",
    "MorphableModel",
    "Network",
    "PCAMorphableModel",
    "get_fully_corrected_meshes",
    "get_measurement_corrected_meshes",
    "load_model",
]


def load_model(path: str | Path) -> MorphableModel:
    """The model in an HDF5 file, of INFACE's layouts or ours; its keys tell the kind.

    Raises:
        FormatError: not HDF5, damaged, or of no known layout; the sentence lists the keys.
        FileNotFoundError: there is no such file.
    """
    file = layout.open_model(path)
    return PCAMorphableModel(file) if file.layout == "pca" else AEMorphableModel(file)
