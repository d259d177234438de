"""What measuring gives: one record a measure, a mapping of all of them, as table, JSON and CSV."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from inface._validate import BoolArray, FloatArray
from inface.codecs.text_files import read_json, write_text
from inface.errors import FormatError
from inface.measurement.catalogue import CATALOGUE, id_of
from inface.measurement.head import Head
from inface.measurement.norms import Child

SCHEMA = "inface-measurements"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Measure:
    """One measure of one head.

    Attributes:
        id: name and variant, such as "ci.go".
        value: in `unit`; None where it is refused, and then `flags` say why.
        unit: "mm", "%", "deg", "ml" or "" (a ratio).
        std: standard deviation of its error; None for a mesh without a registration.
        low, high: 95 % interval.
        repeat_std: standard deviation between scans of one child: what a change between visits is held against.
        z, percentile: place in the norm that `reference` names; None where there is none.
        reference: source and population, or why there is no norm.
        seen: share of its support that the scan shows, 0 to 1.
        flags: what a reader must know, in words.
        definition: words and source.
    """

    id: str
    value: float | None
    unit: str
    std: float | None = None
    low: float | None = None
    high: float | None = None
    repeat_std: float | None = None
    z: float | None = None
    percentile: float | None = None
    reference: str = ""
    seen: float = 1.0
    flags: tuple[str, ...] = ()
    definition: str = ""

    @property
    def words(self) -> str:
        """What it is, in about five words."""
        return CATALOGUE[self.id].words if self.id in CATALOGUE else self.id

    def text(self) -> str:
        """Value, error and unit as a table shows them."""
        if self.value is None:
            return "not measured"
        digits = 3 if not self.unit else 0 if self.unit == "ml" else 1
        error = "" if self.std is None else f" ± {self.std:.{digits}f}"
        return f"{self.value:.{digits}f}{error} {self.unit}".rstrip()


@dataclass(frozen=True, eq=False)
class Measurements(Mapping[str, Measure]):
    """All measures of one head: a mapping from id to `Measure`; the reference's names (`CI`, `CVAI_signed`) work too.

    Attributes:
        measures: id -> measure, in the order of the catalogue.
        child: age, sex and gestation, as far as given.
        label: a running number or the user's own label; never a name by default.
        verdict: of the registration ("ok", "partial", "failed"), or "mesh" for a mesh measured as it is.
        notes: what holds for all measures: the verdict's reasons, a cap, the unit found.
        versions: package, topology and model they were measured with.
        date: of the visit as the user gives it, "".
        lines: name -> `(n, 3)` in the frame and unit of the shape: "circumference", "diagonal.l", "diagonal.r",
            "length", "width", for a picture.
        head: the head itself, for pages; not written to files.
        seen: `(V,)` what of it was seen, or None: all.
    """

    measures: Mapping[str, Measure]
    child: Child = field(default_factory=Child)
    label: str = ""
    verdict: str = "mesh"
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    date: str = ""
    lines: Mapping[str, FloatArray] = field(default_factory=dict)
    head: Head | None = None
    seen: BoolArray | None = None

    def __getitem__(self, name: str) -> Measure:
        found = self.measures.get(id_of(name))
        if found is None:
            raise KeyError(f"no measure '{name}'; there are: {', '.join(self.measures)}")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.measures)

    def __len__(self) -> int:
        return len(self.measures)

    def values_by_id(self) -> dict[str, float]:
        """Id -> value of those that have one."""
        return {id: m.value for id, m in self.measures.items() if m.value is not None}

    def table(self) -> str:
        """A plain table: id, value and error, z, share seen, flags."""
        rows = [("measure", "value", "z", "seen", "what")]
        for m in self.measures.values():
            z = "" if m.z is None else f"{m.z:+.2f}"
            rows.append((m.id, m.text(), z, f"{m.seen:.0%}", "; ".join((m.words, *m.flags))))
        width = [max(len(row[k]) for row in rows) for k in range(4)]
        return "\n".join(
            "  ".join([*(cell.ljust(w) for cell, w in zip(row, width, strict=False)), row[4]]).rstrip() for row in rows
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with the schema's name and version; pictures' lines are not kept."""
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "label": self.label,
            "date": self.date,
            "child": asdict(self.child),
            "verdict": self.verdict,
            "notes": list(self.notes),
            "versions": dict(self.versions),
            "measures": {id: _plain(m) for id, m in self.measures.items()},
        }

    def to_json(self) -> str:
        """The same as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    def to_csv(self) -> str:
        """One row a measure."""
        return csv_of([self])

    def save(self, path: str | Path) -> None:
        """Write the JSON file, atomically."""
        write_text(Path(path), self.to_json() + "\n")

    @classmethod
    def from_dict(cls, data: Any, where: str = "measurements") -> "Measurements":
        """From what `to_dict` gives; `FormatError` for anything else or a later schema."""
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise FormatError(f"{where}: expected a JSON object of schema '{SCHEMA}', as `inface measure` writes it")
        version = data.get("schema_version")
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise FormatError(
                f"{where}: written in schema version {version}, this package reads up to {SCHEMA_VERSION}; update it"
            )
        known = {f.name for f in fields(Measure)}
        try:
            measures = {}
            for id, m in data["measures"].items():
                held: dict[str, Any] = {k: tuple(v) if k == "flags" else v for k, v in m.items() if k in known}
                measures[id] = Measure(**held)
            child = Child(**data["child"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise FormatError(f"{where}: damaged ({error})") from None
        return cls(
            measures, child, str(data.get("label", "")), str(data.get("verdict", "mesh")),
            tuple(data.get("notes", ())), dict(data.get("versions", {})), str(data.get("date", "")),
        )  # fmt: skip

    @classmethod
    def load(cls, path: str | Path) -> "Measurements":
        """Read a JSON file written by `save` or `inface measure`."""
        return cls.from_dict(read_json(path), f"'{path}'")


def _plain(m: Measure) -> dict[str, Any]:
    out = asdict(m)
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in out.items()}


COLUMNS = (
    "label", "date", "age_days", "corrected_age_days", "sex", "verdict", "id", "value", "unit", "std", "low", "high",
    "repeat_std", "z", "percentile", "seen", "flags", "reference", "definition",
)  # fmt: skip


def csv_of(several: list[Measurements]) -> str:
    """One row a measure of each; numbers with a point, NaN and refusals left empty."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for one in several:
        head = {"label": one.label, "date": one.date, "age_days": one.child.age_days, "sex": one.child.sex or "",
                "corrected_age_days": one.child.norm_days, "verdict": one.verdict}  # fmt: skip
        for m in one.measures.values():
            row = head | _plain(m) | {"flags": "; ".join(m.flags)}
            writer.writerow({k: _cell(v) for k, v in row.items()})
    return stream.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value
