"""A registration as one file: arrays and words in an `.npz`, without pickled objects."""

import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from inface.codecs.files import atomic_write
from inface.errors import FormatError
from inface.mesh import Mesh
from inface.reasons import Reason
from inface.registration.cap import Cap
from inface.registration.parts import Part
from inface.registration.result import Registration, Stage
from inface.transforms import Similarity

KIND = "inface registration 1"
ARRAYS = (
    "latent", "fitted", "covariance", "pose_covariance", "support", "distance", "vertex_std"
)  # fmt: skip
WORDS = ("verdict", "unit", "scope", "size", "misfit", "model_hash")


def write_registration(path: str | Path, done: Registration) -> None:
    """Write the record, atomically; the same record gives the same bytes."""
    told: dict[str, Any] = {name: getattr(done, name) for name in WORDS}
    told["because"] = [asdict(reason) for reason in done.because]
    told["parts"] = {name: asdict(part) for name, part in done.parts.items()}
    told["cap"] = None if done.cap is None else asdict(done.cap)
    told["stages"] = [asdict(stage) for stage in done.stages]
    told["measures"], told["notes"] = dict(done.measures), list(done.notes)
    arrays = {name: getattr(done, name) for name in ARRAYS if getattr(done, name) is not None}
    if done.mesh is not None and done.model_mesh is not None and done.transform is not None:
        arrays |= {"vertices": done.mesh.vertices, "triangles": done.mesh.triangles}
        arrays |= {"model_vertices": done.model_mesh.vertices}
        arrays |= {"rotation": done.transform.rotation, "translation": done.transform.translation}
        told["scale"] = done.transform.scale
    words = np.frombuffer(json.dumps({"kind": KIND, **told}, sort_keys=True).encode(), np.uint8)
    with atomic_write(Path(path)) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in {"words": words, **arrays}.items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), stream.getvalue(), zipfile.ZIP_DEFLATED)


def read_registration(path: str | Path) -> Registration:
    """The record in a file written by `write_registration`. Raises `FormatError` for anything else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
        told = json.loads(held.pop("words").tobytes())
        if told.pop("kind") != KIND:
            raise KeyError("kind")
        return _record(told, held)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(f"'{path}': expected the record of a registration (written by `Registration.save` or "
                          f"`inface register`), got something else ({error})") from None  # fmt: skip


def _record(told: dict[str, Any], held: dict[str, Any]) -> Registration:
    told["because"] = tuple(Reason(**reason) for reason in told["because"])
    told["parts"] = {name: Part(**part) for name, part in told["parts"].items()}
    told["cap"] = None if told["cap"] is None else Cap(**told["cap"])
    told["stages"] = tuple(Stage(**(stage | {"notes": tuple(stage["notes"])})) for stage in told["stages"])
    told["notes"] = tuple(told["notes"])
    scale = told.pop("scale", None)
    if scale is not None:
        triangles = held.pop("triangles")
        told["mesh"] = Mesh(held.pop("vertices"), triangles)
        told["model_mesh"] = Mesh(held.pop("model_vertices"), triangles)
        told["transform"] = Similarity(held.pop("rotation"), held.pop("translation"), scale)
    return Registration(**told, **held)
