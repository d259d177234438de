"""Training: populations from folders, PCA, linear and autoencoder models. PyTorch is imported only when it trains."""

from inface.population import load_population
from inface.training.attributes import fit_attributes
from inface.training.autoencoder import TrainedAutoencoder, fit_autoencoder
from inface.training.linear import fit_linear
from inface.training.model_regressor import fit_regressor
from inface.training.pca import fit_pca
from inface.training.settings import LossWeights, Settings

__all__ = [
    "LossWeights",
    "Settings",
    "TrainedAutoencoder",
    "fit_attributes",
    "fit_autoencoder",
    "fit_linear",
    "fit_pca",
    "fit_regressor",
    "load_population",
]
