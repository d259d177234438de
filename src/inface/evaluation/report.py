"""An evaluation as a table, as JSON and as one HTML page that opens offline."""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from inface.codecs import atomic_write
from inface.evaluation.figures import Figure

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%;table-layout:fixed;margin:.5rem 0 1.5rem}th:nth-child(1){width:30%}
th:nth-child(2){width:10%;text-align:right}th:nth-child(3){width:7%}th:nth-child(4){width:20%}
td,th{padding:.25rem .6rem;text-align:left;
border-bottom:1px solid #ddd}td.n{text-align:right;font-variant-numeric:tabular-nums}h2{margin-top:2rem}
svg{width:100%;max-width:42rem;height:auto;font:12px system-ui,sans-serif}small{color:#666}
"""


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
        with atomic_write(path) as temporary:
            Path(temporary).write_text(self.to_html(), encoding="utf-8")

    def to_html(self) -> str:
        """The page."""
        parts = [f"<!doctype html><meta charset=utf-8><title>Evaluation</title><style>{_STYLE}</style>"]
        parts.append(
            f"<h1>Evaluation</h1><p>{html.escape(self.model)}<br><small>on {html.escape(self.population)}</small>"
        )
        groups = list(dict.fromkeys(f.group for f in self.figures))
        for group in groups:
            rows = [f for f in self.figures if f.group == group]
            parts.append(f"<h2>{html.escape(group)}</h2>")
            bars = [f for f in rows if f.unit == "mm"]
            if len(bars) > 1:
                parts.append(_bars(bars))
            parts.append("<table><tr><th>figure<th>value<th>unit<th>95 % interval<th>")
            for f in rows:
                parts.append(
                    f"<tr><td>{html.escape(f.name)}<td class=n>{_value(f)}<td>{f.unit}<td>{_interval(f)}"
                    f"<td><small>{html.escape(f.note)}</small>"
                )
            parts.append("</table>")
        for name, curve in self.curves.items():
            parts.append(f"<h2>{html.escape(name)}</h2>{_line(curve)}")
        if self.notes:
            parts.append("<h2>not measured</h2><ul>" + "".join(f"<li>{html.escape(n)}" for n in self.notes) + "</ul>")
        parts.append(
            "<p><small>Intervals: 500 cohorts of subjects drawn with return. Figures on synthetic children are not "
            "clinical figures.</small>"
        )
        return "\n".join(parts)


def _value(f: Figure) -> str:
    return f"{f.value:.3f}"


def _interval(f: Figure) -> str:
    return "" if f.low is None or f.high is None else f"[{f.low:.3f}, {f.high:.3f}]"


def _bars(figures: Sequence[Figure]) -> str:
    """Horizontal bars with intervals."""
    top = max(max(f.value, f.high or 0) for f in figures) or 1
    row, left, width = 22, 230, 360
    out = [f'<svg viewBox="0 0 {left + width + 80} {row * len(figures) + 6}" role="img">']
    for i, f in enumerate(figures):
        y = i * row + 4
        x = width * f.value / top
        out.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{html.escape(f.name)}</text>')
        out.append(f'<rect x="{left}" y="{y}" width="{x:.1f}" height="{row - 7}" fill="#7aa6c2"/>')
        if f.low is not None and f.high is not None:
            a, b, mid = left + width * f.low / top, left + width * f.high / top, y + (row - 7) / 2
            out.append(f'<path d="M{a:.1f} {mid}H{b:.1f}" stroke="#234" stroke-width="2"/>')
        end = left + width * max(f.value, f.high or 0) / top
        out.append(f'<text x="{end + 6:.1f}" y="{y + 13}">{f.value:.2f}</text>')
    return "".join(out) + "</svg>"


def _line(curve: Mapping) -> str:
    """One line with round ticks."""
    x, y = np.asarray(curve["x"], float), np.asarray(curve["y"], float)
    left, top, width, height = 60, 10, 520, 220
    x_low, x_high = x.min(), x.max() if np.ptp(x) else x.min() + 1
    y_high = float(y.max()) * 1.05 or 1.0
    px = left + width * (x - x_low) / (x_high - x_low)
    py = top + height * (1 - y / y_high)
    out = [f'<svg viewBox="0 0 {left + width + 20} {top + height + 50}" role="img">']
    for tick in np.linspace(0, y_high, 5):
        at = top + height * (1 - tick / y_high)
        out.append(f'<path d="M{left} {at:.1f}h{width}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">{tick:.2g}</text>')
    for tick in np.linspace(x_low, x_high, 5):
        at = left + width * (tick - x_low) / (x_high - x_low)
        out.append(f'<text x="{at:.1f}" y="{top + height + 18}" text-anchor="middle">{tick:.0f}</text>')
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(px, py, strict=True))
    out.append(f'<polyline points="{points}" fill="none" stroke="#2b6c96" stroke-width="2"/>')
    out.append(f'<text x="{left + width / 2}" y="{top + height + 40}" text-anchor="middle">{curve["x_label"]}</text>')
    out.append(f'<text x="14" y="{top + height / 2}" transform="rotate(-90 14 {top + height / 2})" ')
    out.append(f'text-anchor="middle">{curve["y_label"]}</text>')
    return "".join(out) + "</svg>"
