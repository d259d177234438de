"""The page of a measured child: drawings, table with errors, norms, visits; prints on A4, opens offline."""

from collections.abc import Sequence
from pathlib import Path

from inface.measurement.norms import cephalic_references, percentile_text
from inface.measurement.results import Measure, Measurements
from inface.pages.document import Html, asset, bullets, element, facts, figure, frame, table, write
from inface.reports.measure_charts import trend, who_chart
from inface.reports.measure_drawings import asymmetry_views, colour_bar, profile_view, top_view
from inface.reports.visits import Comparison, compare

SHOWN = (
    "circ.ml", "length.ml", "width.ml", "height", "ci.ml", "ci.go", "cvai.30.short", "cva.30", "cvai.mid.short",
    "psr.zero", "asr.zero", "v.tot", "ear.shift", "asym.vault", "asym.face", "vno.alae", "ifa.g", "n-gn", "n-sn",
    "en-en",
    "ex-ex", "al-al", "ch-ch", "midline.sn",
)  # fmt: skip
CLOSING = (
    "No diagnosis. Research software, not a medical device: its errors were learnt on simulated scans of synthetic "
    "infants and are not validated on real children. Left and right are the child's own."
)
STYLE = """
main { max-width: 76rem; } svg { max-width: none; } svg .paper { fill: var(--ground); opacity: .85; }
.row { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: .6rem 1.2rem; align-items: start; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; }
.row figcaption { font-size: .8em; padding: .1rem 0; } .row img { border: 0; background: none; }
.refused { color: var(--quiet); } .flag { color: #8a5a00; } .verdict { font-weight: 600; }
table { width: 100%; } td small { margin-left: .4em; } td small.flag { display: block; margin: 0; }
section.child + section.child { break-before: page; border-top: 2px solid var(--line); margin-top: 2rem; }
@media (max-width: 50rem) { .row, .pair { grid-template-columns: 1fr; } }
@page { size: A4; margin: 10mm 12mm; }
@media print {
  :root { color-scheme: light; --ground: #fff; --card: #fff; --ink: #000; --quiet: #333; --line: #bbb; }
  body { background: #fff; font-size: 9.5px; line-height: 1.3; } h1 { font-size: 15px; }
  h2 { font-size: 12px; margin: .5rem 0 .1rem; } th, td { padding: .06rem .5rem; } table { margin: 0; }
  .row { grid-template-columns: 1fr 1fr 1fr !important; } .pair { grid-template-columns: 1fr 1fr !important; }
  dl { margin: .2rem 0 .4rem; padding: .3rem .6rem; gap: .2rem 1.4rem; } footer { margin-top: .5rem; }
  .more { break-before: page; } .scroll { overflow: visible; } p, li, footer { max-width: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def child_section(found: Measurements, earlier: Sequence[Measurements] = ()) -> Html:
    """All of one child as a section of a page; `earlier` visits of the same child in order of age."""
    visits = [*earlier, found]
    comparison = compare(visits) if earlier else None
    title = f"Head measurements: {found.label or 'child'}"
    return element(
        "section",
        element("h1", title),
        facts(_about(found)),
        _warnings(found),
        _drawings(found),
        element("h2", "Measures"),
        _main_table(found, comparison),
        _visits(visits, comparison),
        element("div", element("h2", "Sources and definitions"), bullets(_sources(found)), class_="more"),
        element("h2", "All measures"),
        _full_table(found),
        class_="child",
    )


def write_measure_page(path: str | Path, sections: Sequence[Html]) -> None:
    """Write sections of `child_section` as one page, atomically."""
    body = element("main", *sections, element("footer", CLOSING))
    write(path, frame("Head measurements", body, style=asset("theme.css") + asset("document.css") + STYLE))


def write_measures(path: str | Path, found: Measurements, earlier: Sequence[Measurements] = ()) -> None:
    """The page of one child.

    Examples:
        >>> import inface, tempfile, pathlib
        >>> child = inface.measure(inface.load_default_model("pca").template.mesh, age_months=6, sex="female")
        >>> page = pathlib.Path(tempfile.mkdtemp()) / "page.html"
        >>> write_measures(page, child)
        >>> "LEFT" in page.read_text()
        True
    """
    write_measure_page(path, [child_section(found, earlier)])


def _about(found: Measurements) -> dict[str, object]:
    child = found.child
    age = (
        "not given" if child.age_days is None else f"{child.age_days:.0f} days ({child.age_days / 30.4375:.1f} months)"
    )
    corrected = f"{child.norm_days:.0f} days" if child.corrected and child.norm_days is not None else None
    verdict = "measured as it came, not registered: no errors" if found.verdict == "mesh" else found.verdict
    return {
        "label": found.label or "no label",
        "age": age,
        "corrected age": corrected,
        "sex": child.sex or "not given",
        "date": found.date,
        "scan": element("span", verdict, class_="verdict"),
        "software": f"inface {found.versions.get('inface', '')}",
    }


def _warnings(found: Measurements) -> Html | None:
    if not found.notes:
        return None
    return element("ul", *(element("li", note, class_="flag") for note in found.notes))


def _drawings(found: Measurements) -> Html | None:
    top, side = top_view(found), profile_view(found)
    maps = asymmetry_views(found)
    if top is None and side is None and not maps:
        return None
    shown = [figure(picture, words) for words, picture in maps]
    asymmetry = element("div", element("div", *shown, class_="pair"), colour_bar()) if shown else None
    return element(
        "div",
        figure(top, "From above. ", element("span", "cvai is plus where the back is flat on the LEFT."))
        if top
        else None,
        figure(side, "From the left side.") if side else None,
        figure(asymmetry, "Distance of the skin from its mirror image.") if asymmetry else None,
        class_="row",
    )


def _main_table(found: Measurements, comparison: Comparison | None) -> Html:
    columns = ["measure", "value ± SD", "95 %", "beside its norm", "seen"]
    if comparison is not None:
        columns.insert(3, "change")
    rows = []
    for id in SHOWN:
        m = found.measures.get(id)
        if m is None:
            continue
        row = [_name(m), _value(m), _interval(m), _norm(found, m), f"{m.seen:.0%}"]
        if comparison is not None:
            row.insert(3, _change(comparison, id))
        rows.append(row)
    return table(columns, rows, numbers=(1, 2))


def _name(m: Measure) -> Html:
    return element("span", m.words, " ", element("small", m.id, class_="quiet"))


def _value(m: Measure) -> Html:
    flags = [element("small", flag, class_="flag") for flag in m.flags if m.value is not None]
    kind = "refused" if m.value is None else None
    return element("span", m.text(), *flags, class_=kind)


def _interval(m: Measure) -> str:
    if m.value is None or m.low is None or m.high is None:
        return ""
    digits = 3 if not m.unit else 0 if m.unit == "ml" else 1
    return f"{m.low:.{digits}f} to {m.high:.{digits}f}"


def _norm(found: Measurements, m: Measure) -> str:
    """The norm in a table's cell; sources stand in full below."""
    if m.value is None:
        return "; ".join(m.flags)
    if m.z is not None and m.percentile is not None:
        return f"z {m.z:+.2f}, centile {percentile_text(m.percentile)} (WHO)"
    if m.id in ("ci.go", "ci.dyn", "ci.ml"):
        known = cephalic_references(found.child)
        return " · ".join(f"{name.split(',')[0]} {mean:.1f}" for name, mean in known) or "no published mean at this age"
    if m.id in ("cvai.30.short", "cvai.30.abs"):
        side = "left" if m.value > 0 else "right"
        return m.reference.split(" (")[0] + (f", flatter back {side}" if abs(m.value) >= 3.5 else "")
    return "no norm"


