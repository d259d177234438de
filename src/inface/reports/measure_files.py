"""Many files measured: a page, JSON and CSV for all, each with its errors, one broken file in the way of none."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inface import __version__
from inface.batches import Run, run_in_folder
from inface.codecs.text_files import read_json, write_text
from inface.errors import CorrespondenceError, FormatError
from inface.measurement.correspondence import template_of
from inface.measurement.results import SCHEMA_VERSION, Measurements, csv_of
from inface.mesh import Mesh
from inface.model_reference import ModelReference
from inface.pages.document import Html, element, table
from inface.registration import register
from inface.registration.result import Registration
from inface.reports.children import Visit
from inface.reports.measure import measure
from inface.reports.measure_page import child_section, write_measure_page

REPORT = "inface-measurements-report"
Progress = Callable[[Any], None]
_SUMMARY = ("circ.ml", "ci.ml", "cvai.30.short", "v.tot")


@dataclass(frozen=True)
class MeasureFile:
    """Measure one file: a record of a registration, a mesh in correspondence as it is, any other mesh after registering
    it. Travels to worker processes.

    Attributes:
        model: for raw scans, and for meshes of a model that does not ship.
        unit: of the meshes; None: found.
        cap: True: a cap is worn, False: bare, None: decided from the scan.
        samples: for the errors of registered scans.
        earlier: label -> earlier visits of that child, plain.
    """

    model: ModelReference
    unit: str | None = None
    cap: bool | None = None
    samples: int = 30
    earlier: Mapping[str, Sequence[Mapping[str, Any]]] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What the results depend on besides the files, plain."""
        told = {"unit": self.unit, "cap": self.cap, "samples": self.samples, "earlier": dict(self.earlier or {})}
        return {"version": __version__, "model": self.model.hash, **told}

    def __call__(self, visit: Visit) -> tuple[dict[str, Any], str]:
        """The measurements as plain values, and the section of the page."""
        found = self.measured(visit)
        before = [Measurements.from_dict(dict(v)) for v in (self.earlier or {}).get(visit.label, ())]
        return found.to_dict(), str(child_section(found, before))

    def measured(self, visit: Visit) -> Measurements:
        """The measurements themselves."""
        child = visit.child
        options: dict[str, Any] = {
            "age_days": child.age_days, "sex": child.sex, "gestation_weeks": child.gestation_weeks,
            "label": visit.label, "date": visit.date, "cap": self.cap,
        }  # fmt: skip
        path = Path(visit.path)
        model = self.model.load()
        if path.suffix.lower() == ".npz":
            done = Registration.load(path)
            chosen = model if done.model_hash == model.hash else None
            return measure(done, model=chosen, samples=self.samples, **options)
        mesh = Mesh.load(path)
        if _corresponds(mesh, model):
            return measure(mesh, model=model, unit=self.unit, **options)
        try:
            template_of(None, mesh)
        except CorrespondenceError:
            done = register(mesh, model, unit=self.unit, cap=self.cap)
            return measure(done, model=model, samples=self.samples, **options)
        return measure(mesh, unit=self.unit, **options)


def _corresponds(mesh: Mesh, model: Any) -> bool:
    try:
        template_of(model, mesh)
    except CorrespondenceError:
        return False
    return True


def registered_in(folder: str | Path) -> list[Path]:
    """The records that `inface register` wrote to a folder; empty for any other folder."""
    place = Path(folder)
    if not (place / "report.csv").is_file():
        return []
    return sorted(place.glob("*.npz"))


@dataclass(frozen=True)
class MeasuredBatch:
    """What a batch gave: measurements in the order of the visits, and file -> reason of those that failed."""

    measured: tuple[Measurements, ...]
    failed: Mapping[str, str]


