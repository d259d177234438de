"""Small models in the reference's file layouts, and dense numpy oracles written from the table of keys alone."""

import itertools
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

ROWS, COLUMNS = 9, 8


def patch():
    """A face-sized curved patch: vertices (72, 3) mm and triangles, counter-clockwise from the front."""
    y, x = np.meshgrid(np.linspace(60, -60, ROWS), np.linspace(-50, 50, COLUMNS), indexing="ij")
    vertices = np.stack([x, y, 30 - (x**2 + 0.7 * y**2) / 100], -1).reshape(-1, 3)
    a = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)).reshape(-1)
    b, c, d = a + 1, a + COLUMNS, a + COLUMNS + 1
    return vertices, np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


def layers(rng, sizes, dtype, scale=1.0):
    weights = [(rng.normal(size=(b, a)) * scale / np.sqrt(a)).astype(dtype) for a, b in itertools.pairwise(sizes)]
    return {"matrix_mults": weights, "biases": [rng.normal(size=b).astype(dtype) * 0.1 for b in sizes[1:]]}


def pca_tree(k=6, dtype=np.float32, seed=0, extras=False):
    rng = np.random.default_rng(seed)
    mean, triangles = patch()
    components = np.linalg.qr(rng.normal(size=(mean.size, k)))[0].T
    tree = {
        "components": components.astype(dtype),
        "eigenvalues": (np.arange(k, 0, -1) ** 2 * 10.0).astype(dtype),
        "mean_vertices": mean.astype(dtype),
        "triangles": triangles.astype(np.int64),
    }
    if extras:
        tree["indices"] = {"nose": np.array([3, 4, 9]), "pairs": np.array([[0, 7], [8, 15]])}
        tree["colors"] = rng.uniform(size=mean.shape)
    return tree


def ae_tree(widths=(5,), dtype=np.float32, hidden=(12,), slope=None, seed=1, extras=False):
    """One plain encoder for one width; id_, exp_ and age_encoder for three."""
    rng = np.random.default_rng(seed)
    mean, triangles = patch()
    total = sum(widths)
    names = ("encoder",) if len(widths) == 1 else ("id_encoder", "exp_encoder", "age_encoder")
    tree = {name: layers(rng, (mean.size, *hidden, w), dtype, scale=0.5) for name, w in zip(names, widths, strict=True)}
    tree["decoder"] = layers(rng, (total, *hidden[::-1], mean.size), dtype, scale=2.0)
    if slope is not None:
        for part in tree.values():
            part["relu_factor"] = slope
    tree |= {
        "latent_mean": rng.normal(size=total).astype(dtype),
        "latent_std": rng.uniform(0.5, 2, total).astype(dtype),
        "mean_vertices": mean.astype(dtype),
        "triangles": triangles.astype(np.int64),
    }
    if extras:
        tree["indices"] = {"nose": np.array([3, 4, 9])}
        tree["colors"] = rng.uniform(size=mean.shape)
    return tree


def write(path, tree):
    """As the reference writes: dictionaries as groups, lists as groups of item_0, item_1, ..."""

    def fill(group, content):
        for key, value in content.items():
            if isinstance(value, list):
                value = {f"item_{i}": item for i, item in enumerate(value)}
            if isinstance(value, dict):
                fill(group.create_group(key), value)
            else:
                group.create_dataset(key, data=value)

    with h5py.File(path, "w") as file:
        fill(file, tree)
    return path


def read(path):
    """As the reference reads: every group a dictionary, or a list where all keys start with item_."""

    def visit(group):
        out = {}
        for key, value in group.items():
            if not isinstance(value, h5py.Group):
                out[key] = value[()]
            elif all(k.startswith("item_") for k in value):
                out[key] = [value[f"item_{i}"][:] for i in range(len(value))]
            else:
                out[key] = visit(value)
        return out

    with h5py.File(path, "r") as file:
        return visit(file)


def run(network, x, last):
    """One vector through one network, in float64."""
    slope = network.get("relu_factor", 0.2)
    count = len(network["matrix_mults"])
    for i, (matrix, bias) in enumerate(zip(network["matrix_mults"], network["biases"], strict=True)):
        x = np.asarray(matrix, float) @ x + np.asarray(bias, float)
        if slope < 1 and (last or i < count - 1):
            x = np.where(x < 0, slope * x, x)
    return x


def encode(tree, vertices):
    centred = (np.asarray(vertices, float) - np.asarray(tree["mean_vertices"], float)).reshape(-1)
    if "components" in tree:
        return np.asarray(tree["components"], float) @ centred
    names = [n for n in ("encoder", "id_encoder", "exp_encoder", "age_encoder") if n in tree]
    return np.concatenate([run(tree[name], centred, True) for name in names])


def decode(tree, latent):
    if "components" in tree:
        flat = np.asarray(latent, float) @ np.asarray(tree["components"], float)
    else:
        flat = run(tree["decoder"], np.asarray(latent, float), False)
    return flat.reshape(-1, 3) + np.asarray(tree["mean_vertices"], float)


@pytest.fixture(scope="session")
def ref():
    """Writers, reader and oracles of the reference's layouts."""
    return SimpleNamespace(patch=patch, pca=pca_tree, ae=ae_tree, write=write, read=read, encode=encode, decode=decode)


@pytest.fixture
def pca(ref, tmp_path):
    import inface

    return inface.load_model(ref.write(tmp_path / "pca.h5", ref.pca()))


@pytest.fixture
def faces(ref, tmp_path):
    """A disentangled model of the INFACE kind with all our extras: identity 4, expression 6, age 1."""
    import inface

    model = inface.load_model(ref.write(tmp_path / "disentangled.h5", ref.ae((4, 6, 1))))
    rng = np.random.default_rng(5)
    return model.with_extras(
        expressions={"smiling": rng.normal(size=6), "neutral": rng.normal(size=6)},
        age_calibration=inface.AgeCalibration([-1.0], [-3.0, 0.0, 3.0], [1.0, 10.0, 30.0]),
        landmarks={"nose_tip": 35, "mouth_l": 50},
        noise_std=0.7,
        card={"licence": "MIT", "data": "made up"},
    )
