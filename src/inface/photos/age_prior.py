"""What the age says about the shape: mean and spread of the standardised latent at an age.

Latents of many heads of known age, standardised, are regressed on 1, s, s^2, s^3 with s the square root of the months;
what remains has one covariance, shrunk by 2 per cent towards its diagonal. The priors of the embedded models ship with
the package, made by `python -m inface.photos.age_prior`; `fit_age_prior` makes one for any model from a population.
"""

import argparse
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from inface._validate import FloatArray, finite, floats
from inface.codecs import atomic_write
from inface.transforms import procrustes

FILE = "age_priors.npz"
SHRINK = 0.02


@dataclass(frozen=True, eq=False)
class AgePrior:
    """Gaussian over standardised latents given an age.

    Attributes:
        coefficients: `(4, K)` of 1, s, s^2, s^3, s the square root of the months.
        covariance: `(K, K)`.
        months: youngest and oldest age it was made from.
    """

    coefficients: FloatArray
    covariance: FloatArray
    months: tuple[float, float]

    def mean(self, months: float) -> FloatArray:
        """`(K,)` at an age; beyond the ages it was made from, that of the nearest of them."""
        s = np.sqrt(np.clip(months, *self.months))
        return np.array([1, s, s**2, s**3]) @ self.coefficients


def fit_age_prior(latents: FloatArray, months: FloatArray) -> AgePrior:
    """From standardised latents `(N, K)` of N heads and their ages `(N,)` in months.

    Raises `ValueError` for fewer than 20 heads, or ages that are below zero or all alike.
    """
    codes = finite("latents", floats("latents", latents, (None,)))
    ages = finite("months", floats("months", months, (len(codes),)))
    if len(codes) < 20 or ages.min() < 0 or np.ptp(ages) == 0:
        raise ValueError("age prior: expected 20 or more heads of different ages, none below zero")
    s = np.sqrt(ages)
    powers = np.stack([np.ones_like(s), s, s**2, s**3], 1)
    coefficients = np.linalg.lstsq(powers, codes, rcond=None)[0]
    rest = codes - powers @ coefficients
    covariance = rest.T @ rest / (len(codes) - 4)
    covariance = (1 - SHRINK) * covariance + SHRINK * np.diag(np.diag(covariance)) + 1e-6 * np.eye(codes.shape[1])
    return AgePrior(coefficients, covariance, (float(ages.min()), float(ages.max())))


@lru_cache(maxsize=4)
def age_prior_of(model: Any) -> AgePrior | None:
    """The shipped prior of an embedded model; None for any other model."""
    entry = files("inface.photos") / FILE
    if not entry.is_file():
        return None
    with as_file(entry) as path, np.load(path, allow_pickle=False) as stored:
        if f"{model.hash}/coefficients" not in stored:
            return None
        coefficients = stored[f"{model.hash}/coefficients"].astype(float)
        half = stored[f"{model.hash}/covariance"].astype(float)
        deviations = stored[f"{model.hash}/deviations"].astype(float)
        months = stored[f"{model.hash}/months"]
    count = len(deviations)
    correlation = np.eye(count)
    correlation[np.triu_indices(count, 1)] = half / 127
    correlation = np.triu(correlation) + np.triu(correlation, 1).T
    values, vectors = np.linalg.eigh(correlation)  # rounding to 8 bits may have made it indefinite
    correlation = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    return AgePrior(coefficients, correlation * np.outer(deviations, deviations), (float(months[0]), float(months[1])))


def packed(model: Any, prior: AgePrior) -> dict[str, np.ndarray]:
    """The arrays of a prior as they are shipped: correlations in 8 bits, the rest in single precision."""
    deviations = np.sqrt(np.diag(prior.covariance))
    correlation = prior.covariance / np.outer(deviations, deviations)
    upper = correlation[np.triu_indices(len(deviations), 1)]
    return {
        f"{model.hash}/coefficients": prior.coefficients.astype(np.float32),
        f"{model.hash}/deviations": deviations.astype(np.float32),
        f"{model.hash}/covariance": np.clip(np.round(upper * 127), -127, 127).astype(np.int8),
        f"{model.hash}/months": np.array(prior.months, np.float32),
    }


def main() -> None:
    """Make the priors of the embedded models from synthetic children and write them into the package."""
    from inface.embedded import EMBEDDED, load_default_model
    from inface.synthetic import cohort

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--subjects", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1900)
    parser.add_argument("--out", required=True, help="the file to write, as a rule src/inface/photos/" + FILE)
    arguments = parser.parse_args()
    heads = cohort(arguments.subjects, 1, arguments.seed)
    arrays: dict[str, np.ndarray] = {}
    for name in EMBEDDED:
        model = load_default_model(name)
        shapes = np.array([procrustes(one, model.mean_vertices).apply(one) for one in heads.shapes], np.float32)
        latents = model.latent.standardise(np.asarray(model.encode(shapes, check=False), float))
        arrays |= packed(model, fit_age_prior(latents, np.asarray(heads.age_months)))
    with atomic_write(arguments.out) as path, open(path, "wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
