"""ok, partial or failed: what speaks against a fit to photographs, as sentences and as records."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from inface.photos.problem import SIZE_ALONE, Problem, State
from inface.photos.solve import Normal, landmark_rows, length_row, normal_equations, shape_columns
from inface.photos.wrong import FAR, Doubt
from inface.reasons import Reason

Verdict = Literal["ok", "partial", "failed"]


@dataclass(frozen=True)
class Limits:
    """Where a number begins to speak against a fit; set on development trials, see `docs/photos.md`.

    Attributes:
        far: mm rms of the landmarks about the fit: beyond it they do not lie on a face.
        off: mm rms from which they are odd.
        prior: mean squared distance of the latent from what is usual.
        misfit: mm that the head lies beside the model.
        width: how much wider than the model's own its spread had to be taken.
        squeezed: relative error of the photograph's width over its height, and its standard deviations.
        turn: degrees beyond which one photograph alone shows half a face only.
        oldest: months that the model knows.
        inner: landmarks off the jaw that a photograph needs.
        contradiction: standard deviations between a known length and what age and photographs say.
        undecided: share of the prior's spread that must have gone.
        near, distant: mm between camera and child outside which a distance is odd.
    """

    far: float = 5.0
    off: float = 3.5
    prior: float = 2.5
    misfit: float = 1.9
    width: float = 1.65
    squeezed: tuple[float, float] = (0.10, 3.0)
    turn: float = 65.0
    oldest: float = 36.0
    inner: int = 6
    contradiction: float = 4.0
    undecided: float = 0.9
    near: float = 150.0
    distant: float = 3000.0


LIMITS = Limits()
_WRONG = {
    "exchanged": "left and right are exchanged (or the photograph is mirrored): landmarks are named by the child's own "
    "side; with the names exchanged they lie {undone:.1f} mm from a face, as given {distance:.1f}",
    "y_up": "v is counted upwards: pixels count downwards from the top; with v turned over the landmarks lie "
    "{undone:.1f} mm from a face, as given {distance:.1f}",
    "shifted": "the landmarks' numbers are shifted by one (does the list count from 1?); with the numbers put right "
    "they lie {undone:.1f} mm from a face, as given {distance:.1f}",
    "not_a_face": "the landmarks do not lie as on a face (half of them {distance:.1f} mm off and more): wrong order, "
    "two faces in one list, or another numbering?",
}


def judge(
    problem: Problem, state: State, normal: Normal, months: float | None, doubts: tuple[Doubt | None, ...]
) -> tuple[Verdict, tuple[Reason, ...]]:
    """The verdict on a fit and the reasons for it; `doubts` are those about each photograph's landmarks."""
    failed, partial = [], []
    many = len(problem.views) > 1
    for i, found in enumerate(doubts):
        where = f"photo {i + 1}: " if many else ""
        if found is not None:
            words = where + _WRONG[found.kind].format(distance=found.distance, undone=found.undone or 0)
            failed.append(Reason(found.kind, words, found.distance, FAR))
    for i in range(len(problem.views)):
        where = f"photo {i + 1}: " if many else ""
        spread = _rms_mm(problem, state, normal, i)
        words = f"{where}the landmarks lie {spread:.1f} mm (rms) from the fitted face"
        if spread > LIMITS.far and doubts[i] is None:
            failed.append(Reason("residuals", f"{words}, at most {LIMITS.far:g} are expected", spread, LIMITS.far))
        elif spread > LIMITS.off and doubts[i] is None:
            partial.append(Reason("residuals", f"{words}, at most {LIMITS.off:g} are usual", spread, LIMITS.off))
        partial += [_placed(r, where) for r in _views(problem, state, i)]
    if not failed:
        partial += _squeezed(problem, state, many)
        partial += _unlike(problem, state)
    partial += _size(problem, state, months)
    if failed:
        return "failed", tuple(failed + partial)
    return ("partial", tuple(partial)) if partial else ("ok", ())


def _placed(reason: Reason, where: str) -> Reason:
    return Reason(reason.kind, where + reason.sentence, reason.value, reason.limit)


def _rms_mm(problem: Problem, state: State, normal: Normal, photo: int) -> float:
    """mm rms of a photograph's landmarks about the fit, the jaw's left out where there are others."""
    view, rows = problem.views[photo], normal.landmarks[photo]
    seen = ~(view.jaw & (~view.jaw).any())
    square = (rows.residuals[seen] ** 2).sum(1) / 2
    return float(np.sqrt(square.mean()) / state.cameras[photo].scale) if seen.any() else 0.0


def _views(problem: Problem, state: State, photo: int) -> list[Reason]:
    """What is odd about one photograph by itself."""
    view, camera, out = problem.views[photo], state.cameras[photo], []
    found = sum(name.startswith("mp_") for name in view.names)
    if found:
        words = (
            f"{found} landmarks are a detector's first guess, which pulls towards an adult's face; correct them by hand"
        )
        out.append(Reason("detector", words, found, 0))
    inner = int((~view.jaw).sum())
    if inner < LIMITS.inner:
        words = f"only {inner} landmarks off the jaw, at least {LIMITS.inner} are needed to see a face"
        out.append(Reason("jaw_only", words, inner, LIMITS.inner))
    turn = abs(camera.yaw)
    if turn > LIMITS.turn and len(problem.views) == 1:
        words = f"the face is turned by {turn:.0f} degrees, beyond {LIMITS.turn:g} one side of it is not seen"
        out.append(Reason("profile", words, turn, LIMITS.turn))
    far = float(camera.shift[2] * state.size(problem))
    if not LIMITS.near <= far <= LIMITS.distant:
        limit = LIMITS.near if far < LIMITS.near else LIMITS.distant
        words = (
            f"the camera would stand {far / 10:.0f} cm away, between {LIMITS.near / 10:g} and {LIMITS.distant / 10:g} "
        )
        out.append(Reason("distance", words + "are usual: is the focal length right?", far, limit))
    return out


