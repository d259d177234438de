"""The HTML writer: what is escaped, what a browser makes of a document."""

import numpy as np
import pytest

from inface.pages.document import Html, document, element, facts, table, write_document
from inface.pages.plots import bars, lines, ticks

EVIL = "<img src=x onerror=alert(1)> & \"quoted\" 'too'"


def test_text_is_escaped_everywhere_it_can_stand():
    page = document(EVIL, EVIL, table([EVIL], [[EVIL]]), facts({EVIL: EVIL}), subtitle=EVIL, about={EVIL: EVIL})
    drawn = bars([EVIL], [1.0], label=EVIL) + lines(
        {EVIL: ([0, 1], [0, 1]), "b": ([0], [1])}, x_label=EVIL, y_label=EVIL
    )
    for text in (page, drawn, element("p", title=EVIL)):
        assert "<img" not in text and 'alert(1)> & "' not in text


def test_html_goes_in_as_it_is_and_names_of_attributes_are_spelt():
    made = element("text", Html("<b>x</b>"), None, 3, text_anchor="end", class_="a", hidden=True, title=None)
    assert made == '<text text-anchor="end" class="a" hidden><b>x</b>3</text>'
    assert element("img", src="a.png", alt="") == '<img src="a.png" alt="">'


def test_a_document_forbids_scripts_and_says_what_it_is_about():
    page = document("Title", "text", about={"model": "pca", "seed": 0, "none": ""})
    policy = page.split('Content-Security-Policy" content="')[1].split('"')[0]
    assert policy.startswith("default-src 'none'") and "script-src" not in policy
    assert "<dt>model</dt><dd>pca</dd>" in page and "<dt>seed</dt><dd>0</dd>" in page and "<dt>none" not in page
    assert "<dt>made</dt>" in page and "<dt>version</dt>" in page
    assert "<dd>then</dd>" in document("Title", about={"made": "then"})


@pytest.mark.parametrize("low, high", [(0, 97), (-3.2, 0.4), (5, 5), (0, 0), (1e-6, 2e-6), (0, 1e7)])
def test_ticks_are_round_and_hold_the_numbers(low, high):
    found = ticks(low, high)
    assert found[0] <= low and found[-1] >= high and 2 <= len(found) <= 8
    steps = np.diff(found)
    assert np.allclose(steps, steps[0])


def test_plots_take_what_is_not_finite():
    assert "not a number" in bars(["a", "b"], [np.nan, 1.0])
    assert "nothing to plot" in lines({"a": ([], [])}, x_label="x", y_label="y")
    assert "nan" not in lines({"a": ([0, 1, 2], [0, np.nan, 2])}, x_label="x", y_label="y")


@pytest.mark.browser
@pytest.mark.parametrize("width, height", [(360, 640), (390, 844), (1280, 720)])
def test_a_document_fits_any_window(tmp_path, chromium, width, height):
    wide = table([f"column {i}" for i in range(14)], [[f"value {i}" for i in range(14)]] * 3)
    plot = lines({"mm": (range(20), range(20))}, x_label="modes", y_label="mm")
    name = "a_very_long_name_without_a_break_" * 5
    write_document(tmp_path / "a.html", name, "text", wide, plot, about={"cohort": name})
    with chromium() as browser:
        browser.resize(width, height)
        browser.open((tmp_path / "a.html").as_uri())
        assert browser.run("return document.documentElement.scrollWidth") <= width
        nested = "return document.querySelectorAll('svg path *, svg rect *, svg polyline *, img *').length"
        assert browser.run(nested) == 0, "what follows a shape must not lie inside it, where nothing is drawn"
        assert browser.console_errors() == []
