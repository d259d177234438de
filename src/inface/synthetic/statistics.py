"""What a drawn population measures, beside what the tables ask for."""

import numpy as np

from inface._validate import FloatArray
from inface.measurement import LANDMARK_MEASURES, landmark_distances
from inface.synthetic import anthropometry
from inface.synthetic.anthropometry import CEPHALIC_SOURCE, CIRCUMFERENCE_SOURCE, FACE_AGES, ROWS
from inface.synthetic.head import head_maker
from inface.synthetic.targets import CEPHALIC_INDEX, CIRCUMFERENCE

_SEX_NAMES = {"male": "boys", "female": "girls"}
HELD_SIZES = tuple(name for name, row in ROWS.items() if name in LANDMARK_MEASURES and not row.relative)


def drawn_measures(age: float, count: int = 2000, seed: int = 0) -> dict[str, FloatArray]:
    """Measures of `count` drawn children of one age, half of them boys: name -> `(count,)` or `(count / 2,)`.

    Landmark distances are exact. Circumference and cephalic index are read off the ring of the circumference that the
    heads are made by; they agree with `inface.measurement` on the surface to about 0.5 mm and 0.3 points.
    """
    maker = head_maker()
    vectors = np.random.default_rng(seed).standard_normal((count, maker.identity.size))
    ages, sexes = np.full(count, float(age)), np.where(np.arange(count) % 2, "male", "female")
    landmarks, values = maker.identity.measured(vectors, ages, sexes)
    out = {f"circumference, {_SEX_NAMES[sex]}": values[sexes == sex, CIRCUMFERENCE] for sex in anthropometry.SEXES} | {
        "cephalic index": values[:, CEPHALIC_INDEX]
    }
    return out | landmark_distances(landmarks, maker.controls.row, HELD_SIZES)


def target(measure: str, age: float) -> tuple[float, float]:
    """Mean and standard deviation that the tables give for a name of `drawn_measures`."""
    for sex, name in _SEX_NAMES.items():
        if measure == f"circumference, {name}":
            median, spread = anthropometry.circumference(age, sex)
            return float(median), float(spread)
    if measure == "cephalic index":
        mean, spread = anthropometry.cephalic_index(age)
        return float(mean), float(spread)
    mean = anthropometry.size(measure, age)
    return float(mean), float(mean * np.hypot(ROWS[measure].spread, anthropometry.BOYS_LARGER))


def measure_table(count: int = 2000, seed: int = 0) -> str:
    """A Markdown table: for each measure and age the target mean (SD) and, below it, the drawn mean (SD)."""
    drawn = {age: drawn_measures(age, count, seed + age) for age in FACE_AGES}
    lines = [
        "| measure | " + " | ".join(f"{age} mo" for age in FACE_AGES) + " | source |",
        "|---|" + "---|" * (len(FACE_AGES) + 1),
    ]
    for name in drawn[0]:
        cells = []
        for age in FACE_AGES:
            mean, spread = target(name, age)
            cells.append(f"{mean:.1f} ({spread:.1f})<br>{drawn[age][name].mean():.1f} ({drawn[age][name].std():.1f})")
        source = (
            CIRCUMFERENCE_SOURCE
            if name.startswith("circumference")
            else CEPHALIC_SOURCE
            if name == "cephalic index"
            else f"{_status(ROWS[name].status)}: {ROWS[name].source}"
        )
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {source} |")
    return "\n".join(lines) + "\n"


def _status(status: str) -> str:
    return "working value, unverified" if status == "working value" else status
