"""Shapes in correspondence and what is known of each: read from a folder, checked, aligned, looked through, split."""

from inface.population.folder import load_population
from inface.population.inspection import Findings, PopulationWarning, inspect, limits
from inface.population.pack import pack_population
from inface.population.population import Population
from inface.population.stack import MEMORY_LIMIT, empty_stack, flat_rows
from inface.population.subjects import mirrored, split_by_subject, training_part

__all__ = [
    "MEMORY_LIMIT",
    "Findings",
    "Population",
    "PopulationWarning",
    "empty_stack",
    "flat_rows",
    "inspect",
    "limits",
    "load_population",
    "mirrored",
    "pack_population",
    "split_by_subject",
    "training_part",
]
