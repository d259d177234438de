"""The toy model, a child of it and a scan of the child."""

import numpy as np
import pytest
from toy_head import PLAIN, toy_model, toy_template

from inface.synthetic.scanner import simulate_scan


@pytest.fixture(scope="session")
def model():
    return toy_model(toy_template())


@pytest.fixture(scope="session")
def child(model):
    """A head of the model, near two standard deviations in some modes."""
    latent = model.latent_std * np.random.default_rng(2).normal(size=len(model.latent_std))
    return model.decode_mesh(latent).with_landmarks(None)


@pytest.fixture(scope="session")
def scan(child, model):
    return simulate_scan(child, 3, views="full", unit="m", template=model.template, **PLAIN)