def measure_files(
    visits: Sequence[Visit],
    out: str | Path,
    work: MeasureFile,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    pdf: bool = False,
    run: Run | None = None,
) -> MeasuredBatch:
    """Measure files and write `report.html`, `report.json`, `report.csv` to `out`.

    Which label stands for which file is written beside the folder, to `OUT.labels.csv`, which is not handed on. What
    is needed to go on after a stop stands beside it too, in `OUT.run`, as long as the report is not whole.

    Args:
        visits: files with label, age, sex; labels must differ.
        progress: called with the batch's counts after each file.
        pdf: also `report.pdf` (needs the extra `pdf`).
        run: where it is done and how much of it (other machines, parts of an array job); overrules `workers`. The run
            of a part writes no report: the whole, or the run that joins, does.

    Raises:
        ValueError: no file, or two children of one label.
    """
    labels = [v.label for v in visits]
    twice = sorted({name for name in labels if labels.count(name) > 1})
    if not visits or twice:
        raise ValueError(
            f"labels: two files are called '{twice[0]}'; give each its own" if twice else "files: expected at least one"
        )
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    got: dict[str, tuple[Measurements, str]] = {}
    failed: dict[str, str] = {}
    run = run or Run(workers)
    beside = folder.with_name(folder.name + ".run")
    if run.cluster:
        work = replace(work, model=work.model.shared(beside))
        visits = [replace(visit, path=str(Path(visit.path).absolute())) for visit in visits]
    for outcome in run_in_folder(work, visits, beside, work.settings, run, progress=progress):
        if outcome.ok:
            plain, section = outcome.value
            got[outcome.key] = Measurements.from_dict(plain), section
        else:
            failed[outcome.key] = outcome.reason
    done = [got[v.key] for v in visits if v.key in got]
    measured = tuple(one for one, _ in done)
    if run.part is not None:
        return MeasuredBatch(measured, failed)
    named = {v.label: failed[v.key] for v in visits if v.key in failed}
    sections = [Html(section) for _, section in done]
    if len(visits) > 1:
        sections.insert(0, _summary(measured, named))
    write_measure_page(folder / "report.html", sections)
    write_text(folder / "report.csv", csv_of(list(measured)))
    write_text(folder / "report.json", _json(measured, named))
    write_text(folder.with_name(folder.name + ".labels.csv"), _labels(visits))
    if pdf:
        write_pdf(folder / "report.html", folder / "report.pdf")
    if not failed:
        shutil.rmtree(beside, ignore_errors=True)
    return MeasuredBatch(measured, failed)


def _json(measured: Sequence[Measurements], failed: Mapping[str, str]) -> str:
    held = {
        "schema": REPORT, "schema_version": SCHEMA_VERSION, "children": [m.to_dict() for m in measured],
        "failed": dict(failed),
    }  # fmt: skip
    return json.dumps(held, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def load_report(path: str | Path) -> list[Measurements]:
    """The children of a `report.json`, or the one of a file that `Measurements.save` wrote."""
    data = read_json(path)
    if isinstance(data, dict) and data.get("schema") == REPORT:
        children = data.get("children")
        if not isinstance(children, list):
            raise FormatError(f"'{path}': damaged: it has no list of children")
        return [Measurements.from_dict(child, f"'{path}'") for child in children]
    return [Measurements.from_dict(data, f"'{path}'")]


def earlier_visits(paths: Sequence[str | Path], visits: Sequence[Visit]) -> dict[str, list[dict[str, Any]]]:
    """Label -> earlier visits out of reports: of the same label, or, where one file is measured, the only child there.

    Raises `ValueError` where a report holds no visit of any of the children.
    """
    out: dict[str, list[Measurements]] = {}
    for path in paths:
        children = load_report(path)
        by_label = {child.label: child for child in children}
        hits = [v.label for v in visits if v.label in by_label]
        for label in hits:
            out.setdefault(label, []).append(by_label[label])
        if not hits and len(visits) == len(children) == 1:
            out.setdefault(visits[0].label, []).append(children[0])
        elif not hits:
            own = ", ".join(v.label for v in visits)
            raise ValueError(
                f"'{path}' holds {', '.join(by_label) or 'no child'}; none is one of {own}: give the label with --id"
            )
    return {label: [m.to_dict() for m in several] for label, several in out.items()}


def _labels(visits: Sequence[Visit]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["label", "file"])
    writer.writerows((v.label, v.path) for v in visits)
    return stream.getvalue()


def _summary(measured: Sequence[Measurements], failed: Mapping[str, str]) -> Html:
    """One line a child."""
    columns = ["label", "age, days", "scan", *(f"{id}" for id in _SUMMARY), "WHO z"]
    rows: list[list[Any]] = []
    for one in measured:
        age = "" if one.child.age_days is None else f"{one.child.age_days:.0f}"
        z = one["circ.ml"].z
        rows.append(
            [one.label, age, one.verdict, *(one[id].text() for id in _SUMMARY), "" if z is None else f"{z:+.2f}"]
        )
    rows += [[label, "", element("span", reason, class_="bad"), *[""] * 5] for label, reason in failed.items()]
    return element(
        "section",
        element("h1", f"Head measurements of {len(measured) + len(failed)} files"),
        table(columns, rows, numbers=(1, 3, 4, 5, 6, 7)),
        class_="child",
    )


def write_pdf(page: str | Path, path: str | Path) -> None:
    """The page as a PDF (extra `pdf`); a browser's own print does the same."""
    from inface._optional import require
    from inface.codecs import atomic_write

    weasyprint = require("weasyprint", "writing a PDF")
    with atomic_write(path) as temporary:
        weasyprint.HTML(filename=str(page)).write_pdf(str(temporary))
