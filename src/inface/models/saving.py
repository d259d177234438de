"""Models from files and into them, as methods of every model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

from inface.codecs.model_formats import ModelData, ModelFile, inface_h5, read_model, statismo
from inface.codecs.model_formats.plain_npz import write_plain
from inface.errors import FormatError
from inface.models.ages import AgeCalibration
from inface.models.misfit import Misfit
from inface.models.parts import ModelExtras
from inface.template import Template


class Saved(ABC):
    """What can be written to a file and read from one: a kind of model with its plain arrays."""

    kinds: ClassVar[dict[str, Any]] = {}  # each kind's class, by its name in files
    template: Template

    @abstractmethod
    def data(self) -> ModelData:
        """The model as plain arrays, as they stand in a file."""

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
            model = cls.kinds[kind].from_data(data)
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

    @staticmethod
    def parameters_of(path: str | Path) -> dict[str, Any]:
        """The nested dictionary of arrays in a model file."""
        return dict(read_model(path)[0])

    @staticmethod
    def load_correct_morphable_model(path: str | Path) -> Any:
        """The reference's name for `inface.load_model`."""
        return Saved.from_file(path)


def extras_of(data: ModelData) -> ModelExtras:
    """What a file says beside the weights."""
    names = ("landmarks", "regions", "mirror", "unit", "colors", "noise_std", "expressions", "card")
    extras: dict[str, Any] = {name: getattr(data, name) for name in names}
    extras["misfit"] = None if data.misfit is None else Misfit(**data.misfit)
    extras["age_calibration"] = None if data.age is None else AgeCalibration(*data.age)
    return extras  # type: ignore[return-value]
