"""Folders of scans: in parallel, restartable, one broken scan in the way of none."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inface import __version__
from inface.batches import Outcome, Run, WorkerUnfit, refuse_unguarded_script, run_in_folder, written
from inface.codecs.files import atomic_write, refuse_overwriting
from inface.codecs.landmark_files import find_landmark_file, read_landmark_file
from inface.codecs.text_files import read_json, write_json, write_text
from inface.errors import FileAccessError, InfaceError
from inface.mesh import Mesh
from inface.model_reference import ModelReference
from inface.pictures.shade import png_bytes
from inface.registration.contact_sheet import doubt, picture, write_contact_sheet
from inface.registration.pipeline import register
from inface.registration.settings import Settings
from inface.registration.settings_file import write_settings

COLUMNS = (
    "name", "verdict", "reasons", "scope", "cap", "doubtful", "extrapolated", "unit", "size", "score", "explained",
    "coverage", "face_coverage", "gap", "sigma", "mahalanobis", "largest", "likeness", "worst_part", "mean_distance",
    "misfit", "seconds", "notes", "scan", "mesh", "record",
)  # fmt: skip
UNSURE = ("doubtful", "extrapolated")
RESULTS = (".ply", ".json", ".npz", ".png")  # what is written of a scan
Progress = Callable[[int, int, Mapping[str, Any]], None]


# options: each is a way to register or to run, used alone
def register_folder(
    scans: Sequence[str | Path],
    out: str | Path,
    model: Any = "pca",
    *,
    settings: Settings | None = None,
    use_landmarks: bool = False,
    unit: str | None = None,
    scale: float | None = None,
    workers: int = 1,
    pictures: bool = True,
    label: str = "",
    progress: Progress | None = None,
    run: Run | None = None,
) -> list[dict[str, Any]]:
    """Register many scans; returns one row a scan, the doubtful ones first.

    Writes to `out`: `NAME.ply` (the model's topology on the scan), `NAME.json` (verdict, reasons, parts, measures,
    latent, transform), `NAME.npz` (the whole record, for `Registration.load`), `NAME.png`,
    and for all of them `report.csv`, `index.html` (contact sheet) and `settings.yaml`.
    What was made from the same file, model and settings is not made again, so a killed run goes on where it was; the
    files of the run stand in `out/.run`.

    Args:
        scans: mesh files; names must differ.
        model: a model, or the name of a shipped one.
        use_landmarks: take the landmark file beside each scan (exactly its name), where there is one.
        unit: of all scans; None: found for each.
        scale: millimetres in one unit of all scans, where it is none of the known units.
        workers: processes, each with one BLAS thread.
        pictures: write `NAME.png`.
        label: what page and settings call the model; "": its name, or its kind.
        progress: called with (done, all, row) after each scan.
        run: where it is done and how much of it (other machines, parts of an array job); overrules `workers`. The
            run of a part writes neither `report.csv` nor `index.html`: the whole, or the run that joins, does.

    Raises:
        ValueError: no scan, or two scans of one name.
        InfaceError: a result would be written over a scan or its landmarks; another run is at work in `out`.
        WorkersCannotStart: a script without `if __name__ == "__main__":` asked for workers.
    """
    refuse_unguarded_script()
    paths = [Path(p) for p in scans]
    if not paths:
        raise ValueError("scans: expected at least one file, got none")
    twice = sorted(name for name, count in Counter(p.stem for p in paths).items() if count > 1)
    if twice:
        raise ValueError(f"scans: two files are called '{twice[0]}' and would write one result; rename one")
    run = run or Run(workers)
    folder = Path(out)
    if isinstance(model, str):
        label, reference = label or model, ModelReference.named(model)
    else:
        here = run.workers == 1 and not run.cluster
        reference = ModelReference.of(model, None if here else folder / ".run")
    model = reference.load()
    label = label or type(model).__name__
    settings = settings or Settings()
    _refuse_overwriting(paths, folder, reference)
    folder.mkdir(parents=True, exist_ok=True)
    write_settings(folder / "settings.yaml", settings, label, model.hash)
    options = {"settings": settings, "use_landmarks": use_landmarks, "unit": unit, "scale": scale, "pictures": pictures}
    items = [Scan(p.stem, str(p.absolute()), _stamp(p, use_landmarks), str(p)) for p in paths]
    told = {**options, "settings": asdict(settings), "model": model.hash, "version": __version__}
    if run.cluster:
        reference = reference.shared(folder / ".run")
    work = RegisterScan(reference, str(folder.absolute()), options)
    rows: dict[str, dict[str, Any]] = {}
    mine = {item.key: item for item in run.of(items)}
    for outcome in run_in_folder(work, items, folder, told, run):
        rows[outcome.key] = _row(mine[outcome.key], outcome)
        if progress is not None:
            progress(len(rows), len(mine), rows[outcome.key])
    ordered = sorted((rows[key] for key in mine), key=doubt)
    if run.part is None:
        _write_report(folder / "report.csv", ordered)
        write_contact_sheet(folder / "index.html", ordered, f"Registration of {len(ordered)} scans with '{label}'")
    return ordered


@dataclass(frozen=True)
class Scan:
    """One scan: its name, its file, what it and its landmarks were when the run began, and how the user calls it."""

    key: str
    file: str
    stamp: str
    shown: str


@dataclass(frozen=True)
class RegisterScan:
    """Registers one scan and writes its results; what a worker is given."""

    model: ModelReference
    folder: str
    options: Mapping[str, Any]

    def __call__(self, scan: Scan) -> dict[str, Any]:
        """The row of the scan, its verdict, and the files that were written."""
        folder = Path(self.folder)
        row = _one(scan, self.model.load(), folder, self.options)
        names = [f"{scan.key}.json", *(row[k] for k in ("mesh", "record", "picture") if row.get(k))]
        return {"row": row, "verdict": row["verdict"], "files": written(*(folder / name for name in names))}


def _stamp(path: Path, use_landmarks: bool) -> str:
    """Names what a result was made from: the scan's file and its landmarks."""
    files = [path]
    if use_landmarks and (found := find_landmark_file(path)) is not None:
        files.append(found)
    states = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) if f.is_file() else (f.name, -1, -1) for f in files]
    return json.dumps(states)


