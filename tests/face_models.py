"""Small models made by code: three blocks, two expressions, ages; linear and with a network."""

import numpy as np
import pytest

from inface.models import AEMorphableModel, PCAMorphableModel
from inface.models.ages import AgeCalibration
from inface.models.latent import LatentSpace
from inface.models.network import Network
from inface.synthetic import template as synthetic_template

BLOCKS = {"identity": 10, "expression": 4, "age": 1}


def smooth_modes(count: int, seed: int) -> np.ndarray:
    """Orthonormal `(count, 3V)` smooth displacement fields on the infant template; the last one is growth."""
    points = synthetic_template().mesh.vertices
    rng = np.random.default_rng(seed)
    fields = [np.cos(points @ rng.normal(0, 1 / 45, (3, 3)).T + rng.uniform(0, 6, 3)).ravel() for _ in range(count - 1)]
    fields.append((points - points.mean(0)).ravel())
    basis = np.linalg.qr(np.array(fields[::-1]).T)[0].T[::-1]
    return basis * np.sign((basis * np.array(fields)).sum(1))[:, None]


def blocks() -> dict[str, slice]:
    ends = np.cumsum([0, *BLOCKS.values()])
    return {name: slice(int(a), int(b)) for name, a, b in zip(BLOCKS, ends[:-1], ends[1:], strict=True)}


def extras(std: np.ndarray) -> dict:
    template = synthetic_template()
    part = blocks()["expression"]
    codes = np.random.default_rng(5).normal(size=(2, part.stop - part.start)) * std[part] * 1.5
    return {
        "template": template,
        "expressions": {"smiling": codes[0], "crying": codes[1]},
        "age_calibration": AgeCalibration([1.0], np.array([-2, 0, 2]) * std[-1], [0.0, 6.0, 36.0]),
        "noise_std": 0.3,
    }


@pytest.fixture(scope="session")
def linear_model() -> PCAMorphableModel:
    """Three blocks, two expressions, an age calibration: linear, 11k vertices, 15 latent entries."""
    mesh = synthetic_template().mesh
    components = smooth_modes(sum(BLOCKS.values()), 1)
    std = 1.5 * np.sqrt(len(mesh.vertices)) * np.linspace(1.2, 0.3, len(components))
    std[-1] = 4 * np.sqrt(len(mesh.vertices))
    space = LatentSpace(np.zeros(len(std)), std, blocks())
    return PCAMorphableModel(
        components=components.astype(np.float32),
        eigenvalues=std.astype(np.float32) ** 2,
        mean_vertices=mesh.vertices.astype(np.float32),
        latent=space,
        **extras(std),
    )


@pytest.fixture(scope="session")
def network_model() -> AEMorphableModel:
    """The same blocks behind a decoder with two hidden layers; its last layer has rank 40 within noise."""
    mesh = synthetic_template().mesh
    rng = np.random.default_rng(2)
    width, hidden = sum(BLOCKS.values()), (32, 64)
    modes = smooth_modes(40, 3)
    last = modes.T @ (rng.normal(size=(40, hidden[1])) * np.geomspace(60, 0.5, 40)[:, None])
    weights = (rng.normal(size=(hidden[0], width)) / 4, rng.normal(size=hidden[::-1]) / 4, last)
    biases = (rng.normal(size=hidden[0]) / 2, rng.normal(size=hidden[1]) / 2, np.zeros(len(last)))
    decoder = Network([w.astype(np.float32) for w in weights], [b.astype(np.float32) for b in biases], 0.2)
    encoders = {
        name: Network([rng.normal(size=(n, len(last))).astype(np.float32) / 1e4], [np.zeros(n, np.float32)], 0.2)
        for name, n in BLOCKS.items()
    }
    std = rng.uniform(0.6, 1.4, width)
    return AEMorphableModel(
        encoders=encoders,
        decoder=decoder,
        mean_vertices=mesh.vertices.astype(np.float32),
        latent=LatentSpace(rng.normal(size=width) / 5, std),
        **extras(std),
    )
