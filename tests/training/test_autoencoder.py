"""Training of autoencoders: exact files, exact resumption, what is learnt, what is refused. Few steps each."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from toy_population import ToyWorld

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from inface.errors import CorrespondenceError, FileAccessError, FormatError  # noqa: E402
from inface.evaluation import ModelEditor, edit_errors, retrieval  # noqa: E402
from inface.population import PopulationWarning  # noqa: E402
from inface.training.autoencoder import fit_autoencoder, reproject  # noqa: E402
from inface.training.linear import fit_linear  # noqa: E402
from inface.training.settings import Settings  # noqa: E402
from inface.training.span import project  # noqa: E402

BLOCKS = {"identity": 5, "expression": 3, "age": 1}
FEW = Settings(span=20, hidden=(16, 16), steps=12, batch=8, evaluate_every=4)


@pytest.fixture(scope="module")
def world():
    return ToyWorld()


@pytest.fixture(scope="module")
def population(world):
    return world.population(subjects=60)


@pytest.fixture(scope="module")
def trained(population):
    return fit_autoencoder(population, BLOCKS, settings=FEW)


def weights(result):
    return [result.model.decoder.weights, *(net.weights for net in result.model.encoders.values())]


def same(a, b):
    return all(
        np.array_equal(x, y) for p, q in zip(weights(a), weights(b), strict=True) for x, y in zip(p, q, strict=True)
    )


def dense(path, shapes):
    """Encode and decode as the layout says, in plain float64 numpy."""
    with h5py.File(path) as file:

        def run(name, x, last):
            group = file[name]
            slope = float(group["relu_factor"][()])
            count = len(group["biases"])
            for i in range(count):
                x = x @ group[f"matrix_mults/item_{i}"][()].astype(float).T + group[f"biases/item_{i}"][()]
                if slope < 1 and (last or i + 1 < count):
                    x = np.where(x > 0, x, slope * x)
            return x

        mean = file["mean_vertices"][()].astype(float)
        flat = (shapes.astype(float) - mean).reshape(len(shapes), -1)
        names = [n for n in ("encoder", "id_encoder", "exp_encoder", "age_encoder") if n in file]
        codes = np.concatenate([run(n, flat, True) for n in names], 1)
        return codes, run("decoder", codes, False).reshape(shapes.shape) + mean


@pytest.mark.parametrize("kind", ["blocks", "plain", "linear"])
def test_saved_file_is_the_trained_network_in_dense_numpy(tmp_path, population, trained, kind):
    if kind == "plain":
        trained = fit_autoencoder(population, 9, settings=FEW)
    elif kind == "linear":
        trained = fit_autoencoder(population, BLOCKS, settings=FEW, linear=True)
    trained.model.save(tmp_path / "m.h5")
    shapes = population.shapes[:20]
    codes, decoded = dense(tmp_path / "m.h5", shapes)
    coefficients = trained.span.project(shapes.reshape(20, -1))
    own = trained.span_model.encode(coefficients)
    wanted = trained.span.expand(trained.span_model.decode(own)).reshape(shapes.shape)
    assert np.abs(decoded - wanted).max() < 1e-3
    shift = 0 if kind == "linear" else 40
    assert np.abs(codes - own - shift).max() < 1e-3
    assert trained.model.decoder.slope == (1 if kind == "linear" else 0.2)


def test_same_seed_same_model_other_seed_another(population, trained):
    assert same(trained, fit_autoencoder(population, BLOCKS, settings=FEW))
    assert not same(trained, fit_autoencoder(population, BLOCKS, settings=FEW, seed=1))


def test_a_killed_run_taken_up_gives_the_same_weights_bit_for_bit(tmp_path, population, trained):
    path = tmp_path / "run.ckpt"

    def kill(step, losses):
        if step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_autoencoder(population, BLOCKS, settings=FEW, checkpoint=path, progress=kill)
    steps = []
    again = fit_autoencoder(
        population, BLOCKS, settings=FEW, checkpoint=path, progress=lambda step, losses: steps.append(step)
    )
    assert steps == [12] and same(again, trained)
    assert again.record["curves"] == trained.record["curves"]


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path, population):
    path = tmp_path / "run.ckpt"
    fit_autoencoder(population, BLOCKS, settings=FEW, checkpoint=path)
    with pytest.raises(ValueError, match="differs in learning_rate"):
        fit_autoencoder(population, BLOCKS, settings=replace(FEW, learning_rate=1e-3), checkpoint=path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(FormatError, match="not a checkpoint"):
        fit_autoencoder(population, BLOCKS, settings=FEW, checkpoint=path)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, population):
    path = tmp_path / "run.ckpt"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fills_up(step, losses):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))

    try:
        with pytest.raises(FileAccessError, match="the disk is full or the file exceeds its size limit"):
            fit_autoencoder(population, BLOCKS, settings=FEW, checkpoint=path, progress=fills_up)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert torch.load(path, weights_only=True)["step"] == 4
    assert [p.name for p in tmp_path.iterdir()] == ["run.ckpt"]


def test_training_beats_its_linear_start_and_separates_the_factors(world):
    train, test = world.population(subjects=200), world.population(subjects=25, seed=9)
    settings = Settings(span=20, hidden=(32, 32), steps=400, batch=24, validation=0.05)
    trained = fit_autoencoder(train, BLOCKS, settings=settings)
    linear = fit_linear(train, BLOCKS, span=20)

    def truth(identity_of, expression_of, months):
        weights = test.factors["expression_weights"]
        weights = np.zeros((len(months), 3)) if expression_of is None else weights[expression_of]
        return world.shapes(test.factors["identity"][identity_of], weights, months)

    net, flat = (
        {e.name: e for e in edit_errors(ModelEditor(m), test, truth, np.arange(12))} for m in (trained.model, linear)
    )
    assert net["age"].detail["head"].mean() < 0.7 * flat["age"].detail["head"].mean()
    assert net["transfer"].detail["head"].mean() < 0.4 * net["transfer"].nothing["head"].mean()
    codes = trained.model.encode(test.shapes)
    assert retrieval(codes[:, :5], test.subject) > 0.9 and retrieval(codes[:, 5:8], test.subject) < 0.5
    first, last = trained.record["curves"][0], trained.record["curves"][-1]
    assert last["held_out"] < first["held_out"]


def test_training_stops_when_held_out_children_gain_no_more(population):
    settings = replace(FEW, steps=400, evaluate_every=2, patience=2, learning_rate=0.05)
    record = fit_autoencoder(population, BLOCKS, settings=settings).record
    losses = [row["held_out"] for row in record["curves"]]
    assert record["curves"][-1]["step"] < 400
    assert record["best_step"] == record["curves"][int(np.argmin(losses))]["step"]


def test_reprojection_keeps_the_shapes_and_sorts_the_blocks(population):
    trained = fit_autoencoder(population, BLOCKS, settings=FEW, linear=True)
    model, start = trained.span_model, 0
    for name, net in list(model.encoders.items())[:2]:
        directions = model.decoder.skip[:, start : start + len(net.skip)]
        np.testing.assert_allclose(directions.T @ directions, np.eye(len(net.skip)), atol=1e-9)
        assert (np.diff(model.latent_std[start : start + len(net.skip)]) <= 1e-9).all(), name
        start += len(net.skip)
    coefficients, _ = project(population, 20)
    again = reproject(model, coefficients)
    np.testing.assert_allclose(
        again.decode(again.encode(coefficients)), model.decode(model.encode(coefficients)), atol=1e-6
    )


def test_the_record_is_json_and_says_what_was_done(tmp_path, trained):
    trained.save_record(tmp_path / "run.json")
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["settings"]["steps"] == 12 and record["blocks"] == BLOCKS and record["held_out_scans"] == 40
    assert {"inface", "torch", "numpy", "python"} <= set(record["versions"]) and len(record["data"]) == 16


def test_rows_marked_test_are_never_trained_on(population):
    split = np.where(np.isin(population.subject, ["s000", "s001"]), "test", "train")
    marked = fit_autoencoder(replace(population, split=split), BLOCKS, settings=FEW)
    without = fit_autoencoder(population.subset(split == "train"), BLOCKS, settings=FEW)
    assert same(marked, without)


def test_two_processes_train_one_model(tmp_path):
    """Two processes under torchrun end with the same weights, which differ from those of one process."""
    script = tmp_path / "train.py"
    script.write_text(
        "import os, sys, hashlib\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "import numpy as np\n"
        "from toy_population import ToyWorld\n"
        "from inface.training import Settings, fit_autoencoder\n"
        "s = Settings(span=20, hidden=(16, 16), steps=6, batch=8, evaluate_every=3)\n"
        "r = fit_autoencoder(ToyWorld().population(subjects=40), dict(identity=5, expression=3, age=1), settings=s,\n"
        "                    device='cpu', checkpoint=sys.argv[1])\n"
        "w = b''.join(x.tobytes() for x in r.model.decoder.weights)\n"
        "open(sys.argv[1] + os.environ.get('RANK', '-one'), 'w').write(hashlib.sha256(w).hexdigest())\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    for command, name in (([*launch], "two"), ([sys.executable], "one")):
        done = subprocess.run(
            [*command, str(script), str(tmp_path / name)], env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr[-6000:]
    first, second, alone = ((tmp_path / n).read_text() for n in ("two0", "two1", "one-one"))
    assert first == second != alone


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (lambda p: replace(p, subject=None), CorrespondenceError, "which scans are of one subject"),
        (
            lambda p: replace(p, subject=np.arange(len(p)).astype(str)),
            CorrespondenceError,
            "two subjects with two scans",
        ),
        (lambda p: p.subset(slice(0, 20)), ValueError, "at least 10 subjects"),
        (lambda p: replace(p, age_months=p.age_months * 30.44), ValueError, "looks like days"),
    ],
)
def test_bad_input_is_one_clear_sentence(population, change, error, sentence):
    with pytest.raises(error, match=sentence):
        fit_autoencoder(change(population), BLOCKS, settings=FEW)


def test_few_subjects_are_said_to_be_few(population):
    with pytest.warns(PopulationWarning, match="60 subjects are few for these networks"):
        fit_autoencoder(population, BLOCKS, settings=FEW)


def test_without_ages_identity_and_expression_still_come_apart(population):
    trained = fit_autoencoder(replace(population, age_months=None), BLOCKS, settings=FEW)
    assert trained.model.age_calibration is None
