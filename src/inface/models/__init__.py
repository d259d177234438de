"""Shape models: PCA, autoencoders, regressors between latent spaces."""

from inface.models.ages import AgeCalibration
from inface.models.autoencoder import AEMorphableModel
from inface.models.base import MorphableModel
from inface.models.full_correction import get_fully_corrected_meshes
from inface.models.latent import LatentSpace
from inface.models.network import Network
from inface.models.pca import PCAMorphableModel, Posterior
from inface.models.reconstruction import Reconstruction
from inface.models.regression import AttributeRegressor, LinearRegressor, get_measurement_corrected_meshes
from inface.models.store import load_model

__all__ = [
    "AEMorphableModel",
    "AgeCalibration",
    "AttributeRegressor",
    "LatentSpace",
    "LinearRegressor",
    "MorphableModel",
    "Network",
    "PCAMorphableModel",
    "Posterior",
    "Reconstruction",
    "get_fully_corrected_meshes",
    "get_measurement_corrected_meshes",
    "load_model",
]
