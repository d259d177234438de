"""A model as plain arrays and as a file, and back."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from inface._validate import FloatArray
from inface.codecs.model_formats import ModelData, ModelFile, contents_hash, inface_h5, statismo
from inface.codecs.model_formats.plain_npz import write_plain
from inface.errors import FormatError
from inface.models.ages import AgeCalibration
from inface.models.latent import LatentSpace
from inface.models.misfit import Misfit
from inface.models.parts import ModelExtras
from inface.template import Template


class Stored(ABC):
    """What a model has to do with files."""

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type["Stored"]]] = {}
    mean_vertices: FloatArray
    template: Template
    latent: LatentSpace
    noise_std: float | None
    misfit: Misfit | None
    expressions: Mapping[str, FloatArray]
    age_calibration: AgeCalibration | None
    card: Mapping[str, str]

    def __init_subclass__(cls) -> None:
        if "kind" in vars(cls):
            Stored.kinds[cls.kind] = cls

    @cached_property
    def hash(self) -> str:
        """Hash of weights, topology and everything that gives codes their meaning (not of card and misfit)."""
        return contents_hash(inface_h5.contents(replace(self.data(), misfit=None)))

    @abstractmethod
    def data(self) -> ModelData:
        """The model as plain arrays, as they stand in a file."""

    def _common_data(self) -> dict[str, Any]:
        """What a file says of every kind of model."""
        t, age = self.template, self.age_calibration
        return {
            "mean_vertices": self.mean_vertices,
            "triangles": t.mesh.triangles,
            "colors": t.mesh.colors,
            "regions": t.regions,
            "landmarks": t.landmarks,
            "mirror": t.mirror,
            "unit": t.unit,
            "blocks": self.latent.blocks,
            "noise_std": self.noise_std,
            "misfit": None if self.misfit is None else vars(self.misfit),
            "expressions": self.expressions,
            "age": None if age is None else (age.direction, age.codes, age.months),
            "card": self.card,
        }

    @classmethod
    @abstractmethod
    def from_data(cls, data: ModelData) -> Self:
        """The model of plain arrays, as they stand in a file."""

    @classmethod
    def from_file(cls, path: str | Path | ModelFile) -> Self:
        """The model in an HDF5 file (or an open one), of INFACE's layouts or ours.

        Raises:
            FormatError: not HDF5, damaged, of no known layout, or of another kind than this class.
            FileNotFoundError: there is no such file.
        """
        file = inface_h5.open_model(path)
        try:
            kind = inface_h5.kind_of(file)
            if getattr(cls, "kind", kind) != kind:
                raise FormatError(f"'{file.path}' holds a model of kind {file.layout}; open it with inface.load_model")
            data = inface_h5.read_data(file)
            model = Stored.kinds[kind].from_data(data)
            if not data.encoders:  # these are read when they are first used
                file.close()
            return model  # type: ignore[return-value]
        except FormatError:
            file.close()
            raise
        except (ValueError, TypeError) as error:
            file.close()
            raise FormatError(f"'{file.path}': {error}") from None

    def save(self, path: str | Path, format: str | None = None) -> None:
        """Write the model atomically: to HDF5 that the INFACE reference opens too, a plain `.npz`, or statismo's HDF5.

        Args:
            path: of the file.
            format: "inface", "npz" or "statismo"; None: "npz" for a name that ends so, else "inface".

        Raises:
            FormatError: an unknown format, or an autoencoder for statismo, which holds PCA models only. What statismo
                cannot hold (landmarks, regions, colours, the card) is said in a `FileWarning`.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("pca")
            >>> model.save("model.h5")
            >>> inface.load_model("model.h5").hash == model.hash
            True
        """
        chosen = format or ("npz" if Path(path).suffix.lower() == ".npz" else "inface")
        if chosen == "npz":
            write_plain(path, self.data(), self.template.hash)
        elif chosen == "statismo":
            statismo.write(path, self.data())
        elif chosen == "inface":
            inface_h5.write_data(path, self.data(), self.template.hash)
        else:
            raise FormatError(f"format: expected inface, npz or statismo, got '{chosen}'")


def extras_of(data: ModelData) -> ModelExtras:
    """What a file says beside the weights."""
    names = ("landmarks", "regions", "mirror", "unit", "colors", "noise_std", "expressions", "card")
    extras: dict[str, Any] = {name: getattr(data, name) for name in names}
    extras["misfit"] = None if data.misfit is None else Misfit(**data.misfit)
    extras["age_calibration"] = None if data.age is None else AgeCalibration(*data.age)
    return extras  # type: ignore[return-value]
