"""Charts of visits: WHO circumference curves, and trends of indices with their errors."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from inface.measurement.norms import LAST_DAY, circumference_curve
from inface.measurement.results import Measurements
from inface.pages.document import Html, element
from inface.pages.plots import ticks

_WIDTH, _HEIGHT, _LEFT, _TOP = 300, 150, 34, 14
_SURE = 1.96


class _Frame:
    """A chart's axes."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x_ticks, self.y_ticks = ticks(*x, 4), ticks(*y, 5)
        self.x0, self.x1 = float(self.x_ticks[0]), float(self.x_ticks[-1])
        self.y0, self.y1 = float(self.y_ticks[0]), float(self.y_ticks[-1])

    def at(self, x, y):
        """Place on the page of numbers or arrays."""
        return (
            _LEFT + _WIDTH * (x - self.x0) / (self.x1 - self.x0),
            _TOP + _HEIGHT * (1 - (y - self.y0) / (self.y1 - self.y0)),
        )

    def axes(self, x_label: str, title: str) -> list[Html]:
        parts = [element("text", title, x=_LEFT, y=_TOP - 5, style="font-size:9.5px;font-weight:600")]
        for tick in self.y_ticks:
            _, y = self.at(self.x0, tick)
            parts.append(element("path", d=f"M{_LEFT} {y:.1f}h{_WIDTH}", class_="grid", stroke="#ccc"))
            parts.append(_label(_LEFT - 3, y + 2.5, f"{tick:g}", "end"))
        for tick in self.x_ticks:
            x, _ = self.at(tick, self.y0)
            parts.append(_label(x, _TOP + _HEIGHT + 10, f"{tick:g}", "middle"))
        parts.append(_label(_LEFT + _WIDTH / 2, _TOP + _HEIGHT + 23, x_label, "middle"))
        return parts

    def curve(self, xs: ArrayLike, ys: ArrayLike, stroke: str, width: float) -> Html:
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(*self.at(np.asarray(xs), np.asarray(ys)), strict=True))
        return element("polyline", points=path, fill="none", stroke=stroke, stroke_width=width)

    def mark(self, x: float, y: float, std: float | None, colour: str, words: str) -> list[Html]:
        a, b = self.at(x, y)
        parts = []
        if std is not None:
            (_, top), (_, bottom) = self.at(x, y + _SURE * std), self.at(x, y - _SURE * std)
            parts.append(element("path", d=f"M{a:.1f} {top:.1f}V{bottom:.1f}", stroke=colour, stroke_width=1.5))
        parts.append(element("circle", element("title", words), cx=f"{a:.1f}", cy=f"{b:.1f}", r=2.6, fill=colour))
        return parts


def who_chart(visits: Sequence[Measurements]) -> Html | None:
    """The child's largest circumferences on the WHO curves of its sex; None without sex or age."""
    sex = next((v.child.sex for v in visits if v.child.sex), None)
    placed = [
        (v.child.norm_days, v["circ.ml"].value, v["circ.ml"].std)
        for v in visits
        if v.child.norm_days is not None and 0 <= v.child.norm_days <= LAST_DAY and v["circ.ml"].value is not None
    ]
    if sex is None or not placed:
        return None
    last = min(LAST_DAY, max(365.0, max(d for d, _, _ in placed) * 1.25))
    days = np.unique(np.round(np.linspace(0, last, 80)))
    curves = {z: circumference_curve(sex, days, z) for z in (-3.0, -2.0, 0.0, 2.0, 3.0)}
    values = [value for _, value, _ in placed]
    frame = _Frame((0, last / 30.4375), (min(*curves[-3.0], *values), max(*curves[3.0], *values)))
    who = "boys" if sex == "male" else "girls"
    parts = frame.axes("months (corrected where born early)", f"Largest circumference, mm, on the WHO curves of {who}")
    for z, curve in curves.items():
        parts.append(frame.curve(days / 30.4375, curve, "#888", 1.2 if z == 0 else 0.7))
        x, y = frame.at(last / 30.4375, curve[-1])
        parts.append(_label(min(x, _LEFT + _WIDTH) + 3, y + 2, f"{z:+.0f} SD" if z else "median", "start"))
    for day, value, std in placed:
        assert day is not None and value is not None
        parts += frame.mark(day / 30.4375, value, std, "#b45309", f"{value:.1f} mm at {day:.0f} days")
    return _svg(parts, "circumference on the WHO curves")


def trend(visits: Sequence[Measurements], id: str, title: str, lines: Mapping[str, float]) -> Html | None:
    """A measure over the visits, with 95 % bars and named level lines; None where no visit has age and value."""
    placed = [
        (v.child.age_days / 30.4375, v[id].value, v[id].std)
        for v in visits
        if v.child.age_days is not None and v[id].value is not None
    ]
    if not placed:
        return None
    values = [value for _, value, _ in placed if value is not None]
    low, high = min(*values, *lines.values(), values[0] - 1), max(*values, *lines.values(), values[0] + 1)
    first, last = placed[0][0], placed[-1][0]
    room = max(1.0, 0.3 * (last - first))
    frame = _Frame((max(0.0, first - room), last + room), (low, high))
    parts = frame.axes("months", title)
    for words, level in lines.items():
        _, y = frame.at(frame.x0, level)
        parts.append(element("path", d=f"M{_LEFT} {y:.1f}h{_WIDTH}", stroke="#b00020", stroke_dasharray="3 3"))
        parts.append(_label(_LEFT + _WIDTH + 3, y + 2, words, "start"))
    if len(placed) > 1:
        parts.append(frame.curve([x for x, _, _ in placed], values, "#2b6c96", 1))
    for x, value, std in placed:
        assert value is not None
        parts += frame.mark(x, value, std, "#2b6c96", f"{value:.1f} at {x:.1f} months")
    return _svg(parts, title)


def _label(x: float, y: float, words: str, anchor: str) -> Html:
    return element("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, style="font-size:9px")


def _svg(parts: Sequence[Html], label: str) -> Html:
    box = f"0 0 {_LEFT + _WIDTH + 52} {_TOP + _HEIGHT + 28}"
    return element("svg", *parts, viewbox=box, role="img", aria_label=label)
