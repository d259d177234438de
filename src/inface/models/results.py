"""What a completion gives back: the record of a reconstruction, and the posterior, itself a model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.fitting import LinearFit, LinearFitter
from inface.mesh import Mesh
from inface.models import door
from inface.models.pca import PCAMorphableModel
from inface.transforms import Similarity


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A mesh completed by a model.

    Attributes:
        mesh: the result, in the frame of the mesh that came, with its colours; unknown vertices are filled in.
        latent: `(K,)` the model's code, in its dtype.
        known: `(V,)` the vertices that were used.
        residual: `(V,)` mm between the model's shape (before back matching) and the mesh; NaN where unknown.
        vertex_std: `(V, 3)` mm, posterior standard deviation of the model's shape in the model's frame; for PCA models
            with a noise level and unknown vertices, else None. See `Posterior` for the whole distribution.
        converged: whether the fit settled; always True for PCA.
        iterations: steps of an autoencoder's fit; 0 where none was needed.
        condition: of the PCA fit's scaled normal matrix; beyond about 1e8 the known vertices hardly determine the code,
            and a noise level is advisable. NaN for other models, 1 when all is known.
        rank: latent directions the known vertices determine; under K, the code is the smallest that fits. Autoencoders:
            K.
        pose: the rigid motion that brought the mesh into the model's frame (`align=True`), or None.
    """

    mesh: Mesh
    latent: FloatArray
    known: BoolArray
    residual: FloatArray
    vertex_std: FloatArray | None
    converged: bool
    iterations: int
    condition: float
    rank: int
    pose: Similarity | None

    @property
    def residual_mean(self) -> float:
        """Mean distance over the known vertices, mm."""
        return float(np.nanmean(self.residual))

    @property
    def residual_rms(self) -> float:
        """Root mean square distance over the known vertices, mm."""
        return float(np.sqrt(np.nanmean(self.residual**2)))


class Posterior(PCAMorphableModel):
    """The distribution of a whole shape given its known vertices: itself a linear model, in the prior's frame.

    `mean_vertices` is the most probable shape, `sample_meshes` draws shapes that agree with what is known, and
    `components`, `eigenvalues` and `latent` are the posterior's own modes (not the prior's).

    Attributes:
        known: `(V,)` the vertices it was conditioned on.
        prior_latent: `(k,)` the posterior mean in the prior model's code.
        prior_covariance: `(k, k)` the posterior covariance of that code.
        vertex_std: `(V, 3)` mm, standard deviation of the model's shape at each coordinate.
        predictive_std: `(V, 3)` mm, the same with the noise: the band in which a measured vertex is expected.
    """

    noise_std: float

    def __init__(
        self, prior: PCAMorphableModel, fitter: LinearFitter, fit: LinearFit, known: BoolArray, noise_std: float
    ) -> None:
        latent, factor = fit.latent, fit.covariance_factor
        assert factor is not None
        everything = np.ones(len(known), bool)
        variances, turn = np.linalg.eigh(factor.T @ fitter.basis.gram(everything) @ factor)
        variances, turn = variances[::-1], turn[:, ::-1]
        keep = variances > 1e-12 * variances[0]
        variances, turn = variances[keep], turn[:, keep]
        mixing = (factor @ turn / np.sqrt(variances)).T
        super().__init__(
            components=mixing.astype(prior.dtype) @ prior.components,
            eigenvalues=variances,
            mean_vertices=prior.decode(latent),
            triangles=prior.triangles,
            template=prior.template,
            noise_std=noise_std,
        )
        self.known = known
        self.prior_latent = latent
        self.prior_covariance = factor @ factor.T

    @cached_property
    def vertex_std(self) -> FloatArray:
        """`(V, 3)` mm."""
        scaled = np.asarray(self.components, np.float64) ** 2
        return np.sqrt(self.eigenvalues @ scaled).reshape(-1, 3) * door.UNITS[self.template.unit]

    @property
    def predictive_std(self) -> FloatArray:
        """`(V, 3)` mm."""
        return np.hypot(self.vertex_std, self.noise_std)
