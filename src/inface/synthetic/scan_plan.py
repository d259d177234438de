"""What a simulated scan is made with: every choice given, or drawn from the seed by a stream of its own."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inface._validate import FloatArray, finite
from inface.transforms import Similarity
from inface.units import mm_per_unit

UNITS = ("mm", "cm", "m")
# azimuth (degrees, 0 = from the front, plus = from the subject's left) and elevation of each camera
VIEWS = {
    "front": [(-65, 5), (-22, -12), (0, 30), (22, -12), (65, 5)],
    "no_back": [(-110, 8), (-55, -8), (0, 25), (0, -20), (55, -8), (110, 8), (0, 80)],
    "full": [(-70, 0), (0, -15), (70, 0), (140, 5), (-140, 5), (0, 40), (180, 50), (0, 88)],
}
MOST = {"noise": 2.0, "holes": 0.3, "hair": 100, "islands": 100, "blur": 10.0, "seams": 20, "pinholes": 0.2}
FEWEST_VERTICES = 500
Draws = Callable[[str], np.random.Generator]


@dataclass(frozen=True, eq=False)
class ScanPlan:
    """The choices of one scan. None means: drawn from the seed, and giving one changes no other.

    Attributes:
        pose: rigid motion (millimetres) of the head before it is written in `unit`; any rotation when drawn.
        unit: "mm", "cm" or "m".
        views: "front" (no back of the head), "no_back", "full", or directions `(n, 3)` from the head to the cameras.
        vertices: wanted number of vertices, at least 500; what comes is within some 20 % of it.
        noise: standard deviation of white noise along the normal, 0 to 2 mm; a third of it is added in slow waves.
        holes: share of the seen surface lost to holes, 0 to 0.3.
        cap: a cloth cap, 1.5 to 5 mm thick with folds, on the cranium.
        hair: number of wisps of hair, 0 to 100.
        collar: a collar round the neck; False also means no shoulders unless they are asked for.
        shoulders: a collar with the shoulders below.
        islands: number of floating pieces, 0 to 100.
        blur: mm over which the surface is smoothed, as a reconstruction from photographs does: lids and ears melt, 0 to
            10. Never drawn: 0 unless given, like the next two.
        seams: number of stitching seams, at which the surface steps by a few tenths of a millimetre, 0 to 20.
        pinholes: share of single vertices that are lost (NaN), 0 to 0.2.

    Raises:
        ValueError: an unknown unit or view, a number out of its range, a pose that is not rigid.
    """

    pose: Similarity | None = None
    unit: str | None = None
    views: str | FloatArray | None = None
    vertices: int | None = None
    noise: float | None = None
    holes: float | None = None
    cap: bool | None = None
    hair: int | None = None
    collar: bool | None = None
    shoulders: bool | None = None
    islands: int | None = None
    blur: float = 0.0
    seams: int = 0
    pinholes: float = 0.0

    def __post_init__(self) -> None:
        pose = self.pose
        if pose is not None and not isinstance(pose, Similarity):
            raise ValueError(f"pose: expected an inface.transforms.Similarity, got {type(pose).__name__}")
        if pose is not None and abs(pose.scale - 1) > 1e-9:
            raise ValueError(
                f"pose: expected a rigid motion (scale 1), got scale {pose.scale:g}; say the unit by unit="
            )
        if self.unit is not None:
            mm_per_unit(self.unit, UNITS)
        if isinstance(self.views, str) and self.views not in VIEWS:
            raise ValueError(f"views: expected one of {', '.join(VIEWS)} or directions (n, 3), got '{self.views}'")
        for name, most in MOST.items():
            number = getattr(self, name)
            if number is not None and not 0 <= number <= most:
                raise ValueError(f"{name}: expected a number from 0 to {most:g}, got {number:g}")
        if self.vertices is not None and self.vertices < FEWEST_VERTICES:
            raise ValueError(f"vertices: expected at least {FEWEST_VERTICES}, got {self.vertices}")

    def drawn(self, draw: Draws) -> "ScanPlan":
        """The plan with everything but the pose settled (the pose is drawn in the size of the head)."""

        def or_drawn(value: Any, drawn: Callable[[], Any], kind: type) -> Any:
            return kind(drawn() if value is None else value)

        collar, shoulders = self.collar, self.shoulders
        if shoulders is None:
            shoulders = collar is not False and bool(draw("shoulders").random() < 0.3)
        if collar is None:
            collar = draw("collar").random() < 0.2
        return replace(
            self,
            unit=or_drawn(self.unit, lambda: draw("unit").choice(UNITS, p=[0.6, 0.1, 0.3]), str),
            views=str(draw("views").choice(list(VIEWS), p=[0.3, 0.3, 0.4])) if self.views is None else self.views,
            vertices=or_drawn(self.vertices, lambda: round(26000 * 3.4 ** draw("vertices").random()), int),
            noise=or_drawn(self.noise, lambda: draw("noise").uniform(0.1, 0.3), float),
            holes=or_drawn(self.holes, lambda: draw("holes").uniform(0.01, 0.05), float),
            cap=or_drawn(self.cap, lambda: draw("cap").random() < 0.4, bool),
            hair=or_drawn(self.hair, lambda: draw("hair").integers(0, 9), int),
            collar=bool(collar or shoulders),
            shoulders=bool(shoulders),
            islands=or_drawn(self.islands, lambda: draw("islands").integers(0, 7), int),
        )

    def directions(self, random: np.random.Generator) -> FloatArray:
        """Directions `(n, 3)` from the head to the cameras; those of a named view are shaken by 5 degrees."""
        if isinstance(self.views, str):
            angles = np.array(VIEWS[self.views], float)
            azimuth, elevation = np.radians(angles + random.normal(0, 5, angles.shape)).T
            across = np.cos(elevation)
            return np.stack([across * np.sin(azimuth), np.sin(elevation), across * np.cos(azimuth)], 1)
        directions = np.atleast_2d(finite("views", np.asarray(self.views, float)))
        if directions.shape[1:] != (3,) or not (np.linalg.norm(directions, axis=1) > 0).all():
            raise ValueError(f"views: expected directions (n, 3) that are not zero, got shape {directions.shape}")
        return directions


# a second setting of the scanner, which no limit of the registration was set on
SECOND_SCANNER = ScanPlan(noise=0.35, holes=0.06, blur=2.0, seams=4, pinholes=0.01)


def streams(seed: int) -> Draws:
    """Independent random streams of one seed, by name, so that what one draws changes no other."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed: expected a whole number from 0 on, got {seed!r}")
    return lambda name: np.random.default_rng([int(seed), *name.encode()])
