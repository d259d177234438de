"""`inface.measure`: every measure of a head, from a mesh in correspondence, a registration or a fit to photographs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from inface import __version__
from inface._validate import FloatArray
from inface.ages import days_of
from inface.embedded import EMBEDDED, load_default_model
from inface.errors import CorrespondenceError
from inface.measurement.catalogue import CATALOGUE
from inface.measurement.correspondence import Prepared, prepare
from inface.measurement.definition import Definition
from inface.measurement.measuring import Sight, lines_of, measures_of
from inface.measurement.norms import Child
from inface.measurement.results import Measure, Measurements
from inface.measurement.uncertainty import SAMPLES, posterior_offsets, spreads, with_errors
from inface.mesh import Mesh
from inface.models import MorphableModel
from inface.units import mm_per_unit

CLOTH = 0.05  # share of the scan outside the skin from which cloth must be spoken of
FAR = 4.0  # standard deviations of the latent beyond which landmarks slide, and angles of the face say nothing
_FACE_ANGLES = ("nfa", "nla", "conv")


# options: what a visit is, and how its numbers are to be read
def measure(
    shape: Any,
    *,
    age_days: float | None = None,
    age_months: float | str | None = None,
    sex: str | None = None,
    model: Any = None,
    landmarks: Any = None,
    unit: str | None = None,
    cap: bool | None = None,
    gestation_weeks: float | None = None,
    tape_offset: float = 0.0,
    samples: int = SAMPLES,
    label: str = "",
    date: str = "",
) -> Measurements:
    """Every measure of a head, with its error where a scan was registered, its norm, and what stands against it.

    Args:
        shape: a `Mesh` in correspondence with a known topology (measured as it is, without errors), a `Registration` or
            a `PhotoFit`.
        age_days: exact age; or `age_months`: a number of months or a text such as "26w", "6m", "1y".
        sex: "male" or "female"; without it there is no WHO score.
        model: the model of the shape (object, template, or an embedded model's name); None: found by the topology.
        landmarks: name -> point in the shape's frame and unit, or vertex id; they go before the template's. Cleft
            measures come only from these. "incran": the vertex numbers of the reference's head of 2025.
        unit: "mm", "cm", "m" or "inch" of a mesh; None: found from its size.
        cap: True: a cap was worn; False: the head was bare; None: as the registration says.
        gestation_weeks: at birth; below 37 the WHO score is by corrected age until 24 months.
        tape_offset: mm to add to the digital circumference for the WHO score, where a clinic knows its tape.
        samples: of the posterior, for the errors; 0: none.
        label, date: shown on pages; no name by default.

    Raises:
        CorrespondenceError: the mesh is of no known topology, or not of the model's, or of an impossible size.
        ValueError: a negative age, an unknown sex or unit, landmarks that make no sense.

    Examples:
        >>> import inface
        >>> child = inface.load_default_model("pca").template.mesh
        >>> found = inface.measure(child, age_months=6, sex="female")
        >>> found["circ.ml"].unit, found["ci.go"].value is not None, found["CVAI_signed"].id
        ('mm', True, 'cvai.mid.short')
    """
    child = Child(_days(age_days, age_months), sex, gestation_weeks)
    if isinstance(shape, Mesh):
        return _of_mesh(prepare(shape, model, landmarks, unit), child, cap, tape_offset, label, date)
    for name in ("verdict", "reasons", "latent"):
        if not hasattr(shape, name):
            raise ValueError(f"shape: expected a Mesh, a Registration or a PhotoFit, got {type(shape).__name__}")
    versions = {"inface": __version__}
    if shape.verdict == "failed" or getattr(shape, "mesh", None) is None:
        return _nothing(shape, child, label, date, versions)
    found = model_of(shape, model)
    frame = getattr(shape, "model_mesh", None) or shape.mesh
    size = float(getattr(shape, "size", 1.0))  # of an adult's head, which the model's frame shows smaller
    if size != 1:
        frame = frame.with_vertices(frame.vertices * size)
    prepared = prepare(frame, found, _to_model(shape, landmarks, size), found.template.unit)
    notes, over, under = _cap(shape, cap)
    support = getattr(shape, "support", None)
    if support is not None:
        support = prepared.head.anatomy.about(np.asarray(support))
    sight = Sight(support, _doubtful(shape, found))
    plain = measures_of(prepared.head, child, sight, tape_offset)
    measured = _flagged(plain, over, under)
    covariance = getattr(shape, "covariance", None)
    if samples and covariance is not None:
        if hasattr(shape, "offsets"):  # a fit to photographs knows what its model does not
            offsets = shape.offsets(samples)
        else:
            offsets = size * posterior_offsets(found, shape.latent, covariance, samples)
        wanted = [id for id, m in measured.items() if m.value is not None]
        measured = with_errors(measured, spreads(prepared.head, offsets, wanted), child, over, tape_offset)
    versions |= {"topology": prepared.head.anatomy.template.hash, "model": found.hash}
    return Measurements(
        measured, child, label, shape.verdict, (*map(str, shape.reasons), *notes, *prepared.notes), versions, date,
        _lines(prepared, shape, size), prepared.head, support,
    )  # fmt: skip


def _of_mesh(prepared, child: Child, cap, tape_offset: float, label: str, date: str) -> Measurements:
    measures = measures_of(prepared.head, child, Sight(prepared.seen), tape_offset)
    notes = list(prepared.notes)
    if cap:
        measures = _flagged(measures, over=True, under=False)
        notes.append("a cap was said to be worn: measured over it")
    factor = mm_per_unit(prepared.unit)
    lines = {name: line / factor for name, line in lines_of(prepared.head).items()}
    versions = {"inface": __version__, "topology": prepared.head.anatomy.template.hash}
    return Measurements(
        measures, child, label, "mesh", tuple(notes), versions, date, lines, prepared.head, prepared.seen
    )


def _days(age_days: float | None, age_months: float | str | None) -> float | None:
    if age_days is not None and age_months is not None:
        raise ValueError("age: give age_days or age_months, not both")
    if age_days is not None:
        if not (np.isfinite(age_days) and age_days >= 0):
            raise ValueError(f"age_days: expected zero or more days, got {age_days}")
        return float(age_days)
    return None if age_months is None else days_of(age_months, "age_months")


def model_of(shape: Any, model: Any) -> MorphableModel:
    """The model a registration or photo fit was made with: as given, else by its hash among the embedded ones."""
    if isinstance(model, str):
        return load_default_model(model)
    if model is not None:
        return model
    problem = getattr(shape, "problem", None)
    if problem is not None:
        return problem.modes.model
    for name in EMBEDDED:
        if load_default_model(name).hash == shape.model_hash:
            return load_default_model(name)
    raise CorrespondenceError(
        f"the registration was made with a model (hash {shape.model_hash or 'unknown'}) that does not ship with the "
        "package; give it: model="
    )


def _to_model(shape: Any, landmarks: Any, size: float) -> Any:
    """Given points of the scan's frame and unit brought into the model's frame, in the head's own size."""
    transform = getattr(shape, "transform", None)
    if not isinstance(landmarks, Mapping) or transform is None:
        return landmarks
    back = transform.inverse()
    return {n: size * back.apply(np.asarray(p, float)) if np.ndim(p) else p for n, p in landmarks.items()}


def _lines(prepared: Prepared, shape: Any, size: float) -> dict[str, FloatArray]:
    transform = getattr(shape, "transform", None)
    lines = lines_of(prepared.head)
    return lines if transform is None else {name: transform.apply(line / size) for name, line in lines.items()}


def _cap(shape: Any, given: bool | None) -> tuple[list[str], bool, bool]:
    """Notes on a cap; whether the vault was measured over it, or under it from the model."""
    seen = getattr(shape, "cap", None)
    told = getattr(shape, "measures", {})
    cloth = float(told.get("cloth", 0.0)) if isinstance(told, Mapping) else 0.0
    worn = bool(seen.worn) if seen is not None else False
    if given is False:
        if worn:
            return ["the head was said to be bare, but the registration took a cap off: register it bare"], False, True
        return [], False, False
    if worn:
        return [f"a cap is worn: the vault under it is the model's guess ({seen.why})"], False, True  # type: ignore[union-attr]
    if given:
        return ["a cap was said to be worn: measured over it, reads high"], True, False
    if seen is None and cloth > CLOTH:
        return [f"{cloth:.0%} of the scan lies outside the skin like cloth: is a cap worn?"], True, False
    return [], False, False


def _flagged(measures: Mapping[str, Measure], over: bool, under: bool) -> dict[str, Measure]:
    if not (over or under):
        return dict(measures)
    word = "over a cap, reads high" if over else "under a cap, from the model"
    return {
        id: replace(m, flags=(*m.flags, word)) if m.value is not None and CATALOGUE[id].cranial else m
        for id, m in measures.items()
    }


def _doubtful(shape: Any, model: MorphableModel) -> dict[str, str]:
    """Measures refused because landmarks cannot be trusted there."""
    std = np.maximum(np.asarray(model.latent_std, float), 1e-12)
    largest = float(np.abs((np.asarray(shape.latent, float) - np.asarray(model.latent_mean, float)) / std).max())
    out: dict[str, str] = {}
    if shape.verdict != "ok" or largest > FAR:
        why = (
            f"the registration is '{shape.verdict}'"
            if shape.verdict != "ok"
            else f"the shape is far from what the model knows ({largest:.1f} SD)"
        )
        out |= dict.fromkeys(_FACE_ANGLES, f"angles of the face need a sure face: {why}")
    doubtful = [name for name, part in getattr(shape, "parts", {}).items() if part.state == "doubtful"]
    for part in doubtful:
        marks = _PART_MARKS.get(part, ())
        for id, definition in CATALOGUE.items():
            if _reads(definition, marks):
                out[id] = f"the registration is in doubt at: {part}"
    return out


_PART_MARKS: Mapping[str, tuple[str, ...]] = {
    "mouth": ("ls", "li", "sto", "ch_l", "ch_r", "cph_l", "cph_r"),
    "chin": ("gn", "pg", "sl"),
    "nose": ("prn", "sn", "al_l", "al_r", "sbal_l", "sbal_r"),
    "eyes": ("en_l", "en_r", "ex_l", "ex_r", "ps_l", "ps_r", "pi_l", "pi_r"),
    "left ear": ("sa_l", "sba_l", "pra_l", "pa_l"),
    "right ear": ("sa_r", "sba_r", "pra_r", "pa_r"),
}


def _reads(definition: Definition, marks: tuple[str, ...]) -> bool:
    return bool(set(definition.marks) & set(marks))


def _nothing(shape: Any, child: Child, label: str, date: str, versions: Mapping[str, str]) -> Measurements:
    """A failed registration gives no values."""
    words = "; ".join(map(str, shape.reasons))
    flags = (f"the registration failed: {words}",)
    measures = {
        id: Measure(id, None, d.unit, seen=0.0, flags=flags, definition=f"{d.text} ({d.source})")
        for id, d in CATALOGUE.items()
    }
    return Measurements(measures, child, label, "failed", tuple(map(str, shape.reasons)), versions, date)
