"""Every reader on damaged files: no crash, no hang, no traceback that is not ours, no memory beyond the file's.

A few hundred inputs a format by default, 100,000 with `--slow`. Each begins as a good file and is truncated, flipped,
spliced with another format, repeated in part or has a number in it made absurd.
"""

import json
import random
import time
import tracemalloc
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inface.codecs import MESH_FORMATS, read_model, write_mesh, write_model
from inface.codecs.landmark_files import SUFFIXES, read_landmark_data, write_landmark_file
from inface.codecs.latents import read_latent
from inface.codecs.masks import read_mask
from inface.codecs.meshes import parse_mesh
from inface.codecs.model_formats.foreign import read_foreign
from inface.codecs.regression_json import read_attributes, read_linear_regressor
from inface.codecs.transform_txt import read_transform
from inface.errors import FormatError

ABSURD = b"-1 1e308 99999999999 4294967295 nan 1.#QNAN 0 \xff\xff\xff\xff 1_0 1,5".split() + [b""]
STL = (
    b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
    b"endsolid a\n"
)


def damaged(rng: random.Random, seeds):
    """A damaged file: one of the good ones after up to four wounds."""
    content = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(content) + 1)
        match rng.choice(("truncate", "flip", "splice", "repeat", "absurd", "cut")):
            case "truncate":
                del content[at:]
            case "flip":
                for _ in range(rng.randint(1, 4)):
                    if content:
                        content[rng.randrange(len(content))] = rng.randrange(256)
            case "splice":
                other = rng.choice(seeds)
                start = rng.randrange(len(other))
                content[at:at] = other[start : start + rng.randrange(200)]
            case "repeat":
                content[at:at] = content[at : at + rng.randrange(60)] * rng.randint(1, 5)
            case "absurd":
                words = bytes(content).split(b" ")
                words[rng.randrange(len(words))] = rng.choice(ABSURD)
                content = bytearray(b" ".join(words))
            case "cut":
                del content[at : at + rng.randint(1, 50)]
    return bytes(content)


def survive(read, content):
    """Reads or refuses, within two seconds and 2 MB or ten times the file."""
    start = time.process_time()
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(content)
    except FormatError as error:
        assert "\n" not in str(error) and len(str(error)) < 2000
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.process_time() - start < 2
    assert peak < max(2e6, 10 * len(content)), f"{peak} bytes for a file of {len(content)}"


def run(read, seeds, examples):
    """`examples` draws of hypothesis, a hundred inputs each where there are many."""
    each = 100 if examples > 100 else 1

    @settings(
        max_examples=examples // each, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        derandomize=True,
    )  # fmt: skip
    @given(st.integers(0, 2**63))
    def check(seed):
        rng = random.Random(seed)
        for _ in range(each):
            survive(read, damaged(rng, seeds))

    check()


def mesh_seeds(folder, blob, suffix):
    """Our file of a format, and variants of it that other programs write."""
    write_mesh(folder / f"a{suffix}", blob)
    seeds = [(folder / f"a{suffix}").read_bytes()]
    v = b"".join(b"%g %g %g\n" % tuple(p) for p in blob.vertices[:6])
    if suffix == ".ply":
        seeds.append(
            b"ply\nformat ascii 1.0\nelement vertex 6\nproperty float x\nproperty float y\nproperty float z\n"
            b"element face 1\nproperty list uchar int vertex_indices\nend_header\n" + v + b"3 0 1 2\n"
        )
    if suffix == ".vtk":
        seeds.append(
            b"# vtk DataFile Version 5.1\nt\nASCII\nDATASET POLYDATA\nPOINTS 6 float\n" + v
            + b"POLYGONS 2 3\nOFFSETS vtktypeint64\n0 3\nCONNECTIVITY vtktypeint64\n0 1 2\nPOINT_DATA 6\n"
            b"SCALARS s float 1\nLOOKUP_TABLE default\n1 2 3 4 5 6\n"
        )  # fmt: skip
    if suffix == ".stl":
        seeds.append(STL)
    return seeds


