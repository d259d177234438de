"""Mirror images as other children, and splits that keep a child on one side."""

from dataclasses import replace

import numpy as np

from inface.population.population import Population
from inface.population.stack import empty_stack

MIRRORED = " (mirrored)"


def mirrored(population: Population) -> Population:
    """The population and its mirror images, whose subjects are others (their names end in " (mirrored)").

    Raises `ValueError` when the template does not know its mirror pairs.
    """
    mirror = population.template.mirror
    if mirror is None:
        raise ValueError("the template does not know its mirror pairs, so shapes cannot be mirrored; give a template")
    both = np.concatenate([np.arange(len(population))] * 2)
    both_sides = np.repeat([False, True], len(population))
    columns = {name: value[both] for name, value in population.columns.items()}
    half = len(population)
    for name in {"subject", "name"} & set(columns):
        words = columns[name]
        columns[name] = np.concatenate([words[:half], np.char.add(words[half:], MIRRORED)])
    own = population.shapes
    shapes = empty_stack((2 * half, *own.shape[1:]), own.dtype)
    for i, shape in enumerate(own):
        shapes[i] = shape
        shapes[half + i] = shape[mirror] * np.asarray([-1, 1, 1], own.dtype)
    return Population(population.template, shapes, **columns, factors={"mirrored": both_sides})


def split_by_subject(population: Population, share: float, seed: int = 0) -> Population:
    """The population with `split` "test" for a share of its subjects and their mirror images, else "train"."""
    if population.subject is None:
        raise ValueError("the population does not name its subjects, so it cannot be split by subject")
    child = np.char.replace(population.subject, MIRRORED, "")
    names = np.unique(child)
    count = round(share * len(names))
    if not 1 <= count < len(names):
        raise ValueError(
            f"share: {share} of {len(names)} subjects leaves none on one side; expected at least one on each"
        )
    chosen = np.random.default_rng(seed).choice(names, count, replace=False)
    return replace(population, split=np.where(np.isin(child, chosen), "test", "train"))


def training_part(population: Population) -> Population:
    """The population without the shapes whose `split` is "test"; refuses one that has no others."""
    if population.split is None or not (population.split == "test").any():
        return population
    kept = population.split != "test"
    if not kept.any():
        raise ValueError("every shape has the split 'test', so there is none to train on; mark some 'train'")
    return population.subset(kept)
