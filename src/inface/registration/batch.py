"""Folders of scans: in parallel, restartable, one broken scan in the way of none."""

import csv
import hashlib
import io
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import numpy as np

from inface.codecs.files import atomic_write
from inface.codecs.landmark_files import find_landmark_file, read_landmark_file
from inface.codecs.text_files import read_json, write_json, write_text
from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.pictures.shade import png_bytes
from inface.registration.contact_sheet import doubt, picture, write_contact_sheet
from inface.registration.pipeline import register
from inface.registration.settings import Settings
from inface.registration.settings_file import write_settings

COLUMNS = (
    "name", "verdict", "reasons", "unit", "score", "explained", "coverage", "face_coverage", "gap", "sigma",
    "mahalanobis", "largest", "worst_part", "mean_distance", "seconds", "notes", "scan", "mesh",
)  # fmt: skip
Progress = Callable[[int, int, Mapping[str, Any]], None]
_WORKER: dict[str, Any] = {}


def register_folder(
    scans: Sequence[str | Path],
    out: str | Path,
    model: Any = "pca",
    *,
    settings: Settings | None = None,
    use_landmarks: bool = False,
    unit: str | None = None,
    workers: int = 1,
    pictures: bool = True,
    label: str = "",
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Register many scans; returns one row a scan, the doubtful ones first.

    Writes to `out`: `NAME.ply` (the model's topology on the scan), `NAME.json` (verdict, reasons, measures, latent,
    transform), `NAME.png`, and for all of them `report.csv`, `index.html` (contact sheet) and `settings.yaml`.
    A scan whose `NAME.json` was made from the same file, model and settings is not registered again, so a killed run
    goes on where it was.

    Args:
        scans: mesh files; names must differ.
        model: a model, or the name of a shipped one.
        use_landmarks: take the landmark file beside each scan (exactly its name), where there is one.
        unit: of all scans; None: found for each.
        workers: processes, each with one BLAS thread.
        pictures: write `NAME.png`.
        label: what page and settings call the model; "": its name, or its kind.
        progress: called with (done, all, row) after each scan.

    Raises:
        ValueError: no scan, or two scans of one name.
    """
    paths = [Path(p) for p in scans]
    names = [p.stem for p in paths]
    if not paths:
        raise ValueError("scans: expected at least one file, got none")
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ValueError(f"scans: two files are called '{twice[0]}' and would write one result; rename one")
    if isinstance(model, str):
        from inface.embedded import load_default_model

        label, model = label or model, load_default_model(model)
    label = label or type(model).__name__
    settings = settings or Settings()
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    write_settings(folder / "settings.yaml", settings, label, model.hash)
    options = {"settings": settings, "use_landmarks": use_landmarks, "unit": unit, "pictures": pictures}
    jobs = {str(p): _key(p, model.hash, options) for p in paths}
    rows: dict[str, dict[str, Any]] = {}

    def took(path: str, row: dict[str, Any]) -> None:
        rows[path] = row
        if progress is not None:
            progress(len(rows), len(jobs), row)

    for path, key in jobs.items():
        if (row := _finished(folder, Path(path), key)) is not None:
            took(path, row)
    left = [path for path in jobs if path not in rows]
    if workers <= 1:
        _start(model, folder, options)
        for path in left:
            took(path, _one(path, jobs[path]))
    else:
        _parallel(left, jobs, (model, folder, options), min(workers, max(len(left), 1)), took)
    ordered = sorted((rows[path] for path in jobs), key=doubt)
    _write_report(folder / "report.csv", ordered)
    write_contact_sheet(folder / "index.html", ordered, f"Registration of {len(ordered)} scans with '{label}'")
    return ordered


def _key(path: Path, model_hash: str, options: Mapping[str, Any]) -> str:
    """Names what a result was made from: the scan's file, its landmarks, the model and the settings."""
    files = [path]
    if options["use_landmarks"] and (found := find_landmark_file(path)) is not None:
        files.append(found)
    stamp = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) if f.is_file() else (f.name, -1, -1) for f in files]
    told = {**options, "settings": asdict(options["settings"]), "model": model_hash, "files": stamp}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _finished(folder: Path, path: Path, key: str) -> dict[str, Any] | None:
    """The row of an earlier run, if its result is whole and made from the same things."""
    record = folder / f"{path.stem}.json"
    if not record.is_file():
        return None
    try:
        content = read_json(record)
    except InfaceError:
        return None
    row = content.get("row") if isinstance(content, dict) else None
    if not isinstance(row, dict) or content.get("key") != key:
        return None
    needed = [row[k] for k in ("mesh", "picture") if row.get(k)]
    return row if all((folder / name).is_file() for name in needed) else None


