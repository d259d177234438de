"""Models of other programs: which of them a file or folder is, and `ModelData` of it."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from inface.codecs.model_formats import blendshapes, statismo
from inface.codecs.model_formats.data import ModelData
from inface.codecs.model_formats.h5_tree import open_h5
from inface.codecs.model_formats.linear import LinearModel, to_model_data
from inface.codecs.model_formats.mat_file import read_mat
from inface.codecs.model_formats.plain_npz import is_plain, read_plain
from inface.errors import FormatError

PICKLES = (".pkl", ".pickle", ".pt", ".pth")


def is_foreign(path: str | Path) -> bool:
    """Whether a path is a model of another program by its kind: a folder, `.npz`, `.mat`, HDF5/JSON, or by its keys."""
    path = Path(path)
    if path.is_dir() or path.suffix.lower() in (".npz", ".mat", *PICKLES) or path.name.lower().endswith(".h5.json"):
        return True
    if not (path.is_file() and h5py.is_hdf5(path)):
        return False
    try:
        with open_h5(path) as file:
            return "model" in file or "shape" in file or "refShape" in file
    except OSError:
        return False


def read_foreign(path: str | Path, unit: str | None = None, frame: str | None = None) -> ModelData:
    """A model of another program, in millimetres and this package's frame.

    Args:
        path: statismo, Scalismo or Basel Face Model `.h5` (also `.h5.json`); FLAME or SMPL-X style `.npz`, or a plain
            one of this package; BabyFaceModel `.mat`; a folder of ICT-FaceKit, or of meshes in correspondence.
        unit: "mm", "cm", "m" or "inch"; None: found by size, which a `FileWarning` says.
        frame: "left-up-front", "LPS" or "RAS"; None: taken as ours, which a `FileWarning` says.

    Raises:
        FormatError: a pickle, a damaged file, or one of no known layout.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no model '{path}'")
    try:
        found = _read(path)
        return found if isinstance(found, ModelData) else to_model_data(found, path, unit, frame)
    except FormatError as error:
        words = str(error)
        raise FormatError(words if words.startswith(f"'{path}'") else f"'{path}': {words}") from None
    except Exception as error:  # readers of zip, MATLAB and HDF5 raise what they like on damaged bytes
        words = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise FormatError(f"'{path}': the model is damaged ({words})") from error


def _read(path: Path) -> LinearModel | ModelData:
    if path.is_dir():
        return blendshapes.read_ict(path) if blendshapes.is_ict(path) else blendshapes.read_meshes(path)
    if path.suffix.lower() in PICKLES:
        raise FormatError(
            "this is a pickle, which can run any program when it is loaded, so it is not; on a machine that you can "
            "lose, load it with the program it came from and write its arrays with numpy.savez(NAME, v_template=..., "
            "shapedirs=..., f=...), then give that .npz"
        )
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as file:
            keys = set(file.files)
            if is_plain(keys):
                return read_plain(file)
            if blendshapes.is_flame(keys):
                return blendshapes.read_flame(file)
        raise FormatError(f"the .npz is of no known layout; its arrays are: {', '.join(sorted(keys))[:200]}")
    if path.name.lower().endswith(".json"):
        arrays = statismo.json_arrays(path)
    elif h5py.is_hdf5(path):
        arrays = _h5_arrays(path)
    else:
        arrays = read_mat(path)
    keys = set(arrays or {})
    if statismo.is_own(keys):
        return statismo.read(arrays or {})
    if blendshapes.is_babyface(keys):
        return blendshapes.read_babyface(arrays or {})
    raise FormatError(f"the model is of no known layout; its arrays are: {', '.join(sorted(keys))[:200]}")


def _h5_arrays(path: Path) -> dict[str, Any]:
    """Arrays of an HDF5 file by their paths; those of MATLAB 7.3 as MATLAB means them, a struct's without its name."""
    out: dict[str, Any] = {}
    with open_h5(path) as file:
        matlab = any("MATLAB_class" in node.attrs for node in file.values())

        def note(name: str, node: Any) -> None:
            if isinstance(node, h5py.Dataset) and not name.startswith("#"):
                if not matlab:
                    out[name] = node[()]
                elif node.dtype == h5py.ref_dtype:
                    texts = [file[ref][()].reshape(-1) for ref in node[()].reshape(-1)]
                    out[name.split("/")[-1]] = np.array(["".join(map(chr, t)) for t in texts], object)
                else:
                    out[name.split("/")[-1]] = node[()].T

        file.visititems(note)
    return out
