"""Drawings of one measured head: from above with its diagonals, from the side, and its asymmetry; SVG and PNG."""

import base64

import numpy as np

from inface._validate import FloatArray
from inface.measurement.face import asymmetry_map
from inface.measurement.head import Head, Unmeasurable
from inface.measurement.results import Measurements
from inface.pages.document import Html, element, image
from inface.pictures.colours import Legend
from inface.pictures.shade import png_bytes, shade

MAP_LIMIT = 5.0  # mm at both ends of the colours of asymmetry, the same on every page so that pages can be compared
UNSEEN = (0.62, 0.62, 0.62)
LEFT, RIGHT = "#2b6c96", "#b45309"
_PIXELS = 330


def top_view(found: Measurements) -> Html | None:
    """The outline that was measured, from above: nose up, left and right written, each length at its line."""
    head = found.head
    if head is None or "circumference" not in found.lines:
        return None
    cut, origin = head.go, head.point("op")
    inside = head.point("n") - origin

    def flat(points: FloatArray) -> FloatArray:
        """To the page: nose up, the subject's left at the left, mm."""
        offset = np.atleast_2d(points) - origin
        return np.stack([-(offset @ cut.left), -(offset @ cut.forward)], 1)

    corners = cut.outline.corners
    ring = np.stack([-corners[:, 1], -corners[:, 0]], 1)
    low, high = ring.min(0) - [38, 24], ring.max(0) + [38, 16]
    parts = [_nose(ring, flat(origin + inside)), *_ears(head, flat)]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring) + "Z"
    parts.append(element("path", d=path, fill="none", stroke="currentColor", stroke_width=1.2))
    for id, colour, degrees in (("diagonal.l", LEFT, 30), ("diagonal.r", RIGHT, -30), ("width.go", "#777", 90)):
        angle = np.radians(degrees)
        ends = cut.outline.chord_ends(np.array([np.cos(angle), np.sin(angle)]))
        parts += _measured(np.stack([-ends[:, 1], -ends[:, 0]], 1), found, id, colour)
    parts += _measured(flat(np.stack([head.point("op"), head.point("g")])), found, "length.go", "#777")
    middle = float((ring[:, 1].min() + ring[:, 1].max()) / 2)
    for x, word, anchor in ((low[0] + 2, "LEFT", "start"), (high[0] - 2, "RIGHT", "end")):
        parts.append(_text(x, middle, word, anchor, size=8, bold=True))
    parts.append(_text(0, low[1] + 7, "FRONT (nose)", "middle", size=6))
    parts.append(_text(0, high[1] - 3, "BACK", "middle", size=6))
    return _svg(low, high, "the head from above with both diagonals", parts)


def _nose(ring: FloatArray, at: FloatArray) -> Html:
    top = ring[:, 1].min()
    return element("path", d=f"M-6 {top + 1:.1f}Q0 {top - 14:.1f} 6 {top + 1:.1f}", fill="none", stroke="#999")


def _ears(head: Head, flat) -> list[Html]:
    out = []
    for name in ("t_l", "t_r"):
        x, y = flat(head.point(name))[0]
        out.append(element("ellipse", cx=f"{x:.1f}", cy=f"{y + 6:.1f}", rx=3, ry=9, fill="none", stroke="#999"))
    return out


def _measured(ends: FloatArray, found: Measurements, id: str, colour: str) -> list[Html]:
    """A line and its length, written near its front end."""
    (x1, y1), (x2, y2) = ends
    value = found[id].value
    line = element(
        "line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", stroke=colour, stroke_width=1
    )
    words = "not seen" if value is None else f"{value:.1f} mm"
    if id.startswith("diagonal"):  # outside the outline, at the front end
        front = ends[int(ends[:, 1].argmin())]
        side = -1 if id.endswith("l") else 1
        return [
            line,
            _text(front[0] + 3 * side, front[1], words, "end" if side < 0 else "start", size=7, colour=colour),
        ]
    share = {"length.go": 0.27, "width.go": 0.72 if x1 < x2 else 0.28}[id]
    x, y = x1 + share * (x2 - x1), y1 + share * (y2 - y1)
    paper = element("rect", x=f"{x - 17:.1f}", y=f"{y - 6:.1f}", width=34, height=8.5, class_="paper", fill="#fff")
    return [line, paper, _text(x, y, words, "middle", size=7, colour=colour if colour != "#777" else None)]


