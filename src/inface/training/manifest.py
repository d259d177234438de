"""The table beside a folder of meshes: `manifest.csv`, one row a scan."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.codecs import MESH_FORMATS
from inface.errors import FormatError

COLUMNS = ("file", "subject", "age_months", "sex", "expression", "neutral", "weight", "split")
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}
_SEXES = {"": "", "m": "male", "male": "male", "boy": "male", "f": "female", "female": "female", "girl": "female"}


@dataclass(frozen=True, eq=False)
class Manifest:
    """Files and what is known of each; a column is None when the table lacks it (see `Population` for the types)."""

    files: list[Path]
    subject: np.ndarray | None = None
    age_months: FloatArray | None = None
    sex: np.ndarray | None = None
    expression: np.ndarray | None = None
    neutral: BoolArray | None = None
    weight: FloatArray | None = None
    split: np.ndarray | None = None


def read_manifest(folder: Path) -> Manifest:
    """`manifest.csv` of a folder; without one, all meshes in it, in the order of their names.

    Columns: file, subject, age_months, sex (male/female), expression, neutral (yes/no), weight, split (train/test);
    all but `file` may be missing, others are passed over.

    Raises:
        FormatError: no such folder, no meshes; a column "file" that is missing; files that are missing or named twice;
            ages in other units; words where numbers are wanted; a subject in both splits.
    """
    if not folder.is_dir():
        raise FormatError(f"'{folder}': expected a folder of registered meshes, there is no such folder")
    table = folder / "manifest.csv"
    if not table.exists():
        suffixes = {suffix.lower() for suffix in MESH_FORMATS}
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes)
        if not files:
            raise FormatError(f"'{folder}': expected registered meshes or a manifest.csv, found neither")
        return Manifest(files)
    with open(table, newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    names = set(rows[0]) if rows else set()
    if "file" not in names:
        raise FormatError(
            f"'{table}': expected a column 'file' and at least one row; known columns: {', '.join(COLUMNS)}"
        )
    for other in ("age", "age_days", "age_years", "age_weeks"):
        if other in names and "age_months" not in names:
            raise FormatError(
                f"'{table}': the column '{other}' is not read; give 'age_months' (days / 30.44, years * 12)"
            )
    columns = {name: [(row[name] or "").strip() for row in rows] for name in COLUMNS if name in names}
    files = [folder / name for name in columns["file"]]
    missing = [p.name for p in files if not p.is_file()]
    if missing:
        raise FormatError(f"'{table}': {len(missing)} of {len(files)} files are not there, the first is '{missing[0]}'")
    twice = {p for p in files if files.count(p) > 1} if len(set(files)) < len(files) else set()
    if twice:
        raise FormatError(f"'{table}': '{min(twice).name}' stands more than once")
    out = Manifest(
        files,
        _words(columns, "subject"),
        _numbers(table, columns, "age_months", np.nan),
        _named(table, columns, "sex", _SEXES),
        _words(columns, "expression"),
        _named(table, columns, "neutral", _YES),
        _numbers(table, columns, "weight", 1.0),
        _named(table, columns, "split", {"": "", "train": "train", "test": "test"}),
    )
    if out.subject is not None:
        nameless = int((out.subject == "").sum())
        if nameless:
            raise FormatError(f"'{table}': {nameless} scans have no subject; name all of them, or drop the column")
        if out.split is not None:
            both = np.intersect1d(out.subject[out.split == "train"], out.subject[out.split == "test"])
            if len(both):
                raise FormatError(f"'{table}': subject '{both[0]}' is in both splits; split by subject, not by scan")
    return out


def _words(columns, name: str):
    return np.array(columns[name], dtype=np.str_) if name in columns else None


def _numbers(table: Path, columns, name: str, default: float):
    if name not in columns:
        return None
    out = np.empty(len(columns[name]))
    for i, word in enumerate(columns[name]):
        try:
            out[i] = float(word) if word else default
        except ValueError:
            raise FormatError(f"'{table}': row {i + 2}, {name}: expected a number, got '{word}'") from None
    return out


def _named(table: Path, columns, name: str, known: dict):
    if name not in columns:
        return None
    for i, word in enumerate(columns[name]):
        if word.lower() not in known:
            wanted = ", ".join(key for key in known if key)
            raise FormatError(f"'{table}': row {i + 2}, {name}: expected one of {wanted}, or nothing; got '{word}'")
    return np.array([known[word.lower()] for word in columns[name]])
