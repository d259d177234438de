"""Models from files and into them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from inface.codecs.model_formats.compact_npz import compact_names, read_compact_data, write_compact_data
from inface.codecs.model_formats.foreign import is_foreign, read_foreign
from inface.errors import FormatError
from inface.models.autoencoder import AEMorphableModel
from inface.models.base import MorphableModel
from inface.models.pca import PCAMorphableModel
from inface.models.saving import extras_of
from inface.models.span import SpanModel, span_of

__all__ = ["compact_names", "load_model", "read_compact", "write_compact"]

SPAN_OWN = ("noise_std", "misfit", "card", "expressions", "age_calibration")  # not those of the basis
KINDS = (PCAMorphableModel, AEMorphableModel)  # imported here, so that a file of each is known


def load_model(path: str | Path, *, unit: str | None = None, frame: str | None = None) -> MorphableModel:
    """The model in a file of INFACE's layouts, of ours, or of another program; the contents tell the kind.

    Of others: statismo, Scalismo and Basel Face Model HDF5, FLAME and SMPL-X style `.npz`, BabyFaceModel `.mat`, a
    folder of ICT-FaceKit, or of meshes in correspondence. They come out in millimetres and this package's frame.

    Args:
        path: of the file or folder.
        unit: of a model of others: "mm", "cm", "m" or "inch"; None: found by its size, and said in a `FileWarning`.
        frame: of a model of others: "left-up-front" (as here), "LPS" or "RAS"; None: taken as here, and said.

    Raises:
        FormatError: damaged, a pickle, or of no known layout; the sentence lists the keys.
        FileNotFoundError: there is no such file.

    >>> import os, tempfile, inface
    >>> path = os.path.join(tempfile.mkdtemp(), "model.h5")
    >>> inface.load_default_model("pca").save(path)
    >>> type(inface.load_model(path)) is inface.PCAMorphableModel
    True
    """
    if is_foreign(path):
        data = read_foreign(path, unit, frame)
        try:
            return MorphableModel.kinds[data.kind].from_data(data)
        except (ValueError, TypeError) as error:
            raise FormatError(f"'{path}': {error}") from None
    return MorphableModel.from_file(path)


def write_compact(path: str | Path, pca: PCAMorphableModel, models: Mapping[str, SpanModel]) -> None:
    """Write a PCA model and autoencoders in its span to one compact file; see `codecs.model_formats.compact_npz`."""
    write_compact_data(path, pca.data(), {name: model.data() for name, model in models.items()})


def read_compact(path: str | Path, name: str) -> MorphableModel:
    """The model `name` ("pca", or one of the autoencoders) of a compact file, expanded to an ordinary model.

    Raises `FormatError` for another or a damaged file, or an unknown name.
    """
    data, span = read_compact_data(path, name)
    if span is None:
        return PCAMorphableModel.from_data(data)
    assert data.components is not None
    extras = {key: value for key, value in extras_of(data).items() if key not in SPAN_OWN}
    return span_of(span).folded(data.components, data.mean_vertices, data.triangles, **extras)
