"""From photographs to a 3D infant: fit, cameras, errors, colours."""

from inface.photos.fit import fit_photos
from inface.photos.photo import Photo
from inface.photos.result import PhotoFit
from inface.photos.settings import PhotoSettings

__all__ = ["Photo", "PhotoFit", "PhotoSettings", "fit_photos"]
