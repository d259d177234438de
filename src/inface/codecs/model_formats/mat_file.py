"""MATLAB files up to version 7, read by scipy in a process of its own: on damaged bytes its reader can crash."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from inface.errors import FormatError

_SECONDS = 600
_READ = """
import sys
import numpy, scipy.io
found = scipy.io.loadmat(sys.argv[1], squeeze_me=True, struct_as_record=True)
out = {}
for name, value in found.items():
    if isinstance(value, numpy.ndarray) and value.dtype.names:
        record = value.reshape(-1)[0]
        out.update({field: record[field] for field in value.dtype.names})
    elif not name.startswith("__"):
        out[name] = value
arrays = {name: numpy.asarray(value) for name, value in out.items()}
numpy.savez(sys.argv[2], **{n: a.astype(str) if a.dtype == object else a for n, a in arrays.items()})
"""


def read_mat(path: Path) -> dict[str, Any]:
    """Arrays by name, a struct's fields without its name; cells of texts as text. Raises `FormatError`."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "arrays.npz"
        try:
            done = subprocess.run(
                [sys.executable, "-c", _READ, str(path), str(out)], capture_output=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise FormatError(f"expected a MATLAB file, but reading it took more than {_SECONDS} s") from None
        if done.returncode or not out.is_file():
            told = done.stderr.decode("utf-8", "replace").strip().splitlines()
            words = told[-1][:120] if done.returncode > 0 and told else "the reader of MATLAB files crashed on it"
            raise FormatError(f"expected a MATLAB file, but it can't be read as one ({words})")
        with np.load(out, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
