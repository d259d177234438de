"""Which child a file shows: label, age, sex, date, given for all or by a table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inface.ages import days_of
from inface.errors import FormatError
from inface.measurement.norms import Child
from inface.reports.tables import read_table

COLUMNS = ("file", "label", "age", "sex", "gestation", "date")
_SEXES = {"male": "male", "m": "male", "boy": "male", "female": "female", "f": "female", "girl": "female"}


@dataclass(frozen=True)
class Visit:
    """One file to be measured.

    Attributes:
        path: mesh in correspondence, raw scan, or the record (`.npz`) of a registration.
        label: what pages and tables call the child; never the file's name by default.
        child: age, sex, gestation.
        date: of the visit, as given.
    """

    path: str
    label: str
    child: Child
    date: str = ""

    @property
    def key(self) -> str:
        """Name in a batch."""
        return self.path

    @property
    def stamp(self) -> str:
        """What its measurements depend on: the file as it is now, the child, the label and the date."""
        file = Path(self.path)
        state = (file.stat().st_size, file.stat().st_mtime_ns) if file.is_file() else None
        return repr((state, self.label, self.child, self.date))


def sex_of(text: str) -> str | None:
    """ "male" or "female" of a word or letter; None of an empty one; `ValueError` for anything else."""
    word = text.strip().lower()
    if word and word not in _SEXES:
        raise ValueError(f"sex: expected male or female, got '{text}'")
    return _SEXES.get(word)


def visits_of(paths: Sequence[Path], child: Child, label: str = "", date: str = "") -> list[Visit]:
    """The same child's data for every file; labels are running numbers for several files, or where none is given."""
    labels = [label] if label and len(paths) == 1 else [f"{label or 'child'}-{k}" for k in range(1, len(paths) + 1)]
    return [Visit(str(p), name, child, date) for p, name in zip(paths, labels, strict=True)]


def with_table(visits: Sequence[Visit], path: str | Path) -> list[Visit]:
    """Visits with what a table says of their files; the file's name (with or without suffix) is looked up.

    The table has a header with `file` and any of label, age (`183d`, `6m`, `1y`, months), sex, gestation (weeks), date;
    comma, semicolon or tab between cells, decimal point or comma.

    Raises:
        FormatError: no such columns, an unreadable cell (named with its line), a file that stands twice.
    """
    rows: dict[str, dict[str, str]] = {}
    for line, row in read_table(path, "file", COLUMNS):
        name = Path(row["file"]).name
        if name in rows:
            raise FormatError(f"'{path}', line {line}: the file '{name}' stands twice")
        rows[name] = row | {"line": str(line)}
    out = []
    for visit in visits:
        file = Path(visit.path)
        told = rows.get(file.name) or rows.get(file.stem)
        out.append(visit if told is None else _told(visit, told, path))
    return out


def _told(visit: Visit, row: dict[str, str], path: str | Path) -> Visit:
    child = visit.child
    try:
        age = days_of(row["age"]) if row.get("age") else child.age_days
        weeks = float(row["gestation"].replace(",", ".")) if row.get("gestation") else child.gestation_weeks
        told = Child(age, sex_of(row.get("sex", "")) or child.sex, weeks)
    except ValueError as error:
        raise FormatError(f"'{path}', line {row['line']}: {error}") from None
    return replace(visit, child=told, label=row.get("label") or visit.label, date=row.get("date") or visit.date)
