"""Atomic writes: after any failure, even a kill, a file is the old one or the new one, never half."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from inface.errors import FileAccessError


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary file in the folder of `path`; on leaving the block it takes the place of `path`.

    The temporary file exists and is empty, starts with `.tmp-` and ends in the name of `path`, so that libraries that
    judge by the suffix can write it. Its contents reach the disk before it is renamed. When the block raises, it is
    removed and the old file stays. Of two processes that write one path, the last to finish wins. A link is followed.

    Raises:
        FileAccessError: the folder is missing or not writable, `path` is a folder, or the disk is full.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".tmp-{secrets.token_hex(4)}-{target.name}")
    try:
        if target.exists() and not target.is_file():
            raise FileAccessError(f"cannot write '{path}': it is not a plain file; give the name of a file")
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        if target.exists():
            shutil.copymode(target, temporary)
        yield temporary
        _flush(temporary)
        os.replace(temporary, target)
        _flush(target.parent)
    except FileAccessError:
        raise
    except (OSError, RuntimeError) as error:
        reason = _reason(error, target)
        if reason is None:
            raise
        raise FileAccessError(f"cannot write '{path}': {reason}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def refuse_overwriting(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Raise `FileAccessError` when one of the files to be written is one of those that are read, whatever it is called.

    Folders among the inputs stand for themselves alone, not for what is in them.
    """
    names, places = set(), set()
    for one in inputs:
        names.add(os.path.realpath(one))
        if (place := _place(one)) is not None:
            places.add(place)
    for one in outputs:
        if os.path.realpath(one) in names or _place(one) in places:
            raise FileAccessError(f"the result would overwrite its input '{one}'; name another --out")


def _place(path: str | Path) -> tuple[int, int] | None:
    """Disk and number of a file, the same for all its names; None when there is none."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return (state.st_dev, state.st_ino) if state.st_ino else None


def require_space(path: Path, size: int) -> None:
    """Raise the system's `OSError` now when a file can't hold `size` bytes, where the system can tell.

    For HDF5, which meets a full disk again and again on its way out and reports each time on stderr.
    """
    if not size or not hasattr(os, "posix_fallocate"):
        return
    with open(path, "r+b") as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, size)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
        finally:
            stream.truncate(0)


def _flush(path: Path) -> None:
    """Bring a file or the names in a folder to the disk; a no-op for folders where the system can't."""
    folder = path.is_dir()
    try:
        handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    except OSError:
        if folder:
            return
        raise
    try:
        os.fsync(handle)
    except OSError as error:
        if not (folder or error.errno == errno.EINVAL):
            raise
    finally:
        os.close(handle)


def _reason(error: Exception, target: Path) -> str | None:
    """A sentence for the failures a user can mend; None for any other."""
    number = getattr(error, "errno", None)
    text = str(error)  # HDF5 hides the number in its text
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "errno = 28," in text or "errno = 27," in text:
        return "the disk is full or the file exceeds its size limit; the old file, if any, is unharmed; free some space"
    if not target.parent.is_dir():
        return f"the folder '{target.parent}' does not exist; make it first"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the folder '{target.parent}' is not writable; choose another or change its permissions"
    return None
