"""Atomic writes: the old file or the new one, never half."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from inface.codecs import atomic_write
from inface.errors import FileAccessError


def leftovers(folder):
    return [p.name for p in folder.iterdir() if p.name.startswith(".tmp-")]


def start(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)])


def test_new_file_and_overwrite(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("first", "second"):
        with atomic_write(path) as temporary:
            assert temporary.parent == tmp_path and temporary.suffix == ".txt"
            temporary.write_text(text)
        assert path.read_text() == text
    assert leftovers(tmp_path) == []


def test_old_file_stays_while_writing_and_after_an_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), atomic_write(path) as temporary:
        temporary.write_text("half")
        assert path.read_text() == "old"
        raise KeyError("stop")
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_mode_is_that_of_the_old_file_or_of_the_umask(tmp_path):
    plain, kept, written = (tmp_path / name for name in "abc")
    plain.write_text("")
    kept.write_text("old")
    kept.chmod(0o640)
    for path in (kept, written):
        with atomic_write(path) as temporary:
            temporary.write_text("new")
    assert kept.stat().st_mode & 0o777 == 0o640
    assert written.stat().st_mode == plain.stat().st_mode


def test_a_link_is_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "a.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with atomic_write(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and target.read_text() == "new"


def test_missing_folder(tmp_path):
    with (
        pytest.raises(FileAccessError, match=r"folder '.*nowhere' does not exist; make it"),
        atomic_write(tmp_path / "nowhere" / "a.ply"),
    ):
        pytest.fail("must not get here")


def test_folder_as_target(tmp_path):
    with pytest.raises(FileAccessError, match="not a plain file"), atomic_write(tmp_path):
        pytest.fail("must not get here")


def test_unwritable_folder(tmp_path, monkeypatch):
    if os.geteuid() == 0:  # root may write anywhere, so the refusal of the system is played

        def refuse(*_):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(FileAccessError, match="is not writable; choose another"), atomic_write(tmp_path / "a.ply"):
            pytest.fail("must not get here")
    finally:
        tmp_path.chmod(0o755)


def test_full_disk_while_writing(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(FileAccessError, match=r"disk is full.*old file.*unharmed"), atomic_write(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old" and leftovers(tmp_path) == []


def test_full_disk_met_at_the_flush(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileAccessError, match="disk is full"), atomic_write(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old" and leftovers(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize(("kind", "rows"), [("ply", 20000), ("h5", 20000), ("h5", 260)])
def test_real_size_limit_leaves_the_old_file(tmp_path, kind, rows, capfd):
    """A limit on the size of files stops the write half way, as a full disk would."""
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"old")
    code = """
        import resource, signal, sys
        import numpy as np
        from inface.codecs import MeshData, write_mesh, write_model
        from inface.errors import FileAccessError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        big = np.ones((int(sys.argv[2]), 3))
        corners = np.array([[0, 1, 2]])
        try:
            if sys.argv[1].endswith("ply"):
                write_mesh(sys.argv[1], MeshData(big, corners))
            else:
                parts = {"components": big, "eigenvalues": big, "mean_vertices": big, "triangles": corners}
                write_model(sys.argv[1], parts)
        except FileAccessError as error:
            assert "disk is full" in str(error), error
            sys.exit(7)
    """
    assert start(code, path, rows).wait(60) == 7
    assert path.read_bytes() == b"old" and leftovers(tmp_path) == []
    if hasattr(os, "posix_fallocate"):
        assert capfd.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_old_file_survives_a_kill(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = """
        import sys, time
        from inface.codecs import atomic_write
        with atomic_write(sys.argv[1]) as temporary, open(temporary, "w") as stream:
            stream.write("half")
            stream.flush()
            time.sleep(60)
    """
    process = start(code, path)
    deadline = time.monotonic() + 30
    while not any((tmp_path / name).stat().st_size for name in leftovers(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert path.read_text() == "old"


def test_two_processes_writing_one_file(tmp_path):
    """Whenever it is read, the file is wholly the one's or wholly the other's."""
    path = tmp_path / "a.bin"
    code = """
        import sys
        from inface.codecs import atomic_write
        for _ in range(40):
            with atomic_write(sys.argv[1]) as temporary, open(temporary, "wb") as stream:
                for _ in range(50):
                    stream.write(sys.argv[2].encode() * 1000)
    """
    writers = [start(code, path, letter) for letter in "AB"]
    seen = 0
    while any(w.poll() is None for w in writers):
        if path.exists():
            content = path.read_bytes()
            assert len(content) == 50_000 and len(set(content)) == 1
            seen += 1
    assert [w.returncode for w in writers] == [0, 0]
    assert seen and leftovers(tmp_path) == []
