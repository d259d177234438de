"""The torch layer against the models it is made from, against float64, and against finite differences."""

import numpy as np
import pytest
from toy_population import ToyWorld

torch = pytest.importorskip("torch", reason="the torch layer needs PyTorch")

import inface  # noqa: E402
from inface.errors import FormatError, MissingBlockError  # noqa: E402
from inface.population import Population  # noqa: E402
from inface.template import Template  # noqa: E402
from inface.torch_layer import InfaceLayer, load_layer, save_exported, save_layer, save_onnx  # noqa: E402
from inface.training import Settings, fit_autoencoder, fit_linear, fit_pca  # noqa: E402

BLOCKS = {"identity": 5, "expression": 3, "age": 1}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def toys():
    """A model of every kind, small: made by the public calls."""
    world = ToyWorld().population(subjects=60)
    few = Settings(span=20, hidden=(16, 16), steps=12, batch=8, evaluate_every=4)
    return {
        "pca": fit_pca(world, 9),
        "linear": fit_linear(world, BLOCKS, span=20),
        "plain": fit_autoencoder(world, 9, settings=few).model,
        "disentangled": fit_autoencoder(world, BLOCKS, settings=few).model,
    }


@pytest.fixture(scope="module")
def full():
    """The embedded network, at its real size."""
    return inface.load_default_model("disentangled")


def codes(model, count, seed=0, dtype=np.float32):
    noise = np.random.default_rng(seed).standard_normal((count, len(model.latent)))
    return (model.latent.mean + model.latent.std * noise).astype(dtype)


@pytest.mark.parametrize("kind", ["pca", "linear", "plain", "disentangled"])
def test_it_is_the_model_from_the_users_file_on(tmp_path, toys, kind):
    toys[kind].save(tmp_path / "model.h5")
    model = inface.load_model(tmp_path / "model.h5")
    layer, latent = model.to_torch(), codes(model, 7)
    vertices = layer(torch.as_tensor(latent))
    np.testing.assert_allclose(vertices.numpy(), model.decode(latent), atol=2e-4)
    np.testing.assert_allclose(layer.encode(vertices).numpy(), model.encode(vertices.numpy(), check=False), atol=2e-3)
    np.testing.assert_allclose(layer.landmarks(vertices).numpy()[:, 0], vertices[:, model.template.landmarks["top"]])
    assert layer.landmark_names == ("top",) and dict(layer.blocks) == dict(model.blocks)
    one = layer(torch.as_tensor(latent[0]))
    assert one.shape == model.mean_vertices.shape  # no axis in front is asked for
    torch.testing.assert_close(layer(torch.as_tensor(latent).reshape(7, 1, -1))[3, 0], vertices[3], atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["pca", "linear", "plain", "disentangled"])
def test_gradients_are_those_of_finite_differences(toys, kind):
    layer = InfaceLayer(toys[kind], dtype=torch.float64)
    latent = torch.tensor(codes(toys[kind], 2, dtype=np.float64), requires_grad=True)
    vertices = layer(latent.detach()).requires_grad_()
    for call, x in ((layer, latent), (layer.encode, vertices), (layer.landmarks_of, latent), (layer.prior, latent)):
        assert torch.autograd.gradcheck(call, (x,), eps=1e-5, atol=1e-5)
    jacobian = torch.func.jacrev(layer)(latent[0].detach())
    assert jacobian.shape == (*toys[kind].mean_vertices.shape, len(toys[kind].latent))


def test_it_rounds_little_at_full_size(full):
    latent = codes(full, 4)
    exact = InfaceLayer(full, dtype=torch.float64)(torch.as_tensor(latent.astype(np.float64)))
    layer = InfaceLayer(full)
    assert float((layer(torch.as_tensor(latent)) - exact).abs().max()) < 5e-5
    shapes = exact.float()
    wanted = InfaceLayer(full, dtype=torch.float64).encode(shapes.double())
    assert float((layer.encode(shapes) - wanted).abs().max()) < 2e-4