def _start(model: Any, folder: Path, options: Mapping[str, Any]) -> None:
    _WORKER.update(model=model, folder=folder, options=options)


def _start_worker(model: Any, folder: Path, options: Mapping[str, Any]) -> None:
    """The same in a process of its own, which ends when the one that started it is killed."""
    parent = parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
    _start(model, folder, options)


def _one(path: str, key: str) -> dict[str, Any]:
    """Register one file and write its results; whatever goes wrong becomes the row of a failed scan."""
    model, folder, options = _WORKER["model"], _WORKER["folder"], _WORKER["options"]
    source = Path(path)
    row: dict[str, Any] = {"name": source.stem, "scan": path, "verdict": "failed", "reasons": ""}
    record: dict[str, Any] = {}
    try:
        scan = Mesh.load(source)
        given = None
        if options["use_landmarks"] and (found := find_landmark_file(source)) is not None:
            given = read_landmark_file(found)
        done = register(scan, model, given, unit=options["unit"], settings=options["settings"])
        row |= {"verdict": done.verdict, "reasons": "; ".join(done.reasons), "notes": "; ".join(done.notes)}
        row |= {"unit": done.unit, "seconds": done.seconds}
        row |= {k: float(v) if np.isfinite(v) else None for k, v in done.measures.items()}
        if done.mesh is not None and done.transform is not None and done.latent is not None:
            row["mesh"] = f"{source.stem}.ply"
            done.mesh.export(folder / row["mesh"])
            record = {
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
    except Exception as error:  # one scan must not stop the others; the reason stands in its row
        words = str(error) if isinstance(error, InfaceError) else f"{type(error).__name__}: {error}"
        row["verdict"], row["reasons"] = "failed", words
    write_json(folder / f"{source.stem}.json", {"key": key, "row": row, **record})
    return row


def _parallel(left, jobs, state, workers: int, took) -> None:
    """All scans in a pool; when a process dies, the scans under way are tried again, each in a process of its own."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in threads}
    os.environ.update(dict.fromkeys(threads, "1"))
    try:
        waiting = _pool_run(list(left), jobs, state, workers, took)
        for path in waiting:
            if _pool_run([path], jobs, state, 1, took):
                row = {"name": Path(path).stem, "scan": path, "verdict": "failed"}
                row["reasons"] = "the process that registered it died (out of memory?)"
                took(path, row)
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _pool_run(paths: list[str], jobs, state, workers: int, took) -> list[str]:
    """Run the paths; returns those that were not done because a process died."""
    todo = list(reversed(paths))
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, state) as pool:
        running: dict[Future, str] = {}
        broken = False
        while todo or running:
            while todo and not broken and len(running) < 2 * workers:
                path = todo.pop()
                running[pool.submit(_one, path, jobs[path])] = path
            if not running:
                return todo
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                path = running.pop(future)
                try:
                    took(path, future.result())
                except BrokenProcessPool:
                    broken = True
                    todo.append(path)
    return []


def _write_report(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n", restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items() if v is not None})
    write_text(path, stream.getvalue())
