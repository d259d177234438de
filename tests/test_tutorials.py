"""Each tutorial is followed from top to bottom, in an empty folder, as a reader would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted((DOCS / "tutorials").glob("*.md"))


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, code) of each block that a reader runs."""
    return re.findall(r"^```(sh|python)\n(.*?)^```", page, re.M | re.S)


LONG = {"register", "measure"}  # CI runs them by name


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=pytest.mark.slow if p.stem in LONG else (), id=p.stem) for p in PAGES]
)
def test_a_tutorial_runs(page, tmp_path):
    beside = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": beside + os.pathsep + os.environ["PATH"], "INFACE_NO_WINDOW": "1"}
    ran = blocks(page.read_text())
    assert len(ran) >= 3
    for language, code in ran:
        command = ["bash", "-euo", "pipefail", "-c", code] if language == "sh" else [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"


def test_each_picture_of_the_gallery_is_there_and_has_a_command_that_is_there():
    text = (DOCS / "gallery.md").read_text()
    pictures = re.findall(r"\]\((images/[^)]+)\)", text)
    assert pictures and all((DOCS / p).is_file() for p in pictures)
    scripts = re.findall(r"`python (\S+)", text)
    assert scripts and all((DOCS.parent / s).is_file() for s in scripts)
