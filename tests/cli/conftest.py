"""Small models on disk for the command line: a ball with smooth random modes."""

import json

import numpy as np
import pytest
import trimesh

from inface.models import AEMorphableModel, AgeCalibration, LatentSpace, Network, PCAMorphableModel


@pytest.fixture(scope="session")
def ball():
    """A triangulated ball of 642 vertices, radius 70 mm."""
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=70)
    return np.asarray(sphere.vertices), np.asarray(sphere.faces)


def smooth_basis(vertices, count, seed=0):
    """`(count, 3V)` orthonormal rows, smooth over the ball."""
    random = np.random.default_rng(seed)
    low = np.concatenate([np.ones((len(vertices), 1)), vertices / 70, (vertices / 70) ** 2], 1)
    fields = np.einsum("vm,kmc->kvc", low, random.standard_normal((count, low.shape[1], 3)))
    return np.linalg.qr(fields.reshape(count, -1).T)[0].T


@pytest.fixture(scope="session")
def pca_file(ball, tmp_path_factory):
    vertices, triangles = ball
    model = PCAMorphableModel(
        components=smooth_basis(vertices, 6),
        eigenvalues=np.linspace(900, 100, 6),
        mean_vertices=vertices,
        triangles=triangles,
        noise_std=0.1,
    )
    path = tmp_path_factory.mktemp("models") / "pca.h5"
    model.save(path)
    return path


@pytest.fixture(scope="session")
def disentangled_file(ball, tmp_path_factory):
    vertices, triangles = ball
    basis = smooth_basis(vertices, 6, seed=1)
    rows = {"identity": basis[:3], "expression": basis[3:5], "age": basis[5:]}
    model = AEMorphableModel(
        encoders={name: Network((part,), (np.zeros(len(part)),), 1.0) for name, part in rows.items()},
        decoder=Network((np.ascontiguousarray(basis.T),), (np.zeros(basis.shape[1]),), 1.0),
        mean_vertices=vertices,
        triangles=triangles,
        latent=LatentSpace(np.zeros(6), np.full(6, 20.0)),
        expressions={"smiling": np.array([30.0, 0.0]), "neutral": np.zeros(2)},
        age_calibration=AgeCalibration(np.ones(1), np.array([-60.0, 0.0, 60.0]), np.array([0.0, 9.0, 36.0])),
        card={"data": "random modes of a ball, made by the tests"},
    )
    path = tmp_path_factory.mktemp("models") / "disentangled.h5"
    model.save(path)
    return path


@pytest.fixture
def inface(capsys):
    """Runs a command line; returns exit code, stdout, stderr."""
    from inface.cli import run

    def call(*words):
        try:
            run([str(w) for w in words])
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


@pytest.fixture
def inface_json(inface):
    """The same with `--json`, which must succeed; returns the parsed records."""

    def call(*words):
        code, out, err = inface(*words, "--json")
        assert code == 0, err
        return json.loads(out)

    return call
