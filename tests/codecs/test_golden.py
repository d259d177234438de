"""Files as other programs write them stay readable; see `tests/golden/make.py`."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from inface.codecs import open_model_file, read_mesh, read_model

FOLDER = Path(__file__).parents[1] / "golden"
spec = importlib.util.spec_from_file_location("golden_make", FOLDER / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)


def same(a, b):
    if isinstance(a, dict):
        return set(a) == set(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return np.array_equal(a, b) and (np.ndim(a) == 0 or np.asarray(a).dtype == np.asarray(b).dtype)


@pytest.mark.parametrize("name", sorted(make.expected()))
def test_models(name):
    contents, attributes = read_model(FOLDER / name)
    assert same(contents, make.expected()[name]) and attributes == {}
    with open_model_file(FOLDER / name) as file:
        assert file.layout in name.replace("_", " ").replace("disentangled", "disentangled autoencoder")


@pytest.mark.parametrize("name", ["meshlab.ply", "stanford.ply", "blender.obj", "reference.json", "quad.off"])
def test_meshes(name):
    data = read_mesh(FOLDER / name)
    np.testing.assert_array_equal(data.vertices, make.VERTICES)
    np.testing.assert_array_equal(data.triangles, make.QUAD)
    if name == "meshlab.ply":
        np.testing.assert_array_equal(data.colors, [[1, 0, 0.2]] * 4)
    else:
        assert data.colors is None
