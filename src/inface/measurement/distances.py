"""Distances between landmarks, named as anthropometry names them [farkas1994]."""

from collections.abc import Iterable, Mapping

import numpy as np

from inface._validate import FloatArray, floats

# measure -> its two landmarks; a paired landmark named without its side ("t") stands for both: the mean is taken
LANDMARK_MEASURES: Mapping[str, tuple[str, str]] = {
    "n-gn": ("n", "gn"),
    "n-sn": ("n", "sn"),
    "sn-gn": ("sn", "gn"),
    "sn-prn": ("sn", "prn"),
    "sn-ls": ("sn", "ls"),
    "li-gn": ("li", "gn"),
    "g-op": ("g", "op"),
    "zy-zy": ("zy_l", "zy_r"),
    "go-go": ("go_l", "go_r"),
    "ft-ft": ("ft_l", "ft_r"),
    "eu-eu": ("eu_l", "eu_r"),
    "t-t": ("t_l", "t_r"),
    "en-en": ("en_l", "en_r"),
    "ex-ex": ("ex_l", "ex_r"),
    "al-al": ("al_l", "al_r"),
    "ch-ch": ("ch_l", "ch_r"),
    "cph-cph": ("cph_l", "cph_r"),
    "en-ex": ("en", "ex"),
    "ps-pi": ("ps", "pi"),
    "sa-sba": ("sa", "sba"),
    "pra-pa": ("pra", "pa"),
    "t-n": ("t", "n"),
    "t-sn": ("t", "sn"),
    "t-gn": ("t", "gn"),
}


def landmark_pairs(measure: str, landmarks: Mapping[str, int]) -> list[tuple[int, int]]:
    """Vertex ids of the one or two (left and right) pairs whose mean distance is the measure.

    Raises `ValueError` for an unknown measure and `KeyError` for a landmark that the mesh lacks.
    """
    if measure not in LANDMARK_MEASURES:
        raise ValueError(f"no measure '{measure}'; there are: {', '.join(LANDMARK_MEASURES)}")
    ends = LANDMARK_MEASURES[measure]
    if all(end in landmarks for end in ends):
        return [(landmarks[ends[0]], landmarks[ends[1]])]
    sides = []
    for side in ("_l", "_r"):
        names = [end if end in landmarks or end.endswith(("_l", "_r")) else end + side for end in ends]
        missing = [name for name in names if name not in landmarks]
        if missing:
            raise KeyError(f"measure '{measure}' needs the landmark '{missing[0]}'; there are: {', '.join(landmarks)}")
        sides.append((landmarks[names[0]], landmarks[names[1]]))
    return sides


def landmark_distances(
    vertices: FloatArray, landmarks: Mapping[str, int], names: Iterable[str] | None = None
) -> dict[str, FloatArray]:
    """Straight distances between landmarks, in the unit of the vertices.

    `vertices (..., V, 3)`; `landmarks` name -> vertex id; `names` the measures wanted (None: all whose landmarks
    are there). Each value has the batch shape `(...)`.
    """
    points = floats("vertices", vertices, (None, 3), dtype=None)
    if names is None:
        sided = {name.removesuffix("_l").removesuffix("_r") for name in landmarks} | set(landmarks)
        names = [name for name, ends in LANDMARK_MEASURES.items() if all(end in sided for end in ends)]
    return {
        name: np.mean(
            [
                np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1)
                for a, b in landmark_pairs(name, landmarks)
            ],
            axis=0,
        )
        for name in names
    }