def _change(comparison: Comparison, id: str) -> Html | str:
    c = comparison.changes.get(id)
    if c is None:
        return ""
    error = "" if c.std is None else f" ± {c.std:.1f}"
    verdict = {True: "beyond error", False: "within error", None: "error unknown"}[c.beyond_error]
    grown = "" if c.expected is None else f"; by WHO {c.expected:+.1f}"
    return element("span", f"{c.change:+.1f}{error}", element("small", verdict + grown, class_="quiet"))


def _visits(visits: Sequence[Measurements], comparison: Comparison | None) -> Html:
    charts = [
        who_chart(visits),
        trend(visits, "cvai.30.abs", "|CVAI|, % (30°, shorter diagonal), with grade lines",
              {"3.5": 3.5, "6.25": 6.25, "8.75": 8.75, "11": 11.0}),
        trend(visits, "ci.ml", "Cephalic index (largest level), %", {}),
    ]  # fmt: skip
    shown = [figure(chart) for chart in charts if chart is not None]
    if not shown:
        return element("p", "No WHO curve and no trend: the age or the sex is not given.", class_="quiet")
    notes = bullets(comparison.notes) if comparison is not None and comparison.notes else None
    words = element("h2", f"{len(visits)} visits" if len(visits) > 1 else "Norms and trend")
    return element("div", words, notes, element("div", *shown, class_="row"))


def _sources(found: Measurements) -> list[Html | str]:
    out: list[Html | str] = []
    for id in ("circ.ml", "ci.ml", "cvai.30.short"):
        m = found.measures.get(id)
        if m is not None and m.value is not None and m.reference:
            out.append(element("span", element("b", m.words), f" ({id}): {m.reference}"))
    a, b = found.measures.get("cvai.30.short"), found.measures.get("cvai.mid.short")
    if a is not None and b is not None and a.value is not None and b.value is not None:
        out.append(
            f"Two asymmetry indices: cvai.30.short ({a.value:.2f} %) takes left and right from the line of the tragia, "
            f"cvai.mid.short ({b.value:.2f} %) from the midsagittal plane, as INFACE's reference does; they differ by "
            f"{b.value - a.value:+.2f}, the more so the farther one ear lies forward of the other. Grades belong to "
            "the first; keep to one of them in a trend."
        )
    out.append("Volumes are those under the skin above the plane of nasion and tragia, not inside the bone.")
    out.append(
        "SD: of the error of one value; 95 %: the interval in which the true value of a simulated head lay 95 times in "
        "a hundred. Seen: share of what a measure is read from that the scan shows; below 50 % there is no value."
    )
    out.append("; ".join(f"{name} {value}" for name, value in found.versions.items()))
    return out


def _full_table(found: Measurements) -> Html:
    rows, refused = [], []
    for m in found.measures.values():
        if m.value is None:
            refused.append(m)
            continue
        flags = element("span", m.definition, *(element("small", f, class_="flag") for f in m.flags))
        rows.append([m.id, m.text(), _interval(m), "" if m.z is None else f"{m.z:+.2f}", f"{m.seen:.0%}", flags])
    shown = table(["id", "value ± SD", "95 %", "z", "seen", "definition (source)"], rows, numbers=(1, 2, 3))
    if not refused:
        return shown
    reasons: dict[str, list[str]] = {}
    for m in refused:
        reasons.setdefault("; ".join(m.flags), []).append(m.id)
    missing = bullets(f"{', '.join(ids)}: {why}" for why, ids in reasons.items())
    return element("div", shown, element("h3", "Not measured"), missing)
