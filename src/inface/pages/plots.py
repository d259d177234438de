"""Plots as inline SVG: plain numbers in, `Html` out. Nothing here knows what the numbers mean."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from inface.pages.document import Html, element

_ROW, _BAR = 22, 240
_LEFT, _TOP, _WIDTH, _HEIGHT = 62, 16, 520, 220
_COLOURS = ("#2b6c96", "#b45309", "#2f7d4f", "#8a4f9e", "#64748b")


def bars(
    names: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float] | None] | None = None,
    *,
    label: str = "bars",
) -> Html:
    """Horizontal bars from zero, each with its number and, where given, its interval `(low, high)` as a line.

    >>> bars(["a", "b"], [1.0, 2.0])[:4]
    '<svg'
    """
    spans = list(intervals) if intervals is not None else [None] * len(values)
    ends = [max(v, 0.0 if s is None else s[1]) for v, s in zip(values, spans, strict=True)]
    top = max([e for e in ends if np.isfinite(e)], default=0.0) or 1.0
    side = min(260, 24 + 7 * max((len(n) for n in names), default=0))  # room for the names
    parts: list[Html] = []
    for i, (name, value, span, end) in enumerate(zip(names, values, spans, ends, strict=True)):
        y, tall = i * _ROW + 4, _ROW - 7
        parts.append(element("text", name, x=side - 8, y=y + 13, text_anchor="end"))
        if not np.isfinite(value):
            parts.append(element("text", "not a number", x=side + 6, y=y + 13))
            continue
        wide = _BAR * max(value, 0) / top
        parts.append(element("rect", x=side, y=y, width=f"{wide:.1f}", height=tall, class_="bar"))
        if span is not None:
            a, b = (side + _BAR * max(x, 0) / top for x in span)
            parts.append(element("path", d=f"M{a:.1f} {y + tall / 2}H{b:.1f}", class_="interval"))
        parts.append(element("text", f"{value:.2f}", x=f"{side + _BAR * max(end, 0) / top + 6:.1f}", y=y + 13))
    return _svg(side + _BAR + 60, _ROW * len(names) + 6, label, parts)


def lines(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x_label: str,
    y_label: str,
    zero: bool = True,
    points: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
) -> Html:
    """Curves `name -> (x, y)` in one frame with round ticks, named where there are several; `points` are dots on top.

    Args:
        zero: the lower end of y is 0 (or below); otherwise what the numbers span.
    """
    drawn = {k: _finite(v) for k, v in curves.items()}
    dots = {k: _finite(v) for k, v in (points or {}).items()}
    xs = np.concatenate([v[0] for v in (*drawn.values(), *dots.values())] or [np.zeros(0)])
    ys = np.concatenate([v[1] for v in (*drawn.values(), *dots.values())] or [np.zeros(0)])
    if not len(xs):
        return element("p", "nothing to plot", class_="quiet")
    x_ticks = ticks(float(xs.min()), float(xs.max()))
    y_ticks = ticks(min(0.0, float(ys.min())) if zero else float(ys.min()), float(ys.max()))
    x_low, x_high = min(x_ticks[0], xs.min()), max(x_ticks[-1], xs.max())
    y_low, y_high = min(y_ticks[0], ys.min()), max(y_ticks[-1], ys.max())

    def at(x: np.ndarray | float, y: np.ndarray | float) -> tuple:
        return (
            _LEFT + _WIDTH * (np.asarray(x) - x_low) / (x_high - x_low),
            _TOP + _HEIGHT * (1 - (np.asarray(y) - y_low) / (y_high - y_low)),
        )

    parts = _axes(at, x_ticks, y_ticks, x_label, y_label)
    for i, (name, (x, y)) in enumerate(drawn.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(*at(x, y), strict=True))
        parts.append(element("polyline", points=path, fill="none", stroke=colour, stroke_width=2))
        if len(drawn) > 1:
            parts.append(element("text", name, x=_LEFT + _WIDTH + 8, y=_TOP + 14 + 18 * i, fill=colour))
    for i, (name, (x, y)) in enumerate(dots.items()):
        for a, b in zip(*at(x, y), strict=True):
            dot = element(
                "circle", element("title", name), cx=f"{a:.1f}", cy=f"{b:.1f}", r=4, fill=_COLOURS[(i + 1) % 5]
            )
            parts.append(dot)
    side = 150 if len(drawn) > 1 else 20
    return _svg(_LEFT + _WIDTH + side, _TOP + _HEIGHT + 50, f"{y_label} against {x_label}", parts, "curves")


def ticks(low: float, high: float, count: int = 5) -> np.ndarray:
    """About `count` round numbers that hold `low` to `high`.

    >>> ticks(0, 97).tolist()
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    if not high > low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / count
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    return np.arange(np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9) + 1) * step


def _finite(curve: tuple[ArrayLike, ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
    x, y = (np.asarray(v, float).ravel() for v in curve)
    keep = np.isfinite(x) & np.isfinite(y)
    return x[keep], y[keep]


def _axes(at, x_ticks: np.ndarray, y_ticks: np.ndarray, x_label: str, y_label: str) -> list[Html]:
    parts = []
    for tick in y_ticks:
        _, y = at(x_ticks[0], tick)
        parts.append(element("path", d=f"M{_LEFT} {y:.1f}h{_WIDTH}", class_="grid"))
        parts.append(element("text", f"{tick:.6g}", x=_LEFT - 8, y=f"{y + 4:.1f}", text_anchor="end"))
    for tick in x_ticks:
        x, _ = at(tick, y_ticks[0])
        parts.append(element("text", f"{tick:.6g}", x=f"{x:.1f}", y=_TOP + _HEIGHT + 18, text_anchor="middle"))
    middle = _TOP + _HEIGHT / 2
    parts.append(element("text", x_label, x=_LEFT + _WIDTH / 2, y=_TOP + _HEIGHT + 40, text_anchor="middle"))
    parts.append(element("text", y_label, x=14, y=middle, transform=f"rotate(-90 14 {middle})", text_anchor="middle"))
    return parts


def _svg(width: float, height: float, label: str, parts: Sequence[Html], kind: str | None = None) -> Html:
    room = f"max-width:{1.2 * width:.0f}px"
    return element(
        "svg", *parts, class_=kind, style=room, viewbox=f"0 0 {width:g} {height:g}", role="img", aria_label=label
    )
