"""Heads of known shape before known cameras."""

from dataclasses import dataclass

import numpy as np
import pytest

import inface
from inface.photos.camera import Camera
from inface.photos.contour import jaw_strips
from inface.photos.drawings import camera_at
from inface.photos.points import IBUG

SIZE = (512, 512)


@dataclass(frozen=True, eq=False)
class Scene:
    """A head `(V, 3)`, its age, and how photographs of it are marked."""

    model: object
    vertices: np.ndarray
    months: float

    def marked(self, camera: Camera, noise: float = 0.0, seed: int = 0) -> dict[str, np.ndarray]:
        """The 68 points in a photograph, those of the jaw where the face ends."""
        ids = {name: self.model.template.landmarks[name] for name in IBUG}
        strips = jaw_strips(self.model)
        ids |= strips.outermost(self.vertices[strips.vertices], camera)
        pixels = camera.project(self.vertices[list(ids.values())])
        pixels = pixels + noise * np.random.default_rng(seed).standard_normal(pixels.shape)
        return dict(zip(ids, pixels, strict=True))

    def photo(self, yaw: float, noise: float = 2.0, seed: int = 0, **options) -> inface.Photo:
        return inface.Photo(SIZE, self.marked(camera_at(yaw), noise, seed), **options)


@pytest.fixture(scope="session")
def pca():
    return inface.load_default_model("pca")


@pytest.fixture(scope="session")
def scenes(pca):
    """Six children of a generator setting that the model was not made from."""
    from inface.synthetic import SECOND_SETTING, cohort

    heads = cohort(6, 1, seed=8100, variation=SECOND_SETTING)
    return [Scene(pca, s.astype(float), float(a)) for s, a in zip(heads.shapes, heads.age_months, strict=True)]


@pytest.fixture
def no_sockets(monkeypatch):
    """Any use of the network fails."""
    import socket

    def refuse(*_args, **_keywords):
        raise AssertionError("a socket was opened")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