def landmark_seeds(folder, suffix):
    points = {"n": np.array([1.25, -2e-3, 1 / 3]), "prn": np.array([4.0, 5, 6]), "gone": np.full(3, np.nan)}
    write_landmark_file(folder / f"a{suffix}", points)
    seeds = [(folder / f"a{suffix}").read_bytes()]
    if suffix in (".csv", ".txt", ".tsv"):
        seeds += [b"name;x;y;z\nn;1,5;2;3\n", b"label,r,a,s,defined\nn,1,2,3,1\n"]
        seeds += [b"1 2 3\n4 5 6\n", b"1,2,3,4\n2,3,4,5\n"]
    return seeds


EXAMPLES = [pytest.param(60, id="few"), pytest.param(100_000, id="many", marks=pytest.mark.slow)]


@pytest.mark.parametrize("suffix", sorted(MESH_FORMATS))
@pytest.mark.parametrize("examples", EXAMPLES)
def test_meshes(tmp_path, blob, suffix, examples):
    seeds = mesh_seeds(tmp_path, blob, suffix)
    run(lambda content: parse_mesh(content, MESH_FORMATS[suffix], tmp_path / f"a{suffix}"), seeds, examples)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("examples", EXAMPLES)
def test_landmarks(tmp_path, suffix, examples):
    path = tmp_path / f"b{suffix}"

    def read(content):
        path.write_bytes(content)
        read_landmark_data(path)

    run(read, landmark_seeds(tmp_path, suffix), examples)


SMALL = {
    "mask.txt": (read_mask, [b"0,1,1,0", b"true,false"]),
    "latent.json": (read_latent, [b"[1, 2]", b'{"latent": [1, 2.5]}']),
    "transform.txt": (read_transform, [b"1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1"]),
    "regressor.json": (read_linear_regressor, [b'{"matrix": [[1, 2]], "intercept": [0]}']),
    "attributes.json": (read_attributes, [b'{"CI": [[1, 2], 80, 5, "cephalic index"]}']),
}


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("examples", EXAMPLES)
def test_small_files(tmp_path, name, examples):
    read, seeds = SMALL[name]
    path = Path(tmp_path / name)

    def on_disk(content):
        path.write_bytes(content)
        read(path)

    run(on_disk, seeds, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_model_files(tmp_path, examples):
    arrays = {"components": np.ones((2, 9)), "eigenvalues": np.ones(2), "mean_vertices": np.ones((3, 3))}
    write_model(tmp_path / "a.h5", arrays | {"triangles": np.zeros((1, 3), int)})
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["model/mean"] = np.ones(9)
    seeds = [(tmp_path / name).read_bytes() for name in ("a.h5", "b.h5")]
    path = tmp_path / "c.h5"

    def on_disk(content):
        path.write_bytes(content)
        read_model(path)

    run(on_disk, seeds, examples)


def foreign_seeds(folder, suffix):
    """Small models of other programs."""
    rng = np.random.default_rng(0)
    mean, faces = rng.normal(size=(6, 3)) * 50, np.array([[0, 1, 2], [3, 4, 5]])
    modes = np.linalg.qr(rng.normal(size=(18, 2)))[0]
    path = folder / f"seed{suffix}"
    if suffix == ".npz":
        np.savez(path, v_template=mean, shapedirs=modes.reshape(6, 3, 2), f=faces)
    elif suffix == ".mat":
        scipy.io.savemat(
            path, {"refShape": mean, "triang": faces + 1, "eigenFunctions": modes, "eigenValues": np.ones(2)}
        )
    else:
        arrays = {"model/mean": mean.reshape(-1), "model/pcaBasis": modes, "model/pcaVariance": np.ones(2)}
        arrays |= {"representer/points": mean.T, "representer/cells": faces.T}
        if suffix == ".h5":
            with h5py.File(path, "w") as file:
                for name, value in arrays.items():
                    file[name] = value
        else:
            entries = {str(i): {"alias": ["/" + n], "value": v.tolist()} for i, (n, v) in enumerate(arrays.items())}
            path.write_text(json.dumps({"datasets": entries}), encoding="utf-8")
    return [path.read_bytes()]


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".h5", ".h5.json"])
@pytest.mark.parametrize("examples", EXAMPLES)
def test_models_of_others(tmp_path, suffix, examples):
    path = tmp_path / f"a{suffix}"

    def read(content):
        path.write_bytes(content)
        read_foreign(path)

    # each .mat is read by a process of its own, since scipy's reader can crash
    run(read, foreign_seeds(tmp_path, suffix), examples if suffix != ".mat" else examples // 20)
