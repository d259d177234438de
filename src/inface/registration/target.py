"""The scan as the fits see it: its cloud in millimetres with a KD-tree, and the way back to the scan's frame."""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.registration.clean import CleanScan
from inface.transforms import Similarity

SAMPLES = 2500


@dataclass(frozen=True, eq=False)
class Target:
    """The scan's cloud in the working frame (mm), made once for all fits of one scan.

    Attributes:
        points, normals: `(m, 3)`; border `(m,)`; weights `(m,)` mm^2.
        samples: indices of points spread evenly over the surface, drawn once.
        density: measured vertices per mm^2 of surface; a coarse mesh says less than the points taken from its
            triangles are many.
        unit: what one unit of the scan is.
        enlarged: how many times larger than life the working frame shows the scan; below 1 for an adult's face that
            a child's model is laid on.
        frame: from the scan's frame to the working frame.
    """

    points: FloatArray
    normals: FloatArray
    border: BoolArray
    weights: FloatArray
    tree: cKDTree
    samples: IntArray
    density: float = np.inf
    unit: str = "mm"
    enlarged: float = 1.0
    frame: Similarity = field(default_factory=Similarity)

    @classmethod
    def of(cls, points, normals, border, weights, samples: int = SAMPLES, seed: int = 0) -> "Target":
        """Build the tree and draw the samples, the same ones for any order of the points."""
        order = np.lexsort(points.T)
        total = np.cumsum(weights[order])
        rng = np.random.default_rng(seed)
        marks = (np.arange(samples) + rng.random(samples)) / samples * total[-1]
        pick = np.unique(np.minimum(np.searchsorted(total, marks), len(points) - 1))
        return cls(points, normals, border, weights, cKDTree(points), order[pick])

    @classmethod
    def of_scan(cls, cleaned: CleanScan, unit: str, scale: float) -> "Target":
        """The target of a clean scan with `scale` millimetres to its unit, which is called `unit`."""
        cloud = cleaned.cloud
        target = cls.of(cloud.points * scale, cloud.normals, cloud.border, cloud.weights * scale**2)
        density = len(cleaned.vertices) / float(target.weights.sum())
        return replace(target, density=density, unit=unit, frame=cleaned.to_mm(scale))

    def resized(self, factor: float) -> "Target":
        """The same scan shown `factor` times as large."""
        points = self.points * factor
        return replace(
            self,
            points=points,
            weights=self.weights * factor**2,
            tree=cKDTree(points),
            density=self.density / factor**2,
            enlarged=self.enlarged * factor,
            frame=Similarity(scale=factor).compose(self.frame),
        )
