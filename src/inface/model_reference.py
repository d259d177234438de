"""A model by name or file and by its hash: how a model travels to worker processes and other machines."""

import tempfile
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from inface.batches import WorkerUnfit
from inface.embedded import EMBEDDED, load_default_model
from inface.errors import InfaceError
from inface.models import MorphableModel, load_model

_KEPT = 4  # models a process keeps open
_LOADED: dict[str, MorphableModel] = {}
_SOURCES: dict[str, str] = {}  # hash -> where a model was found


@dataclass(frozen=True)
class ModelReference:
    """Where a model is found, and its hash; small enough to go along with every task.

    A process loads the model once, at the first `load`, and checks that it is the one that is meant.

    Attributes:
        source: name of an embedded model, or a file that all workers see.
        hash: `MorphableModel.hash`.

    >>> reference = ModelReference.named("pca")
    >>> reference.load().hash == reference.hash
    True
    """

    source: str
    hash: str

    @classmethod
    def named(cls, name_or_path: str | Path) -> "ModelReference":
        """The embedded model of that name, or the model in that file; loaded here and now.

        Raises `InfaceError` when there is neither, `FormatError` when the file is no model.
        """
        name = str(name_or_path)
        if name not in EMBEDDED and not Path(name).exists():
            raise InfaceError(
                f"no model '{name}': expected a model file or one of the embedded models {', '.join(EMBEDDED)}"
            )
        model = load_default_model(name) if name in EMBEDDED else load_model(name)
        _SOURCES[model.hash] = name if name in EMBEDDED else str(Path(name).resolve())
        return cls._of(model, _SOURCES[model.hash])

    @classmethod
    def of(cls, model: MorphableModel, folder: str | Path | None) -> "ModelReference":
        """Any model: by the name or file that it was loaded from by `named`, else saved into `folder`.

        With `folder` None the reference is good in this process alone.
        """
        if model.hash in _SOURCES:
            return cls._of(model, _SOURCES[model.hash])
        return cls._of(model, "") if folder is None else cls.saved(model, folder)

    @classmethod
    def for_executor(cls, model: MorphableModel, executor: Executor | None) -> "ModelReference":
        """Any model, for work that is done by `executor` (None: here) and has no folder of results.

        A model that was not loaded by `named` goes to a file of this machine's temporary folder for other processes,
        and is not found by other machines, which say so.
        """
        here = executor is None or getattr(executor, "one_by_one", False)
        return cls.of(model, None if here else Path(tempfile.gettempdir()) / "inface-models")

    @classmethod
    def saved(cls, model: MorphableModel, folder: str | Path) -> "ModelReference":
        """Any model, saved as `model-HASH.h5` into a folder that the workers see, if it is not there yet."""
        file = Path(folder).resolve() / f"model-{model.hash}.h5"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            model.save(file)
        return cls._of(model, str(file))

    @classmethod
    def _of(cls, model: MorphableModel, source: str) -> "ModelReference":
        _keep(model)
        return cls(source, model.hash)

    def load(self) -> MorphableModel:
        """The model; the same object at every call in a process.

        Raises `WorkerUnfit` where the source is missing or holds another model.
        """
        if self.hash not in _LOADED:
            try:
                model = load_default_model(self.source) if self.source in EMBEDDED else load_model(self.source)
            except (OSError, ValueError) as error:
                raise WorkerUnfit(f"it cannot read the model '{self.source}': {error}") from error
            if model.hash != self.hash:
                raise WorkerUnfit(
                    f"the model '{self.source}' is another one there (hash {model.hash}, expected {self.hash})"
                )
            _keep(model)
        return _LOADED[self.hash]

    def shared(self, folder: str | Path) -> "ModelReference":
        """The same model in a folder that other machines see; an embedded model stays a name."""
        return self if self.source in EMBEDDED else self.saved(self.load(), folder)


def _keep(model: MorphableModel) -> None:
    if model.hash not in _LOADED and len(_LOADED) >= _KEPT:
        _LOADED.pop(next(iter(_LOADED)))
    _LOADED[model.hash] = model
