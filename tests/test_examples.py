"""The examples in the docstrings of the public calls: each of the calls that people make has one, and it runs."""

import doctest
import importlib
import inspect

import pytest

CALLS = [
    "inface.Mesh",
    "inface.Mesh.load",
    "inface.Mesh.export",
    "inface.Mesh.with_vertices",
    "inface.LandmarkSet",
    "inface.Template",
    "inface.Population",
    "inface.Similarity",
    "inface.load_model",
    "inface.load_default_model",
    "inface.PCAMorphableModel",
    "inface.MorphableModel.encode",
    "inface.PCAMorphableModel.decode",
    "inface.MorphableModel.sample_meshes",
    "inface.MorphableModel.reconstruct",
    "inface.MorphableModel.reconstruct_mesh",
    "inface.PCAMorphableModel.posterior",
    "inface.MorphableModel.neutralize",
    "inface.MorphableModel.set_expression",
    "inface.MorphableModel.transfer_expression",
    "inface.MorphableModel.age",
    "inface.MorphableModel.set_age",
    "inface.MorphableModel.adjust_age",
    "inface.MorphableModel.plausibility",
    "inface.MorphableModel.save",
    "inface.MorphableModel.with_extras",
    "inface.LinearRegressor",
    "inface.AgeCalibration",
    "inface.fit_pca",
    "inface.fit_linear",
    "inface.fit_autoencoder",
    "inface.load_population",
    "inface.evaluate",
    "inface.register",
    "inface.synthetic.head",
    "inface.synthetic.cohort",
    "inface.synthetic.shapes_for",
    "inface.synthetic.simulate_scan",
    "inface.synthetic.template",
    "inface.synthetic.Variation",
]


def find(name: str):
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            thing = getattr(thing, part)
        return thing
    raise AssertionError(name)


@pytest.mark.parametrize("name", CALLS)
def test_a_public_call_has_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(find(name)) or ""
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert test.examples, f"{name}: no example"
    report: list[str] = []
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.DocTestRunner(optionflags=options).run(test, out=report.append)
    assert not result.failed, "".join(report)
