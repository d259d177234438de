"""The record of a registration."""

import html
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.codecs.files import atomic_write
from inface.codecs.mesh_html import turning_html
from inface.errors import FormatError
from inface.mesh import Mesh
from inface.reasons import Reason
from inface.registration.cap import Cap
from inface.registration.parts import Part
from inface.registration.scope import Scope
from inface.registration.verdict import Verdict
from inface.transforms import Similarity

KIND = "inface registration 1"
ARRAYS = (
    "latent", "fitted", "covariance", "pose_covariance", "support", "distance", "vertex_std"
)  # fmt: skip
WORDS = ("verdict", "unit", "scope", "size", "misfit", "model_hash")


@dataclass(frozen=True)
class Stage:
    """What one stage did: its name, CPU seconds, measures by name, and notes in words."""

    name: str
    seconds: float
    measures: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Registration:
    """A scan brought into correspondence with a model. Look at `verdict` first.

    Attributes:
        verdict: "ok", "partial" (parts are the model's guess, or something is odd) or "failed" (do not use).
        reasons: why not "ok", in words; empty when ok.
        because: the same for programs, each with a kind, a value and a limit.
        mesh: the model's topology on the scan, in the scan's frame and unit; None when nothing could be fitted.
        model_mesh: the same in the model's frame, millimetres; what `model.encode` reads.
        latent: `(K,)` of the model fit (before the free refinement), in the model's own units.
        fitted: `(V, 3)` the model fit alone, in the model's frame.
        covariance: `(K, K)` of `latent` given the scan, pose included, in the same units: where the scan shows nothing
            it is the model's own spread.
        pose_covariance: `(6, 6)` of the pose given the scan, shape included: rotation vector (radians, about the
            model's origin, in the model's frame) and translation (mm, in the model's frame).
        transform: from the model's frame (mm) to the scan's frame and unit.
        unit: "mm", "cm", "m" or "inch", as found; "" when the scan's own scale was given.
        scope: "head", "face" or "vault": what the scan shows.
        parts: part of the head -> `Part`: seen, extrapolated or doubtful.
        cap: whether a cap was taken to be worn, and why.
        size: how many times as large as the model's head the scan's is; 1 unless it was an adult's face.
        misfit: mm that the model lacks here, told as a smooth field (see `ModelFit.misfit`).
        support: `(V,)` True where the scan shows the vertex; False: extrapolated.
        distance: `(V,)` distance of each vertex from the scan, mm.
        vertex_std: `(V,)` standard deviation of each vertex given the scan, mm: what to expect where nothing is seen.
        stages: what was done, in order.
        measures: score, explained, coverage, face_coverage, gap, sigma, mahalanobis, largest, likeness, worst_part,
            mean_distance, and others.
        notes: what was repaired or looks odd but is no reason against the result.
        model_hash: hash of the model's contents.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    mesh: Mesh | None = None
    model_mesh: Mesh | None = None
    latent: FloatArray | None = None
    fitted: FloatArray | None = None
    transform: Similarity | None = None
    unit: str | None = None
    support: BoolArray | None = None
    distance: FloatArray | None = None
    vertex_std: FloatArray | None = None
    stages: tuple[Stage, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    model_hash: str = ""
    because: tuple[Reason, ...] = ()
    covariance: FloatArray | None = None
    pose_covariance: FloatArray | None = None
    scope: Scope | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    cap: Cap | None = None
    size: float = 1.0
    misfit: float = np.nan

    @property
    def seconds(self) -> float:
        """CPU seconds of all stages."""
        return sum(stage.seconds for stage in self.stages)

    def __repr__(self) -> str:
        reasons = "; ".join(str(reason) for reason in self.reasons)
        return f"Registration({self.verdict}{': ' if reasons else ''}{reasons[:150]})"

    def _repr_html_(self) -> str:
        """The fitted mesh, turning, in a notebook."""
        return f"<p>{html.escape(repr(self))}</p>" if self.mesh is None else turning_html(self.mesh, repr(self))

    def __str__(self) -> str:
        words = "; ".join(self.reasons) or "nothing speaks against it"
        lines = [f"{self.verdict}: {words}", *(f"  note: {note}" for note in self.notes)]
        return "\n".join(lines)

    def save(self, path: str | Path) -> None:
        """Write the whole record to one file (`.npz`); `Registration.load` gives it back."""
        _write(path, self)

    @classmethod
    def load(cls, path: str | Path) -> "Registration":
        """Read a record written by `save` or by `inface register`.

        Raises:
            FormatError: the file is no record of a registration, or damaged.
        """
        return _read(path)


def _write(path: str | Path, done: Registration) -> None:
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


def _read(path: str | Path) -> Registration:
    """The record in a file written by `_write`: arrays and words in an `.npz`, without pickled objects."""
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
    told["reasons"] = tuple(map(str, told["because"]))
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
