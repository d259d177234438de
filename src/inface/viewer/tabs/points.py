"""The tab of places: landmarks set, dragged, skipped and saved; measurements between clicks; the model pulled."""

import csv
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from inface.errors import InfaceError
from inface.landmarks import LandmarkSet
from inface.viewer import tools
from inface.viewer.bindings import Bindings, offer, put
from inface.viewer.editor import MODEL
from inface.viewer.landmark_names import full_name, label, of_label
from inface.viewer.landmark_picture import landmark_picture
from inface.viewer.markdown import plain
from inface.viewer.picking import place_of
from inface.viewer.scene import Scene

_FORMATS = (".csv", ".fcsv", ".json", ".txt")


class Points:
    """Builds the tab's inputs and answers clicks and drags with what its tool says."""

    def __init__(self, panel: Bindings, brush: Callable[..., None]) -> None:
        self._brush = brush
        self._panel, self._session, self._gui = panel, panel.session, panel.gui
        kinds = {k: v for k, v in tools.TOOLS.items() if k != tools.PULL or panel.editor.model is not None}
        self._tool = self._gui.add_dropdown("A click does", tuple(kinds.values()), hint="Click on the surface")
        words = {v: k for k, v in kinds.items()}
        panel.look(self._tool, "tool", words.__getitem__)
        panel.follow(lambda s: put(self._tool, kinds.get(s.look.tool, kinds[""])))
        with self._gui.add_folder("Landmarks"):
            self._landmarks()
        with self._gui.add_folder("Measurements"):
            self._measurements()
        if panel.editor.model is not None:
            panel.button("Forget the pulled dots", panel.act(tools.clear_pulls), "The shape stays as it is")

    # --- clicks and drags

    def click(self, origin: Any, direction: Any) -> None:
        """The picture was clicked along a ray."""
        tool = self._session.scene.look.tool
        hit = self._session.touched(origin, direction) if tool else None
        if hit is None:
            return
        if tool == tools.LANDMARK:
            name = self._name()
            if self._session.act(lambda s: tools.set_landmark(s, name, hit.place, hit.place.body)):
                self._choose_next(hit.place.body)
        elif tool == tools.PULL:
            self._session.act(lambda s: tools.start_pull(self._panel.editor, s, hit))
        else:
            self._session.act(lambda s: tools.click_measurement(s, tool, hit.place))

    def stroke(self, origin: Any, direction: Any, *, first: bool = False) -> None:
        """The brush was drawn over the surface."""
        self._brush(origin, direction, first)

    def drag(self, key: tuple, origin: Any, direction: Any) -> None:
        """A dot was dragged to where a ray leads."""
        kind, scene = key[0], self._session.scene
        if kind == "pull":
            target = self._beside_the_ray(int(key[1]), origin, direction)
            self._session.act(lambda s: tools.pull(self._panel.editor, s, int(key[1]), target), key=f"pull {key[1]}")
            return
        body = key[1] if kind == "landmark" else scene.marks.measurements[key[1]].points[0].body
        hit = self._session.touched(origin, direction, body)
        if hit is None:
            return
        if kind == "landmark":
            change = lambda s: tools.set_landmark(s, key[2], hit.place, body)  # noqa: E731
        else:
            change = lambda s: tools.move_point(s, key[1], key[2], hit.place)  # noqa: E731
        self._session.act(change, key=f"drag {key}")

    def _beside_the_ray(self, vertex: int, origin: Any, direction: Any) -> Any:
        """The point of a ray that is as far from the eye as a vertex of the model is."""
        direction = np.asarray(direction) / np.linalg.norm(direction)
        here = self._panel.editor.vertices(self._session.scene)[vertex]
        return np.asarray(origin) + ((here - origin) @ direction) * direction

    # --- landmarks

    def _landmarks(self) -> None:
        panel, gui = self._panel, self._gui
        model = panel.editor.model
        self._names = tuple(n for n in (model.template.landmarks if model else ()) if not n.startswith("ibug_"))
        self._search = gui.add_text("Search", "", hint="Part of a name, such as eye or left")
        self._chosen = gui.add_dropdown("Landmark", tuple(map(label, self._names)) or ("landmark 1",))
        self._own = gui.add_text("Or another name", "", hint="For a landmark that is not in the list")
        panel.by_hand(self._search, lambda text: self._find(text))
        self._where = None
        if model is not None and self._names:
            self._where = gui.add_image(landmark_picture(model.template, self._names[0]), label="Where it belongs")
        self._chosen.on_update(lambda _: self._show_where())
        panel.buttons("This one", {"Skip": self._skip, "Remove": self._remove, "Remove all": self._remove_all})
        self._list = gui.add_markdown("")
        panel.follow(self._show_landmarks)
        self._format = gui.add_dropdown("Landmark file", _FORMATS)
        panel.button("Save landmarks", self._save, "In the frame and unit of the mesh's own file")
        upload = gui.add_upload_button("Compare with another observer's file", hint="Mean and spread of the distances")
        upload.on_upload(lambda e: panel.guarded(lambda: self._compare(e.target.value.name, e.target.value.content)))
        self._compared = gui.add_markdown("")

    def _show_where(self) -> None:
        model, name = self._panel.editor.model, of_label(self._chosen.value)
        if self._where is not None and model is not None and name in model.template.landmarks:
            self._where.image = landmark_picture(model.template, name)

    def _name(self) -> str:
        return self._own.value.strip() or of_label(self._chosen.value)

    def _body(self) -> str:
        """The body that landmarks are about: the last one clicked, the first opened one, the model."""
        scene = self._session.scene
        if scene.marks.landmarks:
            return scene.marks.landmarks[-1].body
        return scene.opened[0].name if scene.opened else MODEL

    def _find(self, text: str) -> None:
        found = tuple(label(n) for n in self._names if text.lower() in label(n).lower())
        if found:
            offer(self._chosen, found)
            put(self._chosen, found[0])
        else:
            self._session.tell(f"No landmark has '{text}' in its name.", wrong=True)

    def _choose_next(self, body: str) -> None:
        if self._own.value.strip():
            self._own.value = ""
            return
        shown = tuple(of_label(text) for text in self._chosen.options)
        put(self._chosen, label(tools.next_name(self._session.scene, shown, body, self._name())))

    def _skip(self) -> None:
        name, body = self._name(), self._body()
        self._session.act(lambda s: tools.set_landmark(s, name, None, body))
        self._choose_next(body)

    def _remove(self) -> None:
        name, body = self._name(), self._body()
        self._session.act(lambda s: tools.remove_landmark(s, name, body))

    def _remove_all(self) -> None:
        self._session.act(lambda s: s.with_marks(landmarks=()))

    def _show_landmarks(self, scene: Scene) -> None:
        rows = []
        for mark in scene.marks.landmarks:
            state = "skipped" if mark.place is None else "set" if mark.std is None else f"± {mark.std:.1f} mm"
            rows.append(f"| {plain(full_name(mark.name))} | {plain(mark.body)} | {state} |")
        table = "\n".join(["| landmark | on | |", "|---|---|---|", *rows]) if rows else "None is set yet."
        if self._list.content != table:
            self._list.content = table

    def _bodies(self) -> dict:
        drawing = self._session.drawing
        return {} if drawing is None else {b.name: b for b in drawing.bodies}

    def _save(self) -> None:
        body = self._body()
        found = tools.landmark_points(self._session.scene, self._bodies(), body)
        suffix = self._format.value
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"landmarks{suffix}"
            found.save(path)
            content = path.read_bytes()
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in body)
        self._panel.client.send_file_download(f"{stem}_landmarks{suffix}", content, save_immediately=True)
        self._session.tell(f"{len(found)} landmarks of {body}, in the frame and unit of its file.")

    def _compare(self, name: str, content: bytes) -> None:
        mine = tools.landmark_points(self._session.scene, self._bodies(), self._body())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"upload{Path(name).suffix.lower()}"
            path.write_bytes(content)
            try:
                theirs = LandmarkSet.load(path)
            except (InfaceError, ValueError) as error:
                raise InfaceError(f"{name}: {str(error).replace(str(path), name)}") from None
        opened = {one.name: one for one in self._session.scene.opened}.get(self._body())
        scale = 1.0 if opened is None or opened.to_file is None else 1.0 / opened.to_file.scale
        self._compared.content = comparison(mine, theirs, scale, name)

    # --- measurements

    def _measurements(self) -> None:
        self._numbers = self._gui.add_markdown("")
        self._panel.follow(self._show_measurements)
        self._panel.buttons(
            "All of them", {"Remove last": self._remove_last, "Remove all": self._panel.act(_without), "CSV": self._csv}
        )

    def _remove_last(self) -> None:
        self._session.act(lambda s: s.with_marks(measurements=s.marks.measurements[:-1]))

    def _rows(self) -> list[tuple]:
        """Body, kind, number, unit and the points of every complete measurement."""
        bodies, rows = self._bodies(), []
        for m in self._session.scene.marks.measurements:
            body = bodies.get(m.points[0].body)
            if body is not None and m.complete:
                number, unit = tools.value(m, tools.way(body, m))
                points = [place_of(body, p) for p in m.points]
                rows.append((body.name, m.kind, number, unit, points))
        return rows

    def _show_measurements(self, scene: Scene) -> None:
        drawing = self._session.drawing
        whole = [m for m in scene.marks.measurements if m.complete]
        lines = [] if drawing is None else drawing.lines
        rows = [f"| {plain(m.points[0].body)} | {m.kind} | **{x.label}** |" for m, x in zip(whole, lines, strict=False)]
        text = "\n".join(["| on | kind | |", "|---|---|---|", *rows]) if rows else "Choose above what a click measures."
        if self._numbers.content != text:
            self._numbers.content = text

    def _csv(self) -> None:
        rows = self._rows()
        if not rows:
            raise InfaceError("nothing is measured yet; choose above what a click measures")
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["mesh", "kind", "value", "unit", "points_mm"])
        for body, kind, number, unit, points in rows:
            place = "; ".join(" ".join(f"{x:.3f}" for x in point) for point in points)
            writer.writerow([body, kind, f"{number:.3f}", "degrees" if unit == "°" else unit, place])
        self._panel.client.send_file_download("measurements.csv", out.getvalue().encode(), save_immediately=True)


def comparison(mine: LandmarkSet, theirs: LandmarkSet, scale: float, name: str) -> str:
    """A table of how far two observers' landmarks are apart; `scale` makes mm of the files' unit."""
    a, b = dict(mine.items()), dict(theirs.items())
    both = [n for n in a if n in b and np.isfinite(a[n]).all() and np.isfinite(b[n]).all()]
    if not both:
        raise InfaceError(f"{name}: none of its landmarks ({', '.join(list(b)[:8])}) is set here")
    apart = np.array([np.linalg.norm(a[n] - b[n]) for n in both]) * scale
    rows = [f"| {plain(full_name(n))} | {d:.2f} |" for n, d in zip(both, apart, strict=True)]
    spread = f", SD {apart.std(ddof=1):.2f} mm" if len(both) > 1 else ""
    head = f"**{plain(name)}**: {len(both)} landmarks in both, mean {apart.mean():.2f} mm{spread}, "
    head += f"most {apart.max():.2f} mm"
    return "\n".join([head, "", "| landmark | apart, mm |", "|---|---|", *rows])


def _without(scene: Scene) -> Scene:
    return scene.with_marks(measurements=())
