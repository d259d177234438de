"""What a measure is: its name, unit, definition in words, source, where it is read, and how."""

from collections.abc import Callable
from dataclasses import dataclass

from inface.measurement.head import Head


@dataclass(frozen=True, eq=False)
class Definition:
    """One measure.

    Attributes:
        id: name and variant, such as "ci.go"; never a bare name that has two meanings.
        words: what it is, for a table, in about five words.
        unit: "mm", "%", "deg", "ml" or "" (a ratio).
        text: the definition: plane, landmarks, sign.
        source: where it is defined.
        value: the measure of a head; raises `Unmeasurable` with the reason.
        marks: landmarks it is read from.
        parts: further parts of the skin it is read from: "go", "ml", "level", "upper", "fl", "fr", "bl", "br", "vault",
            "face", "back".
        group: what kind of measure: "circumference", "size", "index", "asymmetry", "volume", "face", "angle", "ear",
            "cleft", "shape".
        mirrored: what the mirror image of a head measures: "same", "sign" (the opposite), "inverse", "side" (the
            value of the other side) or "" (something else).
    """

    id: str
    words: str
    unit: str
    text: str
    source: str
    value: Callable[[Head], float]
    marks: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    group: str = "face"
    mirrored: str = "same"

    @property
    def cranial(self) -> bool:
        """Whether it speaks of the vault rather than of the face."""
        return self.group in ("circumference", "size", "index", "asymmetry", "volume", "shape")