def tf32(x):
    """A float32 as the tensor cores of a GPU see it: 10 bits of mantissa."""
    return ((x.contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


def test_with_the_short_numbers_of_a_gpu_only_the_centred_layers_stay_exact(full, monkeypatch):
    latent = codes(full, 4)
    exact = InfaceLayer(full, dtype=torch.float64)(torch.as_tensor(latent.astype(np.float64)))
    rounded = lambda x, weight, value: tf32(x) @ tf32(weight).T + value  # noqa: E731
    monkeypatch.setattr(torch.nn.functional, "linear", rounded)
    layer = InfaceLayer(full)
    assert float((layer(torch.as_tensor(latent)) - exact).abs().max()) < 0.05
    plain = InfaceLayer(full)
    h = torch.as_tensor(latent)
    for i, (weight, bias) in enumerate(zip(full.decoder.weights, full.decoder.biases, strict=True)):
        h = rounded(h, torch.as_tensor(weight), torch.as_tensor(bias))
        h = torch.nn.functional.leaky_relu(h, full.decoder.slope) if i + 1 < len(full.decoder.weights) else h
    uncentred = h.unflatten(-1, (plain.vertex_count, 3)) + torch.as_tensor(full.mean_vertices)
    assert float((uncentred - exact).abs().max()) > 0.2


def test_blocks_broadcast_and_what_is_missing_is_the_mean(toys):
    model = toys["disentangled"]
    layer = InfaceLayer(model)
    mean = layer.latent_mean
    children, ages = mean[:5] + torch.randn(6, 1, 5), layer.months_to_code(torch.tensor([2.0, 12.0, 30.0]))
    assert layer(identity=children, age=ages).shape == (6, 3, *model.mean_vertices.shape)
    torch.testing.assert_close(
        layer(identity=children, age=ages)[4, 1], layer(torch.cat([children[4, 0], mean[5:8], ages[1]]))
    )
    torch.testing.assert_close(layer.latent_of(age=ages[0])[:8], mean[:8])
    own = torch.as_tensor(codes(model, 6))
    torch.testing.assert_close(layer.latent_of(own, age=ages[2])[:, :8], own[:, :8])
    with pytest.raises(ValueError, match=r"identity: expected \(..., 5\), got \(2, 4\)"):
        layer(identity=torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"latent: expected \(..., 9\), got \(10,\)"):
        layer(torch.zeros(10))
    with pytest.raises(MissingBlockError, match="no block 'pose'; its blocks: identity, expression, age"):
        layer(pose=torch.zeros(3))
    with pytest.raises(MissingBlockError, match="not disentangled"):
        InfaceLayer(toys["pca"])(age=torch.zeros(1))
    with pytest.raises(ValueError, match=r"vertices: expected \(..., 42, 3\)"):
        layer.encode(torch.zeros(41, 3))


def test_months_are_the_models_and_back(toys):
    model = toys["disentangled"]
    layer = InfaceLayer(model, dtype=torch.float64)
    months = torch.tensor([1.0, 7.5, 20.0, 35.0], dtype=torch.float64, requires_grad=True)
    blocks = layer.months_to_code(months)
    for month, block in zip(months.tolist(), blocks.detach().numpy(), strict=True):
        assert float(model.age_calibration.code(block)) == pytest.approx(model.age_calibration.to_code(month), abs=1e-6)
    torch.testing.assert_close(layer.code_to_months(blocks), months)
    assert torch.autograd.gradcheck(layer.months_to_code, (months,))
    with pytest.raises(MissingBlockError, match="no age calibration"):
        InfaceLayer(toys["plain"]).months_to_code(3.0)


def test_the_prior_is_the_gaussian_of_the_codes(toys):
    layer = InfaceLayer(toys["disentangled"])
    assert float(layer.prior(layer.latent_mean)) == 0
    moved = layer.latent_mean + 2 * layer.latent_std
    assert float(layer.prior(moved)) == pytest.approx(0.5 * 4 * 9, rel=1e-4)


def test_rows_and_landmarks_of_a_users_choice(toys):
    model = toys["disentangled"]
    whole, latent = InfaceLayer(model), torch.as_tensor(codes(model, 3))
    some = InfaceLayer(model, rows=[41, 3, 7])
    torch.testing.assert_close(some(latent), whole(latent)[:, [3, 7, 41]], atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="made without encoders"):
        some.encode(some(latent))
    chosen = {"a": 5, "b": ([1, 2, 3], [0.2, 0.3, 0.5])}
    marked = InfaceLayer(model, landmarks=chosen)
    vertices = whole(latent)
    between = 0.2 * vertices[:, 1] + 0.3 * vertices[:, 2] + 0.5 * vertices[:, 3]
    torch.testing.assert_close(marked.landmarks(vertices)[:, 1], between)
    torch.testing.assert_close(marked.landmarks_of(latent), marked.landmarks(vertices), atol=1e-4, rtol=0)
    for wrong in ({"c": 42}, {"c": ([1, 2], [0.5, 0.5])}, {"c": ([1, 2, 3], [0.5, 0.5, 0.5])}):
        with pytest.raises(ValueError, match="landmark 'c'"):
            InfaceLayer(model, landmarks=wrong)
    with pytest.raises(ValueError, match="no vertex is chosen"):
        InfaceLayer(model, rows=[])


def test_weights_are_trained_only_where_it_is_asked_for(toys):
    fixed = InfaceLayer(toys["disentangled"])
    assert not list(fixed.parameters())
    layer = InfaceLayer(toys["disentangled"], trainable=True)
    optimiser = torch.optim.Adam(layer.parameters(), 0.02)
    wanted = fixed(fixed.latent_mean) + 1
    losses = []
    for _ in range(60):
        loss = ((layer(layer.latent_mean) - wanted) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("kind", ["pca", "disentangled"])
def test_safetensors_bring_the_same_layer_back_without_the_model(tmp_path, toys, kind):
    layer, latent = InfaceLayer(toys[kind]), torch.as_tensor(codes(toys[kind], 3))
    save_layer(layer, tmp_path / "layer.safetensors")
    again = load_layer(tmp_path / "layer.safetensors")
    assert torch.equal(again(latent), layer(latent)) and torch.equal(
        again.encode(again(latent)), layer.encode(layer(latent))
    )
    assert again.landmark_names == layer.landmark_names and again.blocks == layer.blocks
    (tmp_path / "bad.safetensors").write_bytes((tmp_path / "layer.safetensors").read_bytes()[:500])
    with pytest.raises(FormatError, match="damaged"):
        load_layer(tmp_path / "bad.safetensors")
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, str(tmp_path / "other.safetensors"))
    with pytest.raises(FormatError, match="not of a layer of this package"):
        load_layer(tmp_path / "other.safetensors")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_layer(tmp_path / "gone.safetensors")


def test_an_exported_program_takes_any_batch(tmp_path, toys):
    layer = InfaceLayer(toys["disentangled"])
    save_exported(layer, tmp_path / "decoder.pt2")
    program = torch.export.load(tmp_path / "decoder.pt2").module()
    for count in (1, 6):
        latent = torch.as_tensor(codes(toys["disentangled"], count))
        torch.testing.assert_close(program(latent), layer(latent))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_onnx_gives_the_same_vertices_for_any_batch(tmp_path, full):
    runtime = pytest.importorskip("onnxruntime", reason="running ONNX needs onnxruntime")
    layer = InfaceLayer(full, encoders=False)
    save_onnx(layer, tmp_path / "decoder.onnx")
    session = runtime.InferenceSession(str(tmp_path / "decoder.onnx"))
    for count in (1, 6):
        latent = codes(full, count)
        found = session.run(["vertices"], {"latent": latent})[0]
        assert np.abs(found - layer(torch.as_tensor(latent)).numpy()).max() < 6e-4


def test_a_real_face_is_fitted_by_its_landmarks(tmp_path, shared_data):
    """A model of faces that our generator did not draw, from its file to a fit of another such face."""
    data = shared_data("ict_face_light.npz")
    random = np.random.default_rng(3)
    weights = random.standard_normal((81, 100)).astype(np.float32)
    shapes = data["mean"] + np.tensordot(weights, data["identity"], 1)
    mesh = inface.Mesh(data["mean"].astype(float), data["triangles"])
    template = Template(mesh, {f"p{i}": int(v) for i, v in enumerate(data["landmarks68"])})
    fit_pca(Population(template, shapes[:80].astype(np.float32)), 40).save(tmp_path / "faces.h5")
    layer = inface.load_model(tmp_path / "faces.h5").to_torch()
    target = torch.as_tensor(shapes[80], dtype=torch.float32)
    marks, latent = layer.landmarks(target), torch.zeros(layer.width, requires_grad=True)
    optimiser = torch.optim.LBFGS([latent], max_iter=60, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = ((layer.landmarks_of(latent) - marks) ** 2).sum() / (2 * 1.0**2) + layer.prior(latent)
        value.backward()
        return value

    optimiser.step(loss)
    error, before = ((v - target).norm(dim=-1).mean() for v in (layer(latent), layer(torch.zeros(layer.width))))
    assert float(error) < 0.5 * float(before)
