"""From scan to result: register, compare, measure, and save the report."""

from typing import Any

from inface.errors import InfaceError
from inface.measurement import Measurements
from inface.pages.document import document, table
from inface.reports.measure import measure
from inface.viewer import tools
from inface.viewer.bindings import Bindings
from inface.viewer.busy import Busy
from inface.viewer.jobs import in_process, register_scan
from inface.viewer.markdown import plain
from inface.viewer.scans import in_file_frame, verdict_words
from inface.viewer.scene import Opened, Scene

_SEXES = {"not given": None, "girl": "female", "boy": "male"}
_AGE = "Age at the visit, months"


class ScanTools:
    """Builds the inputs and runs their jobs on the mesh chosen in the menu `chosen`."""

    def __init__(self, panel: Bindings, busy: Busy, chosen: Any) -> None:
        self._panel, self._session, self._busy, self._chosen = panel, panel.session, busy, chosen
        self._measured: Measurements | None = None
        gui = panel.gui
        with gui.add_folder("From scan to result"):
            panel.button("Register", self._register, "Bring the chosen scan into correspondence with the model")
            self._verdict = gui.add_markdown("")
            panel.follow(self._show_verdict)
            self._age = gui.add_text(_AGE, "", hint="For the norms; may be left empty")
            self._sex = gui.add_dropdown("Sex", tuple(_SEXES))
            panel.button("Measure", self._measure, "Every measure of the chosen mesh, with error and norm")
            self._table = gui.add_markdown("")
            panel.buttons("Report", {"Page": self._save_page, "CSV": self._save_csv})

    # --- register

    def _register(self) -> None:
        name, model, scene = self._chosen.value, self._panel.editor.known_model, self._session.scene
        one = scene.opened_as(name)
        if one.latent is not None:
            raise InfaceError(f"{name} is in correspondence with the model already")
        scan, landmarks = in_file_frame(one.mesh, one.to_file), self._landmarks(scene, name)

        def done(result: Any) -> None:
            if self._session.act(lambda s: self._panel.editor.registered(s, name, result)):
                self._session.tell(verdict_words(result), wrong=result.verdict == "failed")

        self._busy.run(f"Registering {name}", lambda job: in_process(job, register_scan, scan, model, landmarks), done)

    def _landmarks(self, scene: Scene, name: str) -> Any:
        """The landmarks set on a scan by hand that are names of the template; None for fewer than three."""
        drawing = self._session.drawing
        bodies = {} if drawing is None else {b.name: b for b in drawing.bodies}
        try:
            found = dict(tools.landmark_points(scene, bodies, name).items())
        except InfaceError:
            return None
        known = {n: p for n, p in found.items() if n in self._panel.editor.known_model.template.landmarks}
        return known if len(known) >= 3 else None

    def _show_verdict(self, scene: Scene) -> None:
        lines = [f"**{one.verdict}** · {plain(one.name)}" + (f": {plain(one.words)}" if one.words else "")
                 for one in scene.opened if one.verdict]  # fmt: skip
        text = "\n\n".join(lines)
        if self._verdict.content != text:
            self._verdict.content = text

    # --- measure

    def _measure(self) -> None:
        one, model = self._subject(), self._panel.editor.known_model
        text, sex = self._age.value.strip(), _SEXES[self._sex.value]
        age: Any = None
        if text:
            try:
                age = float(text.replace(",", "."))
            except ValueError:
                age = text

        def work(_: Any) -> Measurements:
            shape = one.registration if one.registration is not None else one.mesh
            return measure(shape, age_months=age, sex=sex, model=model, unit=None if shape is not one.mesh else "mm")

        def done(found: Measurements) -> None:
            self._measured = found
            rows = [f"| {plain(m.words)} | {m.text()} |" for m in found.measures.values() if m.value is not None]
            self._table.content = "\n".join(["| measure | |", "|---|---|", *rows])
            self._session.tell(f"{len(rows)} measures of {one.name}.")

        self._busy.run(f"Measuring {one.name}", work, done)

    def _subject(self) -> Opened:
        """The chosen mesh, or what it was registered to."""
        scene, name = self._session.scene, self._chosen.value
        fits = [one for one in scene.opened if one.scan == name]
        one = fits[-1] if fits else scene.opened_as(name)
        if one.latent is None:
            raise InfaceError(f"{name} is a raw scan; register it first, then it can be measured")
        return one

    def _found(self) -> Measurements:
        if self._measured is None:
            raise InfaceError("nothing is measured yet; press Measure first")
        return self._measured

    def _save_csv(self) -> None:
        self._panel.client.send_file_download("measures.csv", self._found().to_csv().encode(), save_immediately=True)

    def _save_page(self) -> None:
        page = report(self._found())
        self._panel.client.send_file_download("measures.html", page.encode(), save_immediately=True)


def report(found: Measurements) -> str:
    """The measures as one page."""
    columns = ("measure", "value", "z", "seen", "remarks")
    rows = [
        (m.words, m.text(), "" if m.z is None else f"{m.z:+.2f}", f"{m.seen:.0%}", "; ".join(m.flags))
        for m in found.measures.values()
    ]
    about = {"registration": found.verdict, "age, days": found.child.age_days, "sex": found.child.sex}
    closing = "Not a medical device: no number on this page is validated for diagnosis or treatment."
    about |= {f"{k} used": v for k, v in found.versions.items() if k != "inface"}
    return document(
        "Measures of a head", *found.notes, table(columns, rows, numbers=(1, 2, 3)), about=about, closing=closing
    )
