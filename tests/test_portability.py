"""Nothing that only Linux does: found by reading the source, and tried where it can be."""

import ast
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

import inface
from inface import Mesh, load_population

SOURCE = Path(inface.__file__).parent
LINUX = {"fork", "forkpty", "getuid", "geteuid", "sched_getaffinity", "mkfifo", "setsid", "killpg", "getpgid"}
TEXT = {"read_text", "write_text", "open"}


def calls():
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(SOURCE), node


def test_text_files_name_their_encoding():
    """A Windows program would write cp1252."""
    bare = []
    for path, node in calls():
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in TEXT or any(k.arg == "encoding" for k in node.keywords):
            continue
        if name == "open":
            of_path = isinstance(node.func, ast.Attribute)
            modes = node.args[0:1] if of_path else node.args[1:2]
            modes += [k.value for k in node.keywords if k.arg == "mode"]
            words = [m.value for m in modes if isinstance(m, ast.Constant) and isinstance(m.value, str)]
            if not isinstance(node.func, ast.Attribute) and not any("b" in w for w in words):
                bare.append(f"{path}:{node.lineno}")
        elif isinstance(node.func, ast.Attribute):
            words = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if "utf-8" not in words:  # the encoding may stand in its place
                bare.append(f"{path}:{node.lineno}")
    assert bare == []


def test_no_call_that_windows_lacks():
    found = [
        f"{path}:{node.lineno} os.{node.func.attr}"
        for path, node in calls()
        if isinstance(node.func, ast.Attribute) and node.func.attr in LINUX
        and isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
    ]  # fmt: skip
    assert found == []
    for path in SOURCE.rglob("*.py"):
        words = path.read_text(encoding="utf-8")
        assert "import fcntl" not in words and "import resource" not in words and '"fork"' not in words, path


def test_workers_are_spawned_from_a_script_with_its_guard(tmp_path):
    """As on Windows and macOS: the child imports the script anew."""
    for name in ("a", "b"):
        Mesh(np.eye(3) * 90, [[0, 1, 2]]).export(tmp_path / f"{name}.ply")
    (tmp_path / "script.py").write_text(
        "import multiprocessing\nfrom inface.cli import run\n"
        "if __name__ == '__main__':\n    multiprocessing.set_start_method('spawn')\n"
        "    run(['convert', '.', '--format', 'obj', '--out', 'out', '-j', '2'])\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(SOURCE.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "out").glob("*.obj")) == ["a.obj", "b.obj"]


@pytest.fixture
def cohort(tmp_path):
    """Two scans of a child, whose name the table spells in both forms; files named as macOS names them."""
    composed, apart = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.linspace(-50, 50, 5), np.linspace(-60, 60, 5)), -1).reshape(-1, 2)
    points = np.column_stack([grid, 30 - (grid**2).sum(1) / 200])
    a = (np.arange(4)[:, None] * 5 + np.arange(4)).reshape(-1)
    triangles = np.concatenate([np.stack([a, a + 1, a + 5], 1), np.stack([a + 1, a + 6, a + 5], 1)])
    names = [f"{apart}_1", f"{apart}_2", "ben_1", "ben_2"]
    for name in names:
        Mesh(points + rng.normal(size=points.shape), triangles).export(tmp_path / f"{name}.ply")
    rows = [f"{composed}_1.ply,{composed},3", f"{composed}_2.ply,{apart},9", "ben_1.ply,ben,4", "ben_2.ply,ben,8"]
    (tmp_path / "manifest.csv").write_text("file,subject,age_months\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def test_names_composed_and_decomposed_are_one_child(cohort):
    population = load_population(cohort)
    assert len(population) == 4
    assert len(set(population.subject)) == 2
    table = (cohort / "manifest.csv").read_text(encoding="utf-8").splitlines()
    split = [row + "," + ("train" if i in (0, 2) else "test") for i, row in enumerate(table[1:])]
    (cohort / "manifest.csv").write_text("\n".join([table[0] + ",split", *split]), encoding="utf-8")
    with pytest.raises(inface.FormatError, match="is in both splits"):
        load_population(cohort)


def test_a_population_of_arrays_too():
    template = inface.load_default_model("pca").template
    names = np.array([unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD")])
    population = inface.Population(template, np.stack([template.mesh.vertices] * 2), subject=names)
    assert len(set(population.subject)) == 1
