"""How far unseen shapes lie from a model: learnt on shapes that it never saw, saved with it, used by every fit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls
from scipy.spatial import cKDTree

from inface._validate import FloatArray, finite, floats
from inface.fitting.field import SmoothFields
from inface.fitting.misfit import MisfitArrays

LEAST = 0.02  # mm: no surface is known better
PATCHES, SHRINK = 80, 0.3
LEAST_SHARE = 0.03  # of a smooth component, so that there is something to be found exceeded
_GUESS_STD, _GUESS_SHARES, _GUESS_CLUSTER = 0.7, (0.35, 0.35, 0.3), 100.0  # where nothing was learnt; then estimated


@dataclass(frozen=True, eq=False)
class Misfit:
    """What shapes that a model never saw have beside it, by number of modes.

    On each coordinate of vertex i the misfit is a random field of standard deviation `vertex_std[i]`. Of its variance
    the shares `(short, long, fine)` are correlated over about 1.1 and 2.8 spacings of a hundred spread-out points, and
    over neighbours only.

    Attributes:
        counts: `(m,)` numbers of modes, rising; a network has its one.
        vertex_std: `(m, V)` mm on each coordinate.
        shares: `(m, 3)`, each row of sum 1.
        cluster: `(m,)` how many neighbouring vertices of the fine part are as good as one alone.
        widening: `(m,)` factor of all deviations with which 95 % intervals hold as often as they say (1: not tried).

    >>> import inface
    >>> misfit = inface.load_default_model("pca").misfit
    >>> misfit.std(200).shape == misfit.std(20).shape and misfit.std(20).mean() > misfit.std(200).mean()
    True
    """

    counts: FloatArray
    vertex_std: FloatArray
    shares: FloatArray
    cluster: FloatArray
    widening: FloatArray | None = None

    def __post_init__(self) -> None:
        counts = np.atleast_1d(finite("misfit counts", floats("misfit counts", self.counts, (None,))))
        std = finite("misfit", floats("misfit", self.vertex_std, (len(counts), None)))
        shares = finite("misfit shares", floats("misfit shares", self.shares, (len(counts), 3)))
        cluster = finite("misfit cluster", floats("misfit cluster", self.cluster, (len(counts),)))
        wide = np.ones(len(counts)) if self.widening is None else self.widening
        wide = finite("misfit widening", floats("misfit widening", wide, (len(counts),)))
        if (std < 0).any() or (shares < 0).any() or (cluster < 1).any() or (np.diff(counts) <= 0).any():
            raise ValueError(
                "misfit: expected rising counts, deviations and shares of 0 or more, clusters of 1 or more"
            )
        for name, value in (
            ("counts", counts),
            ("vertex_std", std),
            ("shares", shares),
            ("cluster", cluster),
            ("widening", wide),
        ):
            object.__setattr__(self, name, value)

    def std(self, count: int | None = None) -> FloatArray:
        """`(V,)` mm on each coordinate for a number of modes (None: the most), between the learnt ones interpolated."""
        return self._at(count, self.vertex_std)

    def _at(self, count: int | None, rows: FloatArray) -> FloatArray:
        place = np.log(self.counts)
        at = place[-1] if count is None else np.clip(np.log(count), place[0], place[-1])
        high = int(np.clip(np.searchsorted(place, at), 1, max(len(place) - 1, 1)))
        if len(place) == 1:
            return rows[0]
        part = (at - place[high - 1]) / (place[high] - place[high - 1])
        return rows[high - 1] * (1 - part) + rows[high] * part

    def arrays(self, fields: SmoothFields, mm: float = 1.0, count: int | None = None) -> MisfitArrays:
        """As a fit takes it, over the fields of a template whose unit is `mm` millimetres."""
        std = np.maximum(self.std(count), LEAST) / mm
        shares, cluster = self._at(count, self.shares), float(self._at(count, self.cluster))
        made = _arrays(std, shares, cluster, fields, weight=20.0, floor=1.0)
        assert self.widening is not None
        return replace(made, widening=float(self._at(count, self.widening)))

    def tuned(self, cluster: float, widening: float) -> "Misfit":
        """With clusters so many times as large, and deviations so many times as wide."""
        assert self.widening is not None
        return replace(self, cluster=self.cluster * cluster, widening=self.widening * widening)

    @classmethod
    def learn(cls, points: FloatArray, residuals: Mapping[int, FloatArray]) -> "Misfit":
        """From what a model left out of shapes it never saw: number of modes -> `(N, V, 3)` mm; `points (V, 3)` mm."""
        fields = SmoothFields(points)
        rows = [_learnt(fields, np.asarray(residuals[count])) for count in sorted(residuals)]
        std, shares, cluster = zip(*rows, strict=True)
        return cls(np.array(sorted(residuals), float), np.array(std), np.array(shares), np.array(cluster))


def guessed(fields: SmoothFields, mm: float = 1.0) -> MisfitArrays:
    """Where a file brings none: a first guess that says little, to be estimated from the known vertices."""
    std = np.full(len(fields.points), _GUESS_STD / mm)
    return _arrays(std, np.array(_GUESS_SHARES), _GUESS_CLUSTER, fields, weight=2.0, floor=0.05)


def _arrays(
    std: FloatArray, shares: FloatArray, cluster: float, fields: SmoothFields, *, weight: float, floor: float
) -> MisfitArrays:
    parts = [np.sqrt(share) * columns for share, columns in zip(shares, fields.columns, strict=False)]
    smooth = np.hstack(parts)
    left = np.maximum(1 - (smooth**2).sum(1), shares[2])  # what the columns do not explain is fine too
    groups = np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
    fine = std * np.sqrt(left)
    noise = float(np.sqrt((fine**2).mean()))
    return MisfitArrays(std[:, None] * smooth, fine, noise, groups, cluster, True, weight, floor)


def _learnt(fields: SmoothFields, residual: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Deviation `(V,)`, shares `(3,)` and cluster of residuals `(N, V, 3)`."""
    own = np.sqrt((residual**2).mean((0, 2)))
    std = np.sqrt((1 - SHRINK) * own**2 + SHRINK * (own**2).mean())
    at = fields.supports
    scaled = residual[:, at] / np.maximum(std[at], 1e-9)[:, None]
    rows = scaled.transpose(0, 2, 1).reshape(-1, len(at))
    covariance = rows.T @ rows / len(rows)
    upper = np.triu_indices(len(at), 1)
    kernels = fields.kernels(fields.points[at], fields.points[at])
    shares, _ = nnls(kernels[:, upper[0], upper[1]].T, covariance[upper])
    shares = np.maximum(shares, LEAST_SHARE)
    shares = shares / max(1.0, shares.sum() / 0.98)
    smooth = np.hstack([np.sqrt(w) * c for w, c in zip(shares, fields.columns, strict=True)]) * std[:, None]
    noise = float(((1 - shares.sum()) * std**2).mean())
    solve = np.linalg.inv(smooth.T @ smooth + noise * np.eye(smooth.shape[1])) @ smooth.T
    clusters = [cluster_of(one - smooth @ (solve @ one), fields.points, fields.spacing) for one in residual[:40]]
    return std, np.array([*shares, 1 - shares.sum()]), float(np.median(clusters))


def cluster_of(rest: FloatArray, points: FloatArray, spacing: float) -> float:
    """How many neighbouring vertices count as one: the design effect of patches [kish1965], 1 or more.

    `rest (n, 3)` at `points (n, 3)`; patches reach as far as half the spacing of the supports.
    """
    if len(points) < 8:
        return 1.0
    tree = cKDTree(points)
    centres = points[np.linspace(0, len(points) - 1, min(PATCHES, len(points))).astype(int)]
    sums, squares = 0.0, 0.0
    for ids in tree.query_ball_point(centres, 0.6 * spacing):
        patch = rest[ids]
        sums += float((patch.sum(0) ** 2).sum()) / len(ids)
        squares += float((patch**2).sum()) / len(ids)
    return max(1.0, sums / squares) if squares > 0 else 1.0
