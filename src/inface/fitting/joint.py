"""Latent, pose and misfit of a partly known shape, found together.

The shape that came, moved by a rigid motion T, is `T(y) = offset + B h(z) + F c + e`: B the basis of the model, h(z)
the latent itself (linear models) or the last hidden layer (networks), F the columns of a smooth misfit field for each
coordinate, e fine noise. Latent z ~ N(m, a^2 s^2), c ~ N(0, t^2) with a t for each length of correlation, e ~ N(0, b^2
noise^2); the six numbers of T have a flat prior. T is linearised about the motion found last (`T(w) = exp(w) T`), c and
w are integrated out by Schur complements, and what is left is a quadratic of h alone. B is read once a mesh, whatever
the number of rounds: all that depends on the pose is linear in `B^T y`.

The scales a, b and t are 1 where the misfit is taken as it is; else they are estimated from the known vertices
[mackay1992], so that shapes that lie farther from the model than those it was made of get wider intervals.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_triangular
from scipy.spatial.transform import Rotation

from inface._cache import Recent
from inface._validate import BoolArray, FloatArray
from inface.fitting.deviation import Deviation
from inface.fitting.misfit import MisfitArrays
from inface.fitting.products import KnownProducts, MeshProducts, Model, ReducedProducts, Scales
from inface.fitting.quadratic import Minimum, Quadratic
from inface.transforms import Similarity

MASKS_KEPT = 4
ROUNDS = 80
SCALES_SETTLED = 2e-2  # change of the scales' logarithms, after which they are kept
TURNS = np.array([np.cross(axis, np.eye(3)).T for axis in np.eye(3)])  # x -> axis cross x, as matrices


@dataclass(frozen=True, eq=False)
class JointFit:
    """What was found.

    Attributes:
        minimum: latent, hidden and how the search went.
        pose: what brings the shape that came into the model's frame.
        field: `(q, 3)` coefficients of the smooth misfit.
        scales: estimated, or all 1.
        settled: whether pose and scales settled.
        condition: of the scaled normal matrix of the latent.
        deviation: the spread of the whole shape about what was found.
    """

    minimum: Minimum
    pose: Similarity
    field: FloatArray
    scales: Scales
    settled: bool
    condition: float
    deviation: Deviation


class JointFitter:
    """Fits one model with one misfit; keeps what it needs of the masks used last."""

    def __init__(self, model: Model, misfit: MisfitArrays) -> None:
        self.model, self.misfit = model, misfit
        self._known = Recent(MASKS_KEPT)

    def fit(
        self,
        vertices: FloatArray,
        known: BoolArray,
        start: Similarity,
        *,
        moves: bool = True,
        scale: bool = False,
        starts: Callable[[FloatArray], list[FloatArray]] = lambda vertices: [],
        cluster: float | None = None,
    ) -> JointFit:
        """Latent and pose of `vertices (V, 3)` of which those in `known (V,)` are looked at.

        Args:
            start: brings the shape near the model's frame.
            moves, scale: whether the pose is unknown, and whether the size is too.
            starts: latents from which an iterative model may set out, of the vertices in the model's frame.
            cluster: how many neighbouring vertices count as one; None: as the misfit says.
        """
        misfit = self.misfit if cluster is None else replace(self.misfit, cluster=cluster)
        kept = self._known.get(np.packbits(known).tobytes(), lambda: KnownProducts(self.model, misfit, known.copy()))
        seen = MeshProducts(self.model, kept, vertices, start, moves)
        begin = starts(np.where(known[:, None], start.apply(vertices) if moves else vertices, 0.0))
        state, open_scales, settled = _State.of(seen), misfit.scaled, False
        scales = Scales(1.0, 1.0, np.ones(1 + int(misfit.groups.max(initial=-1))))
        reduced = ReducedProducts(kept, misfit, scales)
        for _ in range(ROUNDS):
            problem = _Problem(reduced, seen, state, scale=scale)
            minimum = self.model.minimise(problem.quadratic, reduced.weight, begin)
            begin = [minimum.latent]
            change = 0.0
            if moves:
                w = problem.motion(minimum.hidden)
                state = state.moved(w)
                change = max(float(np.abs(w[3:]).max()) / seen.size, float(np.abs(w[:3]).max()))
            if open_scales:
                new = problem.scales(minimum)
                open_scales = new.change(scales) > SCALES_SETTLED
                change, scales = np.inf, new
                reduced = ReducedProducts(kept, misfit, scales)
            if change < self.model.settled or not (moves or misfit.scaled):
                settled = True
                break
        return JointFit(
            replace(minimum, converged=bool(minimum.converged) and settled),
            state.pose(start, seen),
            problem.field(minimum.hidden),
            scales,
            settled,
            problem.condition(minimum),
            problem.deviation(minimum),
        )


@dataclass(frozen=True, eq=False)
class _State:
    """The motion since the start: `p = turn @ arm + centre + shift`; `turn` may hold a size."""

    turn: FloatArray
    shift: FloatArray

    @classmethod
    def of(cls, seen: MeshProducts) -> "_State":
        return cls(np.eye(3), np.zeros(3))

    def moved(self, w: FloatArray) -> "_State":
        """After the motion w: three angles, three shifts, and the logarithm of a size."""
        size = np.exp(w[6]) if len(w) > 6 else 1.0
        return _State(size * Rotation.from_rotvec(w[:3]).as_matrix() @ self.turn, self.shift + w[3:6])

    def pose(self, start: Similarity, seen: MeshProducts) -> Similarity:
        """The motion from the frame in which the mesh came."""
        size = float(np.cbrt(np.linalg.det(self.turn)))
        turn = Rotation.from_matrix(self.turn / size).as_matrix()
        since = Similarity(turn, seen.centre + self.shift - size * turn @ seen.centre, size)
        return since.compose(start)


class _Problem:
    """The quadratic of the hidden in one linearisation, and what was integrated out of it."""

    def __init__(self, reduced: ReducedProducts, seen: MeshProducts, state: _State, *, scale: bool) -> None:
        self.reduced, self.seen, self.state, kept = reduced, seen, state, reduced.kept
        self.kept = kept
        extra, shift = state.turn - np.eye(3), state.shift
        right = seen.basis_offset + np.einsum("ab,abk->k", extra, seen.basis_arms) + shift @ kept.sums
        self.field_right = seen.field_offset + seen.field_arms @ extra.T + np.outer(kept.field_sums, shift)
        square = seen.square + 2 * float((extra * seen.arms_offset.T).sum()) + 2 * float(shift @ seen.sum_offset)
        square += float(np.trace(extra @ seen.arms_arms @ extra.T)) + kept.count * float(shift @ shift)
        self.solved_right = reduced.inverse @ self.field_right
        right = right - np.einsum("dqk,qd->k", kept.cross, self.solved_right)
        square -= float((self.field_right * self.solved_right).sum())
        # the generators of turns (and size), which stand before (and behind) the three shifts
        self.generators = np.concatenate([TURNS, np.eye(3)[None]]) if scale else TURNS
        self.motions = len(self.generators) + 3 if seen.moves else 0
        self.quadratic = Quadratic(reduced.gram, right, square)
        self.observations = max(3 * kept.count / reduced.misfit.cluster, reduced.freedom) - self.motions
        if seen.moves:
            self._integrate_motion()

    def _integrate_motion(self) -> None:
        """Take the motion out of the quadratic: products of its directions J (negative: T moves the other side)."""
        kept, seen, turn, shift = self.kept, self.seen, self.state.turn, self.state.shift
        extra, eye = turn - np.eye(3), np.eye(3)
        arms = turn @ seen.arms_arms @ turn.T
        arms_left = turn @ (seen.arms_offset + seen.arms_arms @ extra.T)
        arms_basis = np.einsum("bc,ack->abk", turn, seen.basis_arms)
        arms_field = seen.field_arms @ turn.T
        turning = self.generators
        cross = _ordered(-np.einsum("gab,abk->gk", turning, arms_basis), -kept.sums)
        field = _ordered(-np.einsum("qb,gab->gqa", arms_field, turning), -np.einsum("q,da->dqa", kept.field_sums, eye))
        left = _ordered(-np.einsum("gab,ba->g", turning, arms_left), -(seen.sum_offset + kept.count * shift))
        turns, shifts = [0, 1, 2, 6][: len(turning)], [3, 4, 5]
        inner = np.zeros((self.motions, self.motions))
        inner[np.ix_(turns, turns)] = np.einsum("gab,bc,hac->gh", turning, arms, turning)
        inner[shifts, shifts] = kept.count
        self.held = np.einsum("pq,mqd->mpd", self.reduced.inverse, field)  # X F^T J
        self.lever = cross - np.einsum("mqd,dqk->mk", self.held, kept.cross)
        self.inverse = np.linalg.inv(inner - np.einsum("mqd,nqd->mn", self.held, field))
        self.left = left - np.einsum("mqd,qd->m", field, self.solved_right)
        across, before = self.inverse @ self.lever, self.quadratic
        gram = before.gram - self.lever.T @ across
        square = before.square - float(self.left @ self.inverse @ self.left)
        self.quadratic = Quadratic((gram + gram.T) / 2, before.right - across.T @ self.left, square)

    def condition(self, minimum: Minimum) -> float:
        """Condition number of the normal matrix of the latent, its diagonal scaled to 1."""
        matrix = minimum.derivative.T @ self.quadratic.gram @ minimum.derivative
        matrix[np.diag_indices_from(matrix)] += self.reduced.weight
        root = np.sqrt(np.diagonal(matrix))
        return float(np.linalg.cond(matrix / np.outer(root, root)))

    def motion(self, hidden: FloatArray) -> FloatArray:
        """The motion `(6,)` or `(7,)` that goes with a hidden."""
        return self.inverse @ (self.left - self.lever @ hidden)

    def field(self, hidden: FloatArray) -> FloatArray:
        """Coefficients `(q, 3)` of the field that go with a hidden, where the motion is settled."""
        return self.solved_right - np.einsum("dqk,k->qd", self.reduced.solved, hidden)

    def _factors(self, minimum: Minimum) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Factors of the covariance: standardised latent `(K, K)`, and what r numbers do to hidden, motion, field."""
        spread = np.sqrt(self.reduced.noise)
        curvature = minimum.derivative.T @ self.quadratic.gram @ minimum.derivative
        curvature[np.diag_indices_from(curvature)] += self.reduced.weight
        lower = np.linalg.cholesky(curvature)
        latent = spread * solve_triangular(lower, np.eye(len(lower)), lower=True).T
        hidden = minimum.derivative @ latent
        motion = np.zeros((self.motions, hidden.shape[1] + self.motions))
        if self.motions:
            motion[:, : hidden.shape[1]] = -self.inverse @ self.lever @ hidden
            motion[:, hidden.shape[1] :] = spread * np.linalg.cholesky(self.inverse)
        hidden = np.hstack([hidden, np.zeros((len(hidden), self.motions))])
        field = -np.einsum("dqk,kr->dqr", self.reduced.solved, hidden, optimize=True)
        if self.motions:
            field -= np.einsum("mqd,mr->dqr", self.held, motion, optimize=True)
        return latent, hidden, motion, field

    def scales(self, minimum: Minimum) -> Scales:
        """The next scales: sums of squares over the numbers of observations that determine them [mackay1992]."""
        reduced, misfit = self.reduced, self.reduced.misfit
        latent, _, _, field = self._factors(minimum)
        count, nu = len(latent), misfit.weight
        free = count - float((latent**2).sum()) / reduced.scales.latent**2
        squares = float(minimum.standardised @ minimum.standardised)
        smooth = np.ones(len(reduced.scales.smooth))
        coefficients = self.field(minimum.hidden)
        spread = (field**2).sum((0, 2)) + 3 * reduced.noise * np.diagonal(reduced.inverse)
        all_free = 0.0
        for g in range(len(smooth)):
            mine = misfit.groups == g
            settled = 3 * mine.sum() - float((spread[mine] / reduced.prior[mine]).sum())
            all_free += settled
            smooth[g] = (float((coefficients[mine] ** 2).sum()) + nu) / (settled + nu)
        penalty = float((coefficients**2 / reduced.prior[:, None]).sum()) if len(smooth) else 0.0
        left = self.quadratic.value(minimum.hidden) / (misfit.noise**2 * misfit.cluster)
        left -= penalty * reduced.scales.fine**2
        observed = max(3 * self.kept.count / misfit.cluster - free - all_free - self.motions, 1.0)
        fine = (max(left, 0.0) + nu) / (observed + nu)
        least = misfit.floor
        return Scales(
            max(float(np.sqrt((squares + nu) / (free + nu))), 1.0),
            max(float(np.sqrt(fine)), least),
            np.maximum(np.sqrt(smooth), least),
        )

    def deviation(self, minimum: Minimum) -> Deviation:
        """The spread of the whole shape."""
        misfit = self.reduced.misfit
        latent, hidden, motion, field = (misfit.widening * factor for factor in self._factors(minimum))
        own = np.linalg.cholesky(self.reduced.noise * self.reduced.inverse) if len(field[0]) else np.zeros((0, 0))
        return Deviation(
            hidden=hidden,
            motion=motion,
            generators=self.generators,
            centre=self.seen.centre + self.state.shift,
            field=field,
            own_field=misfit.widening * own,
            fine=misfit.widening * self.reduced.scales.fine * misfit.fine,
            columns=misfit.field,
            latent=latent,
        )


def _ordered(turning: FloatArray, shifting: FloatArray) -> FloatArray:
    """Turns, shifts, size: the order of a motion's numbers."""
    return np.concatenate([turning[:3], shifting, turning[3:]])
