"""The one HTML writer: elements whose text is escaped, documents with tables and pictures, written atomically.

Every page of the package is made here. A document needs no network and no script; its content policy forbids both.
"""

import datetime
import html
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import inface
from inface.codecs import atomic_write

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data: 'self' file:"
_SCRIPTED = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
Attribute = str | float | bool | None


class Html(str):
    """Text that is HTML already. Everything else that goes into a page is escaped."""

    __slots__ = ()


def element(tag: str, *children: Any, **attributes: Attribute) -> Html:
    """One element. Children that are `Html` go in as they are, any other is escaped; None is left out.

    Attribute names lose a last underscore and have hyphens for the others (`class_`, `text_anchor`); None and False
    leave the attribute out.

    >>> element("p", "a < b ", element("b", "bold"), class_="note")
    '<p class="note">a &lt; b <b>bold</b></p>'
    """
    opened = f"<{tag}" + "".join(_attribute(name, value) for name, value in attributes.items()) + ">"
    inner = join(children)
    return Html(opened if tag in _VOID and not inner else f"{opened}{inner}</{tag}>")


def join(children: Iterable[Any]) -> Html:
    """Children one after the other, escaped where they are not `Html`."""
    return Html("".join(c if isinstance(c, Html) else html.escape(str(c)) for c in children if c is not None))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[int] = (1,)) -> Html:
    """A table that scrolls by itself where it is wider than the page; `numbers` are the columns set to the right."""
    kinds = ["n" if i in numbers else None for i in range(len(columns))]
    head = element("tr", *(element("th", c, class_=k, scope="col") for c, k in zip(columns, kinds, strict=True)))
    body = [element("tr", *(element("td", c, class_=k) for c, k in zip(row, kinds, strict=True))) for row in rows]
    return element("div", element("table", element("thead", head), element("tbody", *body)), class_="scroll")


def facts(pairs: Mapping[str, Any]) -> Html:
    """What a page is about, as a list of names and values; empty values are left out."""
    shown = {name: value for name, value in pairs.items() if value not in (None, "")}
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in shown.items()))


def image(source: str, alt: str) -> Html:
    """A picture by its address: a `data:` address or a path relative to the page."""
    return element("img", src=source, alt=alt, loading="lazy")


def figure(picture: Html, *caption: Any) -> Html:
    """A picture with words under it."""
    return element("figure", picture, element("figcaption", *caption))


def bullets(sentences: Iterable[Any]) -> Html:
    """A list of sentences."""
    return element("ul", *(element("li", sentence) for sentence in sentences))


def document(
    title: str, *parts: Any, subtitle: str = "", about: Mapping[str, Any] | None = None, closing: str = ""
) -> str:
    """A page of text, tables and pictures.

    Args:
        title: heading and name of the window.
        parts: `Html` in order (see `element`); plain text becomes a paragraph.
        subtitle: a sentence under the heading.
        about: name -> value of what was measured: model, cohort, seed; date and version are added.
        closing: the last sentence, in small letters.
    """
    known = {"made": f"{datetime.date.today():%-d %B %Y}", "version": f"inface {inface.__version__}"}
    body = element(
        "main",
        element("h1", title),
        element("p", subtitle, class_="subtitle") if subtitle else None,
        facts({**(about or {}), **{k: v for k, v in known.items() if k not in (about or {})}}),
        *(part if isinstance(part, Html) else element("p", part) for part in parts),
        element("footer", closing) if closing else None,
    )
    return frame(title, body, style=asset("theme.css") + asset("document.css"))


def write_document(path: str | Path, title: str, *parts: Any, **options: Any) -> None:
    """Write a `document`, atomically."""
    write(path, document(title, *parts, **options))


def frame(title: str, body: Html, *, style: str, scripted: bool = False) -> str:
    """The text of a page around its body; only a `scripted` one may run scripts, and none may ask for anything."""
    head = [
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_SCRIPTED if scripted else _POLICY}">'),
        element("meta", name="generator", content=f"inface {inface.__version__}"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        Html(f"<style>\n{style}\n</style>"),
    ]
    return "\n".join(
        ["<!doctype html>", '<html lang="en">', "<head>", *head, "</head>", f"<body>\n{body}\n</body>", "</html>\n"]
    )


def write(path: str | Path, text: str) -> None:
    """Write a page's text, atomically."""
    with atomic_write(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


def asset(name: str) -> str:
    """The text of a file of `assets/`."""
    return (files("inface.pages") / "assets" / name).read_text(encoding="utf-8")


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    name = "viewBox" if name == "viewbox" else name
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
