"""Measures of heads in correspondence: distances, circumference, indices, asymmetry, volumes; norms and errors."""

from inface.measurement.anatomy import Anatomy, anatomy_of
from inface.measurement.catalogue import CATALOGUE, REFERENCE_NAMES
from inface.measurement.cranium import CranialMeasures, cranial_measures
from inface.measurement.distances import LANDMARK_MEASURES, landmark_distances
from inface.measurement.norms import Child
from inface.measurement.results import Measure, Measurements

__all__ = [
    "CATALOGUE",
    "LANDMARK_MEASURES",
    "REFERENCE_NAMES",
    "Anatomy",
    "Child",
    "CranialMeasures",
    "Measure",
    "Measurements",
    "anatomy_of",
    "cranial_measures",
    "landmark_distances",
]
