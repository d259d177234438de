"""`inface example` and the README's block of commands: a newcomer pastes it from top to bottom."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inface import Mesh
from inface.cli import VERBS
from inface.codecs.masks import read_mask

README = Path(__file__).parents[2] / "README.md"


def block():
    """The commands of the README, without their comments."""
    text = README.read_text(encoding="utf-8")
    found = re.search(r"## On the command line\n+```sh\n(.*?)```", text, re.S)
    return [line.split("  #")[0].split(" # ")[0].strip() for line in found[1].splitlines() if line.strip()]


def test_every_name_in_the_block_is_there_when_it_is_needed(inface, tmp_path):
    """A file is written by the example or by an earlier line; a verb and its options are known."""
    lines = block()
    assert lines[0] == "inface example example && cd example"
    code, _, err = inface("example", tmp_path / "example")
    assert code == 0, err
    known = {str(p.relative_to(tmp_path / "example")) for p in (tmp_path / "example").rglob("*")}
    assert {"scan.ply", "unknown.npy", "crying.ply", "faces/anna.ply", "scans/ben.ply"} <= known
    made = {"pca", "disentangled", "autoencoder"}
    for line in lines[1:]:
        words = shlex.split(line)
        assert words[0] == "inface" and words[1] in VERBS, line
        outputs = {words[i + 1] for i, word in enumerate(words) if word in ("--out", "-o")}
        outputs |= {w for w in words if w.endswith(".html")}
        options = {words[i + 1] for i, w in enumerate(words[:-1]) if w.startswith("-") and w not in ("--keep-detail",)}
        for word in words[2:]:
            name = word.rstrip("/")
            if word.startswith("-") or word in outputs or (word in options and "." not in word):
                continue
            if "*" in name:
                assert any(Path(k).match(name) for k in known), line
            elif name not in ("cohort",) or words[1] != "synth":
                assert name in known | made, f"{line}: '{name}' is written by nothing before"
        made |= {o.rstrip("/") for o in outputs}


def test_the_example_is_what_it_says(inface, tmp_path):
    assert inface("example", tmp_path / "e")[0] == 0
    scan, mask = Mesh.load(tmp_path / "e" / "scan.ply"), read_mask(tmp_path / "e" / "unknown.npy")
    np.testing.assert_array_equal(np.isnan(scan.vertices).all(1), mask)
    raw = Mesh.load(tmp_path / "e" / "scans" / "anna.ply").info()
    assert raw.unit == "m" and raw.vertices == len(mask)
    before = (tmp_path / "e" / "scan.ply").read_bytes()
    code, _, err = inface("example", tmp_path / "e")
    assert code == 1 and "holds something already" in err
    assert (tmp_path / "e" / "scan.ply").read_bytes() == before
    inface("example", tmp_path / "f")
    assert (tmp_path / "f" / "scans" / "ben.ply").read_bytes() == (tmp_path / "e" / "scans" / "ben.ply").read_bytes()


@pytest.mark.slow
def test_the_block_pasted_from_top_to_bottom(tmp_path):
    """Every line in one shell; only the viewer, which waits for a browser, is told not to."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "inface"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m inface "$@"\n')
    program.chmod(0o755)
    lines = [line for line in block() if not line.startswith("inface view")]
    environment = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "INFACE_NO_WINDOW": "1"}
    done = subprocess.run(
        ["sh", "-e"],
        input="\n".join(lines),
        text=True,
        capture_output=True,
        cwd=tmp_path,
        env=environment,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    for name in (
        "whole/scan.ply",
        "neutral/anna.ply",
        "two-years/ben.ply",
        "registered/index.html",
        "model.h5",
        "model.html",
    ):
        assert (tmp_path / "example" / name).is_file(), name
