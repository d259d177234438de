"""An evaluation as a table, as JSON and as one HTML page that opens offline."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from inface.codecs import atomic_write
from inface.evaluation.figures import Figure
from inface.pages.document import Html, bullets, document, element, table, write
from inface.pages.plots import bars, lines

_WORDS = {
    "compactness": "How much of the kept variance the first modes carry: more with few modes is better.",
    "generalisation": "How far held-out children are from the nearest shape the model can make, with so many codes: "
    "lower is better.",
    "specificity": "How far children drawn at random are from the nearest real one of the cohort: lower is better.",
    "completion of a hidden region": "The region is hidden and completed from all the rest: how far it comes from the "
    "truth. The note gives what the mean shape alone would do.",
}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured of one model.

    Attributes:
        model: its description; population: of what it was measured on.
        figures: every number, in the order of the table.
        curves: name -> {"x": [...], "y": [...], "x_label": ..., "y_label": ...} for the plots.
        notes: what was not measured and why, one sentence each.
    """

    model: str
    population: str
    figures: Sequence[Figure]
    curves: Mapping[str, Mapping] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __getitem__(self, key: tuple[str, str]) -> Figure:
        """The figure of a group and a name; `KeyError` lists what there is."""
        for figure in self.figures:
            if (figure.group, figure.name) == key:
                return figure
        raise KeyError(f"no figure {key}; there are: " + ", ".join(f"({f.group}, {f.name})" for f in self.figures))

    def table(self) -> str:
        """The figures as text."""
        lines = [f"{self.model}", f"on {self.population}", ""]
        width = max((len(f.name) for f in self.figures), default=0)
        group = None
        for f in self.figures:
            if f.group != group:
                lines.append(f"{f.group}")
                group = f.group
            lines.append(f"  {f.name:<{width}}  {_value(f):>8} {f.unit:<5} {_interval(f):<18} {f.note}".rstrip())
        if self.notes:
            lines += ["", "not measured", *(f"  {note}" for note in self.notes)]
        return "\n".join(lines)

    def to_json(self) -> str:
        """The figures and curves as JSON."""
        content: dict = {
            "model": self.model,
            "population": self.population,
            "figures": [asdict(f) for f in self.figures],
        }
        content |= {"curves": {k: dict(v) for k, v in self.curves.items()}, "not measured": list(self.notes)}
        return json.dumps(content, indent=1)

    def save_json(self, path: str | Path) -> None:
        """Write `to_json`, atomically."""
        with atomic_write(path) as temporary:
            Path(temporary).write_text(self.to_json(), encoding="utf-8")

    def save_html(self, path: str | Path) -> None:
        """Write one self-contained page with the table and the plots, atomically."""
        write(path, self.to_html())

    def to_html(self) -> str:
        """The page."""
        parts: list[Html] = []
        for group in dict.fromkeys(f.group for f in self.figures):
            curve = next((c for name, c in self.curves.items() if name.lower() == group.lower()), None)
            parts.append(_section(group, [f for f in self.figures if f.group == group], curve))
        groups = {f.group.lower() for f in self.figures}
        for name, curve in self.curves.items():
            if name.lower() not in groups:
                parts.append(element("section", element("h2", name), _plot(curve)))
        if self.notes:
            parts += [element("section", element("h2", "not measured"), bullets(self.notes))]
        return document(
            "Evaluation of a shape model",
            element("div", *parts, class_="columns"),
            about={"model": self.model, "cohort": self.population},
            closing="Distances in mm. Intervals hold the figure of 95 in 100 cohorts of subjects drawn with return "
            "(500 were drawn). Figures on synthetic children are not clinical figures.",
        )


def _section(group: str, rows: Sequence[Figure], curve: Mapping | None) -> Html:
    """A group of figures: what its words mean, its curve or bars where they are distances, and the table."""
    bars_of = [f for f in rows if f.unit == "mm"]
    spans = [None if f.low is None or f.high is None else (f.low, f.high) for f in bars_of]
    plot = bars([f.name for f in bars_of], [f.value for f in bars_of], spans, label=f"{group}, mm")
    kept = {
        "figure": [f.name for f in rows],
        "value": [_value(f) for f in rows],
        "unit": [f.unit for f in rows],
        "95 % interval": [_interval(f) for f in rows],
        "note": [element("small", f.note) if f.note else "" for f in rows],
    }
    kept = {name: cells for name, cells in kept.items() if any(cells)}
    return element(
        "section",
        element("h2", group),
        element("p", _WORDS[group], class_="quiet") if group in _WORDS else None,
        _plot(curve) if curve is not None else None,
        plot if len(bars_of) > 1 else None,
        table(list(kept), zip(*kept.values(), strict=True)),
    )


def _plot(curve: Mapping) -> Html:
    line = {curve["y_label"]: (curve["x"], curve["y"])}
    return lines(line, x_label=curve["x_label"], y_label=curve["y_label"])


def _value(f: Figure) -> str:
    return f"{f.value:.3f}"


def _interval(f: Figure) -> str:
    return "" if f.low is None or f.high is None else f"[{f.low:.3f}, {f.high:.3f}]"
