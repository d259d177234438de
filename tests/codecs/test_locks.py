"""K9: HDF5 files on drives without locks, or that another program has open."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import inface
from inface.errors import FormatError

fcntl = pytest.importorskip("fcntl", reason="locks of this kind are POSIX")


@pytest.fixture
def file(tmp_path):
    model = inface.PCAMorphableModel(
        components=np.eye(9)[:2], eigenvalues=np.ones(2), mean_vertices=np.eye(3) * 90, triangles=[[0, 1, 2]]
    )
    model.save(tmp_path / "a.h5")
    return tmp_path / "a.h5"


def test_a_file_that_another_program_has_locked_is_read(file):
    with open(file, "rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert inface.load_model(file).kind == "pca"


@pytest.mark.parametrize("number", [37, 11, 95])  # ENOLCK, EAGAIN, EOPNOTSUPP
def test_a_drive_without_locks(file, monkeypatch, number, tmp_path):
    real = h5py.File.__init__

    def refuse(self, name, mode="r", *rest, locking=None, **more):
        if locking is not False and isinstance(name, str | Path):
            raise BlockingIOError(number, f"Unable to synchronously open file (unable to lock file, errno = {number})")
        return real(self, name, mode, *rest, locking=locking, **more)

    monkeypatch.setattr(h5py.File, "__init__", refuse)
    model = inface.load_model(file)
    model.save(tmp_path / "b.h5")  # saving needs no lock either
    model.save(tmp_path / "c.h5", format="statismo")
    assert inface.load_model(tmp_path / "b.h5").hash == model.hash


def test_a_file_that_another_program_is_writing_names_the_cause(tmp_path):
    """HDF5 of the newer versions marks a file that is open for writing."""
    path = tmp_path / "w.h5"
    program = (
        "import h5py, sys; f = h5py.File(sys.argv[1], 'w', libver='latest'); f['a'] = 1; f.flush();"
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline().strip() == "open"
        with pytest.raises(FormatError) as caught:
            inface.load_model(path)
        other.stdin.close()
    words = str(caught.value)
    assert "open for writing" in words or "lock" in words
    assert "cut short" not in words
