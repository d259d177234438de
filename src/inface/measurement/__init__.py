"""Measures on heads in correspondence: landmark distances, circumference, cephalic index, vault asymmetry."""

from inface.measurement.cranium import CranialMeasures, cranial_measures
from inface.measurement.distances import LANDMARK_MEASURES, landmark_distances

__all__ = ["LANDMARK_MEASURES", "CranialMeasures", "cranial_measures", "landmark_distances"]
