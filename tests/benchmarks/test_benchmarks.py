"""The benchmarks still run, and the real-input proof still holds."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_core_benchmark_runs_and_both_ways_agree(tmp_path):
    command = [sys.executable, BENCHMARKS / "core.py", "--quick", "--out", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    result = json.loads((tmp_path / "core.json").read_text())
    operations = {row["operation"]: row for row in result["rows"]}
    assert {"PCA decode 1", "PCA partial encode, known mask", "back match, known mask", "adjacency"} <= set(operations)
    for name, row in operations.items():
        assert row["ours"] > 0
        assert np.isnan(row["difference"]) or row["difference"] < 1e-3, name
    assert "| 400 | PCA decode 1 |" in (tmp_path / "core.md").read_text()


def test_the_posterior_completes_real_faces_better_than_least_squares(shared_data):
    proof = load("completion_ict")
    data = dict(shared_data("ict_face_light.npz"))
    result = proof.run(data, faces=200, components=0.99, tests=12)
    assert result["hidden"] == round(0.3 * result["vertices"])
    mean_face, plain = (np.array(result[key]["errors_mm"]) for key in ("mean_face", "least_squares"))
    assert plain.mean() < 0.5 * mean_face.mean()
    for name in ("chosen on other faces", "1 mm", "2 mm"):
        gain = plain - np.array(result["posterior"][name]["errors_mm"])
        assert gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain)), name
    assert 0.85 < result["posterior"]["2 mm"]["inside_one_std"] <= 1