def _json_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with None for what is no number, which JSON does not know."""
    return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in values.items()}


def _refuse_overwriting(paths: Sequence[Path], folder: Path, model: ModelReference) -> None:
    """No result over a scan, the landmarks beside it, or the model."""
    outputs = [folder / (p.stem + suffix) for p in paths for suffix in RESULTS]
    outputs += [folder / name for name in ("report.csv", "index.html", "settings.yaml")]
    beside = [found for p in paths if (found := find_landmark_file(p)) is not None and _is_landmarks(found)]
    refuse_overwriting(outputs, [*paths, *beside, *([model.source] if model.source else [])])


def _is_landmarks(path: Path) -> bool:
    """Whether a file beside a scan is no result of an earlier registration."""
    try:
        return "row" not in read_json(path) if path.suffix.lower() == ".json" else True
    except (InfaceError, TypeError):
        return True


def _row(scan: Scan, outcome: Outcome) -> dict[str, Any]:
    """The row of a scan, whatever became of it."""
    if outcome.ok:
        return {**outcome.value["row"], "scan": scan.shown}
    return {"name": scan.key, "scan": scan.shown, "verdict": "failed", "reasons": outcome.reason}


def _one(wanted: Scan, model: Any, folder: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Register one file and write its results; a scan that can't be read or registered becomes a row that says why.

    What is no fault of the scan (a full disk, too little memory) raises, and is tried again by the next run.
    """
    source = Path(wanted.file)
    row: dict[str, Any] = {"name": source.stem, "scan": wanted.shown, "verdict": "failed", "reasons": ""}
    record: dict[str, Any] = {}
    try:
        scan = Mesh.load(source)
        given = None
        if options["use_landmarks"] and (found := find_landmark_file(source)) is not None:
            given = read_landmark_file(found)
        done = register(scan, model, given, unit=options["unit"], scale=options["scale"], settings=options["settings"])
        row |= {"verdict": done.verdict, "reasons": "; ".join(done.reasons), "notes": "; ".join(done.notes)}
        row |= {"unit": done.unit, "seconds": done.seconds, "scope": done.scope}
        row |= {state: ", ".join(n for n, p in done.parts.items() if p.state == state) for state in UNSURE}
        if done.cap is not None:
            row["cap"] = "worn" if done.cap.worn else "bare"
        row |= {k: float(v) if np.isfinite(v) else None for k, v in done.measures.items()}
        if done.mesh is not None and done.transform is not None and done.latent is not None:
            row["mesh"] = f"{source.stem}.ply"
            done.mesh.export(folder / row["mesh"])
            row["record"] = f"{source.stem}.npz"
            done.save(folder / row["record"])
            record = {
                "because": [asdict(reason) for reason in done.because],
                "parts": {name: _json_values(asdict(part)) for name, part in done.parts.items()},
                "cap": None if done.cap is None else _json_values(asdict(done.cap)),
                "transform": done.transform.matrix.tolist(),
                "latent": np.asarray(done.latent, float).tolist(),
                "support": np.flatnonzero(done.support).tolist(),  # type: ignore[arg-type]
                "stages": [asdict(stage) for stage in done.stages],
                "model_hash": done.model_hash,
            }
        if options["pictures"]:
            row["picture"] = f"{source.stem}.png"
            with atomic_write(folder / row["picture"]) as temporary:
                temporary.write_bytes(png_bytes(picture(scan, done)))
    except (FileAccessError, WorkerUnfit):
        raise
    except (InfaceError, ValueError) as error:  # one scan must not stop the others; the reason stands in its row
        row["verdict"], row["reasons"] = "failed", str(error)
    write_json(folder / f"{source.stem}.json", {"row": row, **record})
    return row


def _write_report(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n", restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items() if v is not None})
    write_text(path, stream.getvalue())
