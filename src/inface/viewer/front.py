"""The page that the server hands out: the browser library's own, with our title, style and script."""

import gzip
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

MAX_UPLOAD = 200_000_000  # bytes of an uploaded file
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='8' fill='%2320639b'/%3E%3Cellipse cx='16' cy='16' rx='9' ry='11' fill='%23f3d9c6'/%3E%3C/svg%3E"
)
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval'; "
        "connect-src 'self' data: blob: ws: wss:; frame-ancestors 'self'; object-src 'none'; base-uri 'none'"
    ),
}


@cache
def page(build: Path) -> bytes:
    """The page's text; `build` is the folder of the browser library's page."""
    text = (build / "index.html").read_text(encoding="utf-8")
    text = text.replace("<title>Viser</title>", "<title>inface viewer</title>").replace(
        'content="Viser client"', 'content="Shape models of infant heads"'
    )
    text = re.sub(r'href="data:image/svg\+xml,[^"]*"', lambda _: f'href="{_ICON}"', text, count=1)
    script = _asset("viewer.js").replace("__MAX_UPLOAD__", str(MAX_UPLOAD))
    ours = f"<style>\n{_asset('viewer.css')}</style>\n<script>\n{script}</script>\n"
    return text.replace("<head>", f"<head>\n{ours}", 1).encode()


@cache
def packed_page(build: Path) -> bytes:
    """The same, deflated."""
    return gzip.compress(page(build), mtime=0)


def _asset(name: str) -> str:
    return (files("inface.viewer") / "assets" / name).read_text(encoding="utf-8")