def _squeezed(problem: Problem, state: State, many: bool) -> list[Reason]:
    out = []
    for i in range(len(problem.views)):
        off, spread = _aspect(problem, state, i)
        if abs(off) > LIMITS.squeezed[0] and abs(off) > LIMITS.squeezed[1] * spread:
            where = f"photo {i + 1}: " if many else ""
            way = "narrow" if off < 0 else "wide"
            words = f"{where}the photograph seems {100 * abs(np.expm1(off)):.0f} % too {way} for its height: was it "
            out.append(Reason("squeezed", words + "resized with another aspect?", off, LIMITS.squeezed[0]))
    return out


def _aspect(problem: Problem, state: State, photo: int) -> tuple[float, float]:
    """Log of width over height of a photograph as its own landmarks have it, and its standard deviation."""
    rows = landmark_rows(problem, state, photo, robust=True)
    pixels, by_point, by_camera = state.cameras[photo].derivatives(state.points(problem, photo, rows.ids))
    root = np.sqrt(rows.weights)[:, None, None]
    by_shape = shape_columns(problem, state, photo, rows.ids, by_point * root).reshape(2 * len(rows.ids), -1)
    stretch = np.zeros((len(rows.ids), 2, 1))
    stretch[:, 0, 0] = pixels[:, 0] - pixels[:, 0].mean()
    columns = np.hstack([by_shape, (by_camera * root).reshape(-1, 7), (stretch * root).reshape(-1, 1)])
    z, count = problem.latents, problem.shapes
    matrix, side = columns.T @ columns, columns.T @ (rows.residuals * root[:, :, 0]).ravel()
    matrix[:z, :z] += problem.prior.precision
    matrix[range(z, count), range(z, count)] += 1
    matrix[count + 6, count + 6] += 1 / problem.views[photo].focal_spread ** 2
    matrix[-1, -1] += 1 / 0.5**2
    side[:z] += problem.prior.precision @ (problem.prior.mean - state.unknowns[:z])
    side[z:count] -= state.unknowns[z:]
    factor = cho_factor(matrix)
    unit = np.zeros(len(side))
    unit[-1] = 1
    return float(cho_solve(factor, side)[-1]), float(np.sqrt(cho_solve(factor, unit)[-1]))


def _unlike(problem: Problem, state: State) -> list[Reason]:
    """Whether the head is one that the model knows."""
    out = []
    off = state.unknowns[: problem.latents] - problem.prior.mean
    usual = float(off @ problem.prior.precision @ off / problem.latents * problem.width**2)
    ask = "is this an infant, and this model made for such children? The errors given are less sure"
    if problem.width > LIMITS.width or usual > LIMITS.prior:
        words = f"the head is {problem.width:.1f} times as unusual as the model's own heads; {ask}"
        out.append(Reason("unusual", words, problem.width, LIMITS.width))
    elif state.misfit > LIMITS.misfit and problem.settings.misfit_mm is None:
        words = f"the head lies {state.misfit:.1f} mm beside what the model knows, {LIMITS.misfit:g} are usual; {ask}"
        out.append(Reason("misfit", words, state.misfit, LIMITS.misfit))
    return out


def _size(problem: Problem, state: State, months: float | None) -> list[Reason]:
    out = []
    if months is not None and months > LIMITS.oldest:
        words = f"{months:g} months are beyond the {LIMITS.oldest:g} that the model knows: it extrapolates"
        out.append(Reason("age", words, months, LIMITS.oldest))
    if months is None and not problem.lengths:
        words = "neither age nor a length is known, so the size is a guess; give months or known"
        out.append(Reason("size", words))
    for length, off in zip(problem.lengths, _contradictions(problem, state), strict=True):
        if abs(off) > LIMITS.contradiction:
            words = f"the known length '{length.name}' of {length.value:g} mm contradicts age and photographs by "
            words += (
                f"{abs(off):.1f} standard deviations, at most {LIMITS.contradiction:g} are expected: was the ruler "
            )
            out.append(Reason("length", words + "on the face, and the unit mm?", off, LIMITS.contradiction))
    return out


def _contradictions(problem: Problem, state: State) -> list[float]:
    """For each known length, by how many standard deviations it is off what the fit without any length would have,
    linearly about the fit."""
    if not problem.lengths:
        return []
    precision = problem.prior.precision.copy()
    precision[problem.sized, problem.sized] = 1 / SIZE_ALONE**2
    free = replace(problem, lengths=(), prior=replace(problem.prior, precision=precision))
    normal = normal_equations(free, state)
    factor = cho_factor(normal.matrix)
    step, out = cho_solve(factor, normal.side), []
    for length in problem.lengths:
        row = np.zeros(len(step))
        value, row[: problem.shapes] = length_row(free, state, length)
        spread = np.sqrt(row @ cho_solve(factor, row) + length.spread**2)
        out.append(float((length.value - value - row @ step) / spread))
    return out
