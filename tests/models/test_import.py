"""`import inface` is light, and every public name is there."""

import json
import subprocess
import sys

import pytest

import inface

PROBE = """
import json, sys, time
import numpy
start = time.process_time()
import inface
seconds = time.process_time() - start
print(json.dumps([seconds, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def test_import_is_light():
    seconds, modules = json.loads(subprocess.run([sys.executable, "-c", PROBE], capture_output=True, check=True).stdout)
    assert seconds < 0.3
    assert not {"torch", "vtk", "pyvista", "viser", "trimesh", "scipy", "h5py"} & set(modules)


@pytest.mark.parametrize("name", sorted(set(inface.__all__) - {"__version__"}))
def test_public_names(name):
    assert getattr(inface, name).__module__.startswith("inface")
    assert name in dir(inface)


def test_unknown_names():
    with pytest.raises(AttributeError, match="no attribute 'MorphabelModel'"):
        inface.MorphabelModel  # noqa: B018


def test_embedded_models_are_named():
    with pytest.raises(ValueError, match="no embedded model 'adult'; there are: "):
        inface.load_default_model("adult")