def profile_view(found: Measurements) -> Html | None:
    """The midline from the left side, the planes of nasion-tragia and of the circumference, and the height."""
    head = found.head
    if head is None:
        return None
    try:
        up, forward, side, origin = head.up, head.forward, head.lateral, head.origin
    except Unmeasurable:
        return None

    def flat(points: FloatArray) -> FloatArray:
        offset = np.atleast_2d(points) - origin
        return np.stack([-(offset @ forward), -(offset @ up)], 1)  # the face looks to the left of the page

    middle = _midline(head, side, origin)
    places = flat(middle.reshape(-1, 3)).reshape(-1, 2, 2)
    low, high = places.reshape(-1, 2).min(0) - [8, 12], places.reshape(-1, 2).max(0) + [16, 10]
    path = "".join(f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" for a, b in places)
    parts = [element("path", d=path, fill="none", stroke="currentColor", stroke_width=1.2)]
    for points, words, dash in (
        (np.stack([head.point("n"), origin]), "nasion-tragia", "3 2"),
        (found.lines.get("length", np.zeros((0, 3))), "circ.go", None),
    ):
        if len(points) == 2:
            ends = flat(points) if words == "nasion-tragia" else flat(np.stack([head.point("op"), head.point("g")]))
            (x1, y1), (x2, y2) = ends
            parts.append(element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", stroke="#777",
                                 stroke_dasharray=dash))  # fmt: skip
            parts.append(_text((x1 + x2) / 2, (y1 + y2) / 2 - 2, words, "middle", size=6))
    height = found["height"].value
    if height is not None:
        parts.append(element("line", x1=0, y1=0, x2=0, y2=f"{-height:.1f}", stroke=LEFT))
        parts.append(_text(-3, -height * 0.72, f"height {height:.1f} mm", "end", size=7, colour=LEFT))
    for name in ("n", "g", "op", "sn", "gn"):
        if head.has(name):
            x, y = flat(head.point(name))[0]
            parts.append(element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=1.5, fill=RIGHT))
            parts.append(
                _text(x + (3 if name == "op" else -3), y + 2, name, "start" if name == "op" else "end", size=6)
            )
    parts.append(_text(low[0] + 2, low[1] + 8, "face to the left: seen from the LEFT side", "start", size=6))
    return _svg(low, high, "the head from its left side", parts)


def _midline(head: Head, side: FloatArray, origin: FloatArray) -> FloatArray:
    """Pieces `(n, 2, 3)` of the skin's section along the middle."""
    triangles = head.anatomy.triangles
    height = (head.vertices - origin) @ side
    h = height[triangles]
    across = (h.min(1) < 0) & (h.max(1) >= 0)
    out = []
    for t, k in zip(triangles[across], h[across], strict=True):
        ends = []
        for i, j in ((0, 1), (1, 2), (2, 0)):
            if (k[i] < 0) != (k[j] < 0):
                s = k[i] / (k[i] - k[j])
                ends.append(head.vertices[t[i]] * (1 - s) + head.vertices[t[j]] * s)
        if len(ends) == 2:
            out.append(ends)
    return np.array(out)


def asymmetry_views(found: Measurements) -> list[tuple[str, Html]]:
    """Caption and picture of the vault from above and the face from in front, coloured by distance from the mirror
    image; what was not seen is grey. Empty where the topology has no mirror pairs."""
    head = found.head
    if head is None:
        return []
    out = []
    legend = Legend("mm from the mirror image", -MAP_LIMIT, MAP_LIMIT, True)
    for region, words in (("vault", "vault from above, nose up"), ("face", "face from in front")):
        try:
            ids, off = asymmetry_map(head, region)
            axes = np.stack([head.lateral, head.up, head.forward])
        except Unmeasurable:
            continue
        colours = np.tile([0.9, 0.88, 0.85], (len(head.vertices), 1))
        shown = np.asarray(off, float).copy()
        if found.seen is not None:
            shown[~found.seen[ids]] = np.nan
        colours[ids] = np.where(np.isfinite(shown)[:, None], legend.colors(np.nan_to_num(shown)), UNSEEN)
        # above: the page's right is the subject's right; in front: the page's right is the subject's left
        view = np.stack([-axes[0], axes[2], axes[1]]) if region == "vault" else axes
        shape = head.smooth if region == "vault" else head.vertices
        picture = shade(shape, head.anatomy.triangles, colors=colours, view=view, pixels=_PIXELS)
        mean = float(np.nanmean(np.abs(shown))) if np.isfinite(shown).any() else float("nan")
        sides = "left | right" if region == "vault" else "right | left"
        data = base64.b64encode(png_bytes(picture)).decode()
        alt = f"asymmetry of the {words}"
        out.append((f"{words} ({sides}): mean {mean:.1f} mm", image(f"data:image/png;base64,{data}", alt)))
    return out


def colour_bar() -> Html:
    """The colours of the asymmetry maps."""
    legend = Legend("mm", -MAP_LIMIT, MAP_LIMIT, True)
    steps = np.linspace(-MAP_LIMIT, MAP_LIMIT, 41)
    parts = []
    for k, colour in enumerate(legend.colors(steps)):
        code = "#" + "".join(f"{round(255 * c):02x}" for c in colour)
        parts.append(element("rect", x=40 + 4 * k, y=2, width=4.2, height=8, fill=code))
    for at, words, anchor in (
        (38, f"-{MAP_LIMIT:g} mm (lies in)", "end"),
        (208, f"+{MAP_LIMIT:g} mm (stands out)", "start"),
    ):
        parts.append(_text(at, 9, words, anchor, size=7))
    parts.append(element("rect", x=300, y=2, width=8, height=8, fill="#9e9e9e"))
    parts.append(_text(311, 9, "not seen", "start", size=7))
    return element("svg", *parts, viewbox="-30 0 390 13", role="img", aria_label="colours of the asymmetry maps")


def _text(x: float, y: float, words: str, anchor: str, *, size: float, bold: bool = False, colour: str | None = None):
    style = f"font-size:{size}px" + (";font-weight:700" if bold else "") + (f";fill:{colour}" if colour else "")
    return element("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, style=style)


def _svg(low: FloatArray, high: FloatArray, label: str, parts: list[Html]) -> Html:
    box = f"{low[0]:.1f} {low[1]:.1f} {high[0] - low[0]:.1f} {high[1] - low[1]:.1f}"
    return element("svg", *parts, viewbox=box, role="img", aria_label=label)
