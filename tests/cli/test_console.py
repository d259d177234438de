"""Options before the verb, help, and consoles of other systems."""

import json
import os
import subprocess
import sys
import unicodedata

import numpy as np
import pytest

import inface as package
from inface import Mesh
from inface.cli import VERBS, batch
from inface.errors import InfaceError

TRIANGLE = Mesh(np.eye(3) * 90, [[0, 1, 2]])


def process(*words, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "inface", *map(str, words)],
        capture_output=True, cwd=cwd, env={**os.environ, **environment}, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("words", [("-h",), ("--help",), ("help",)])
def test_help_lists_every_verb(inface, words):
    code, out, _ = inface(*words)
    assert code == 0
    assert all(verb.split("_")[0] in out for verb in VERBS)  # a module may hold a verb of two words
    assert "--install-completion" in out


def test_help_of_a_verb_is_that_of_its_own_option(inface, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    told = inface("help", "convert")[1]
    assert "--format" in told and "FILE..." in told
    assert inface("convert", "-h")[0] == 0
    code, _, err = inface("help", "frobnicate")
    assert code == 1 and "no verb 'frobnicate'; there are" in err


def test_version(inface):
    for word in ("--version", "-V"):
        assert inface(word) == (0, f"inface {package.__version__}\n", "")


def test_completion_of_a_shell(tmp_path):
    done = process(cwd=tmp_path, _PYTHON_M_INFACE_COMPLETE="complete_bash", COMP_WORDS="inface conv", COMP_CWORD="1",
                   _INFACE_COMPLETE="complete_bash")  # fmt: skip
    assert b"convert" in done.stdout


def test_quiet_and_verbose(inface, tmp_path):
    TRIANGLE.export(tmp_path / "a.ply")
    assert inface("-q", "info", tmp_path / "a.ply") == (0, "", "")
    code, out, _ = inface("-q", "info", tmp_path / "a.ply", "--json")
    assert code == 0 and json.loads(out)[0]["vertices"] == 3
    code, out, err = inface("-q", "info", tmp_path / "b.ply")
    assert code == 1 and out == "" and "no such file" in err
    assert "Traceback" not in err
    assert "Traceback" in inface("-v", "info", tmp_path / "b.ply")[2]


def test_info_is_for_readers_and_json_for_programs(inface, inface_json, pca_file, tmp_path):
    TRIANGLE.export(tmp_path / "a.ply")
    out = inface("info", tmp_path / "a.ply", pca_file)[1]
    assert "3 vertices, 1 triangles" in out and "90 x 90 x 90 mm" in out
    assert "pca, 6 latent numbers" in out and "642 vertices" in out
    assert "{" not in out and "None" not in out
    assert {"kind", "latent", "blocks"} <= set(inface_json("info", pca_file)[0])


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_name_that_the_console_cannot_show_stops_nothing(tmp_path, encoding):
    (tmp_path / "in").mkdir()
    for name in ("a_Łódź", "b", "c_日本"):
        TRIANGLE.export(tmp_path / "in" / f"{name}.ply")
    done = process("convert", "in", "--format", "obj", "--out", "out", cwd=tmp_path, PYTHONIOENCODING=encoding,
                   PYTHONUTF8="0")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*.obj"))) == 3
    text = done.stdout.decode("cp1252" if encoding == "cp1252" else "utf-8")  # click writes UTF-8 where ASCII is said
    assert text.count("->") == 3
    assert ("a_\\u0141" if encoding == "cp1252" else "a_Łódź") in text
    # and in an error
    done = process("info", "Ł.ply", cwd=tmp_path, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 1 and b"no such file" in done.stderr and b"Traceback" not in done.stderr


def test_names_that_are_one_name_on_other_systems_are_told_apart(tmp_path):
    composed, apart = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
    names = batch.stems([tmp_path / "x" / f"{composed}.ply", tmp_path / "y" / f"{apart}.ply"])
    assert names == [f"x_{composed}_ply", f"y_{apart}_ply"]
    assert batch.stems([tmp_path / "x" / "Anna.ply", tmp_path / "y" / "anna.ply"]) == ["x_Anna_ply", "y_anna_ply"]
    with pytest.raises(InfaceError, match="same result"):
        batch.stems([tmp_path / "x" / "Anna.ply", tmp_path / "x" / "anna.ply"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(inface, tmp_path):
    TRIANGLE.export(tmp_path / "a.ply")
    (tmp_path / "locked").mkdir(mode=0o555)
    code, _, err = inface("convert", tmp_path / "a.ply", "--out", tmp_path / "locked" / "b.ply")
    assert code == 1 and "not writable" in err and "Traceback" not in err


def test_a_folder_that_refuses_writes(inface, tmp_path, monkeypatch):
    TRIANGLE.export(tmp_path / "a.ply")
    real = os.open

    def refuse(path, flags, *rest, **more):
        if flags & os.O_CREAT and ".tmp-" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    code, _, err = inface("convert", tmp_path / "a.ply", "--out", tmp_path / "b.ply")
    assert code == 1 and "is not writable; choose another" in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ply"]


def test_warnings_of_files_are_lines(inface, tmp_path):
    TRIANGLE.export(tmp_path / "a.obj")
    text = (tmp_path / "a.obj").read_text().splitlines()[1:]
    (tmp_path / "a.obj").write_text("mtllib skin.mtl\nusemtl skin\n" + "\n".join(text) + "\n")
    _, _, err = inface("info", tmp_path / "a.obj")
    assert err.startswith("inface: ") and "skin.mtl" in err and "FileWarning" not in err
