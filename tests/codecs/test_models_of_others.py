"""Models of other programs, on files written here after the published layouts, and on one real shape model.

Each file is made from one linear model whose shapes are known, so that `decode` must give those shapes in millimetres.
"""

import json

import h5py
import numpy as np
import pytest
import scipy.io

import inface
from inface import FormatError, Mesh
from inface.errors import FileWarning

pytestmark = pytest.mark.filterwarnings("ignore::inface.errors.FileWarning")


@pytest.fixture(scope="module")
def truth():
    """Mean `(V, 3)` in mm, triangles, five scaled modes `(3V, 5)` in mm, and codes for tests."""
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(np.linspace(-60, 60, 9), np.linspace(-50, 50, 8), indexing="ij")
    mean = np.stack([x, y, 30 - (x**2 + 0.7 * y**2) / 100], -1).reshape(-1, 3)
    a = (np.arange(8)[:, None] * 8 + np.arange(7)).reshape(-1)
    triangles = np.concatenate([np.stack([a, a + 1, a + 8], 1), np.stack([a + 1, a + 9, a + 8], 1)])
    basis = np.linalg.qr(rng.normal(size=(mean.size, 5)))[0]
    std = np.array([30.0, 20, 10, 5, 2])
    return mean, triangles, basis, std, rng.normal(size=(4, 5))


def shapes(truth, codes):
    mean, _, basis, std, _ = truth
    return mean + ((codes * std) @ basis.T).reshape(len(codes), -1, 3)


def same_distribution(model, truth):
    """The same mean and covariance, whatever the basis: marginal spreads and the space that is spanned."""
    mean, triangles, basis, std, codes = truth
    np.testing.assert_allclose(model.decode(model.latent_mean), mean, atol=1e-4)
    np.testing.assert_array_equal(model.triangles, triangles)
    mine = np.asarray(model.components).T * model.latent_std
    np.testing.assert_allclose(mine @ mine.T, (basis * std**2) @ basis.T, atol=1e-2)
    wanted = shapes(truth, codes)
    np.testing.assert_allclose(model.decode(model.encode(wanted, check=False)), wanted, atol=1e-3)


def statismo(path, truth, *, version="0.9", root="", scale=1.0, turn=None):
    mean, triangles, basis, std, _ = truth
    turn = np.eye(3) if turn is None else turn
    moved = (mean @ turn.T) * scale
    basis = np.einsum("ij,vjk->vik", turn, basis.reshape(-1, 3, 5)).reshape(-1, 5)
    with h5py.File(path, "w") as file:
        file[root + "model/mean"] = moved.reshape(-1).astype("f4")
        file[root + "model/pcaBasis"] = (basis * (std * scale if version == "0.8" else 1)).astype("f4")
        file[root + "model/pcaVariance"] = ((std * scale) ** 2).astype("f4")
        file[root + "model/noiseVariance"] = np.float32(scale**2 * 0.25)
        file[root + "version/majorVersion"], file[root + "version/minorVersion"] = (int(n) for n in version.split("."))
        if version == "0.8":
            rows = "".join(f"{x!r} {y!r} {z!r}\n" for x, y, z in moved.tolist())
            cells = "".join(f"3 {i} {j} {k}\n" for i, j, k in triangles.tolist())
            text = (
                f"# vtk DataFile Version 3.0\nmesh\nASCII\nDATASET POLYDATA\nPOINTS {len(mean)} float\n{rows}"
                f"POLYGONS {len(triangles)} {4 * len(triangles)}\n{cells}"
            )
            file[root + "representer/reference"] = np.frombuffer(text.encode(), np.int8)
        else:
            file[root + "representer/points"] = moved.T.astype("f4")
            file[root + "representer/cells"] = triangles.T.astype("i4")
    return path


@pytest.mark.parametrize("version", ["0.8", "0.9", "1.0"])
def test_statismo_of_both_generations(tmp_path, truth, version):
    model = inface.load_model(statismo(tmp_path / "a.h5", truth, version=version))
    same_distribution(model, truth)
    assert model.noise_std == pytest.approx(0.5)


@pytest.mark.parametrize("unit, scale", [("m", 1e-3), ("cm", 0.1), ("mm", 1), ("inch", 1 / 25.4)])
def test_the_unit_is_given_or_found_and_said(tmp_path, truth, unit, scale):
    path = statismo(tmp_path / "a.h5", truth, scale=scale)
    same_distribution(inface.load_model(path, unit=unit), truth)
    if unit != "inch":
        with pytest.warns(FileWarning, match=f"its unit was found by its size: {unit}"):
            model = inface.load_model(path)
        same_distribution(model, truth)
        assert model.card["unit of the file"] == unit
    with pytest.raises(FormatError, match="which is no head in mm, cm or m; say the unit"):
        inface.load_model(statismo(tmp_path / "b.h5", truth, scale=1e-6))


@pytest.mark.parametrize("frame", ["LPS", "RAS", "left-up-front"])
def test_the_frame_is_given_or_said(tmp_path, truth, frame):
    # of a head: x to the subject's left, y up, z front
    turn = {
        "LPS": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),  # left, back, up
        "RAS": np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]]),  # right, front, up
        "left-up-front": np.eye(3),
    }[frame]
    path = statismo(tmp_path / "a.h5", truth, turn=turn)
    same_distribution(inface.load_model(path, frame=frame), truth)
    with pytest.warns(FileWarning, match="its frame was not given: taken as x left, y up, z front"):
        inface.load_model(path)
    with pytest.raises(FormatError, match="frame: expected one of left-up-front, LPS, RAS"):
        inface.load_model(path, frame="up")


def test_hdf5_json_of_newer_scalismo(tmp_path, truth):
    statismo(tmp_path / "a.h5", truth)
    entries = {}
    with h5py.File(tmp_path / "a.h5") as file:

        def note(name, node):
            if isinstance(node, h5py.Dataset):
                entries[f"id-{len(entries)}"] = {"alias": ["/" + name], "value": np.asarray(node).tolist()}

        file.visititems(note)
    (tmp_path / "a.h5.json").write_text(json.dumps({"apiVersion": "1.1.1", "datasets": entries, "groups": {}}))
    same_distribution(inface.load_model(tmp_path / "a.h5.json"), truth)


def test_what_is_written_for_statismo_comes_back_and_losses_are_said(tmp_path, truth):
    mean, triangles, basis, std, _ = truth
    model = inface.PCAMorphableModel(
        components=basis.T,
        eigenvalues=std**2,
        mean_vertices=mean,
        triangles=triangles,
        landmarks={"n": 3},
        noise_std=0.5,
    )
    with pytest.warns(FileWarning, match="no place for: landmarks"):
        model.save(tmp_path / "a.h5", format="statismo")
    with h5py.File(tmp_path / "a.h5") as file:  # as Scalismo asks for them
        assert file["model/pcaBasis"].shape == (mean.size, 5) and file["representer/points"].shape == (3, len(mean))
        assert int(file["version/minorVersion"][()]) == 9
        assert file["representer"].attrs["datasetType"] == "POLYGON_MESH"
        np.testing.assert_allclose(np.linalg.norm(file["model/pcaBasis"][()], axis=0), 1, rtol=1e-5)
    same_distribution(inface.load_model(tmp_path / "a.h5"), truth)
    with pytest.raises(FormatError, match="PCA models only"):
        inface.load_default_model("disentangled").save(tmp_path / "b.h5", format="statismo")
    with pytest.raises(FormatError, match="expected inface, npz or statismo"):
        model.save(tmp_path / "b.h5", format="vtk")


@pytest.mark.parametrize("landmarks", [True, False])
def test_basel_face_model(tmp_path, truth, landmarks):
    """2017 and 2019: shape and expression, each a model of its own; the expression's mean is an offset."""
    mean, _, basis, std, codes = truth
    rng = np.random.default_rng(1)
    other = np.linalg.qr(rng.normal(size=(mean.size, 3)))[0]
    offset = rng.normal(size=mean.size)
    path = statismo(tmp_path / "model2019_bfm.h5", truth, root="shape/")
    with h5py.File(path, "a") as file:
        for name, values in (("mean", offset), ("pcaBasis", other), ("pcaVariance", [9.0, 4, 1]), ("noiseVariance", 0)):
            file[f"expression/model/{name}"] = np.asarray(values, "f4")
        file["color/model/mean"] = np.full(mean.size, 0.5, "f4")
        if landmarks:
            points = [{"id": "center.nose.tip", "coordinates": mean[20].tolist()}]
            file["metadata/landmarks/json"] = json.dumps(points)
    model = inface.load_model(path)
    assert {name: s.stop - s.start for name, s in model.blocks.items()} == {"identity": 5, "expression": 3}
    np.testing.assert_allclose(model.decode(model.latent_mean).reshape(-1), mean.reshape(-1) + offset, atol=1e-4)
    code = np.concatenate([codes[0] * std, [3.0, 2, 1]])
    wanted = (mean.reshape(-1) + offset + basis @ code[:5] + other @ code[5:]).reshape(-1, 3)
    np.testing.assert_allclose(model.decode(code), wanted, atol=1e-3)
    np.testing.assert_allclose(model.encode(wanted, check=False), code, atol=1e-2)
    np.testing.assert_allclose(model.latent_std, [*std, 3, 2, 1], rtol=1e-5)
    np.testing.assert_allclose(model.colors, 0.5)
    assert dict(model.template.landmarks) == ({"center.nose.tip": 20} if landmarks else {})


@pytest.mark.parametrize("width, expression", [(400, 100), (20, 0), (150, 0)])
def test_flame_and_smplx(tmp_path, truth, width, expression):
    mean, triangles, _, _, _ = truth
    dirs = np.random.default_rng(2).normal(size=(len(mean), 3, min(width, 400))) * 1e-3
    dirs = dirs / (1 + np.arange(dirs.shape[2]))  # as principal components are: ever smaller
    np.savez(tmp_path / "flame.npz", v_template=mean / 1000, shapedirs=dirs, f=triangles.astype("u4"),
             posedirs=np.zeros((len(mean), 3, 36)), weights=np.zeros((len(mean), 5)))  # fmt: skip
    with pytest.warns(FileWarning, match="joints, skinning weights and pose correctives are left out"):
        model = inface.load_model(tmp_path / "flame.npz")
    if expression:
        assert {name: s.stop - s.start for name, s in model.blocks.items()} == {"identity": 300, "expression": 100}
        code = np.zeros(400)
        code[[0, 301]] = 1, 2
        wanted = mean + 1000 * (dirs[..., 0] + 2 * dirs[..., 301])
        np.testing.assert_allclose(model.decode(code), wanted, atol=1e-6)
    else:
        assert model.kind == "pca"
        scaled = np.asarray(model.components).T * model.latent_std
        flat = 1000 * dirs.reshape(mean.size, -1)
        np.testing.assert_allclose(scaled @ scaled.T, flat @ flat.T, atol=1e-8)


def test_a_pickle_is_refused_with_the_way_round_it(tmp_path):
    for name in ("generic_model.pkl", "model.pt"):
        (tmp_path / name).write_bytes(b"\x80\x04.")
        with pytest.raises(FormatError, match=r"a pickle, which can run any program .* numpy.savez"):
            inface.load_model(tmp_path / name)
    np.savez(tmp_path / "a.npz", v_template=np.zeros((2, 3)), shapedirs=np.array([{}], object), f=[[0, 1, 1]])
    with pytest.raises(FormatError, match=r"a\.npz"):
        inface.load_model(tmp_path / "a.npz")


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("scaled", [1.0, 3.0])
def test_babyface(tmp_path, truth, nested, scaled):
    """MATLAB counts from one, and Nystroem's eigenfunctions are not of length one."""
    mean, triangles, basis, std, _ = truth
    fields = {
        "refShape": mean.T - 1, "meanDeformation": np.ones(mean.size)[:, None], "triang": triangles.T + 1.0,
        "eigenValues": (std / scaled)[:, None] ** 2, "eigenFunctions": basis * scaled,
        "landmark_names": np.array(["nasion", "pronasale"], object), "landmark_verts": np.array([[4, 21]]),
        "pctVar_per_eigen": std,
    }  # fmt: skip
    scipy.io.savemat(tmp_path / "BabyFaceModel.mat", {"BabyFaceModel": fields} if nested else fields)
    model = inface.load_model(tmp_path / "BabyFaceModel.mat")
    same_distribution(model, truth)
    assert dict(model.template.landmarks) == {"nasion": 3, "pronasale": 20}


def test_ict_facekit(tmp_path, truth):
    mean, triangles, basis, std, _ = truth
    folder = tmp_path / "kit" / "FaceXModel"
    folder.mkdir(parents=True)
    Mesh(mean / 10, triangles).export(folder / "generic_neutral_mesh.obj")
    for i in range(3):
        Mesh((mean + (basis[:, i] * std[i]).reshape(-1, 3)) / 10, triangles).export(folder / f"identity{i:03d}.obj")
    for i, name in ((3, "jawOpen"), (4, "mouthSmile_L")):
        Mesh((mean + (basis[:, i] * std[i]).reshape(-1, 3)) / 10, triangles).export(folder / f"{name}.obj")
    model = inface.load_model(tmp_path / "kit")
    assert {name: s.stop - s.start for name, s in model.blocks.items()} == {"identity": 3, "expression": 2}
    assert set(model.expressions) == {"jawOpen", "mouthSmile_L"}
    neutral = model.template.mesh
    opened = model.set_expression(neutral, "jawOpen")
    np.testing.assert_allclose(opened.vertices - mean, (basis[:, 3] * std[3]).reshape(-1, 3), atol=1e-6)


def test_a_folder_of_meshes(tmp_path, truth):
    _, triangles, _, _, _ = truth
    examples = shapes(truth, np.random.default_rng(3).normal(size=(9, 5)))
    (tmp_path / "meshes").mkdir()
    for i, shape in enumerate(examples):
        Mesh(shape, triangles).export(tmp_path / "meshes" / f"{i}.ply")
    model = inface.load_model(tmp_path / "meshes")
    np.testing.assert_allclose(model.decode(model.latent_mean), examples.mean(0), atol=1e-9)
    flat = (examples - examples.mean(0)).reshape(9, -1)
    scaled = np.asarray(model.components).T * model.latent_std
    np.testing.assert_allclose(scaled @ scaled.T, flat.T @ flat / 8, atol=1e-6)
    Mesh(examples[0], triangles[::-1]).export(tmp_path / "meshes" / "a.ply")
    with pytest.raises(FormatError, match="in no correspondence"):
        inface.load_model(tmp_path / "meshes")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="three meshes in correspondence or more"):
        inface.load_model(tmp_path / "empty")


@pytest.mark.parametrize("name", ["pca", "disentangled"])
def test_a_plain_npz_loses_nothing(tmp_path, name):
    model = inface.load_default_model(name)
    model.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:  # what another program sees
        np.testing.assert_array_equal(file["mean_vertices"], model.mean_vertices)
    back = inface.load_model(tmp_path / "a.npz")
    assert back.hash == model.hash and dict(back.card) == dict(model.card)
    code = model.sample_latents(1, seed=0)[0]
    np.testing.assert_array_equal(back.decode(code), model.decode(code))
    before = (tmp_path / "a.npz").read_bytes()
    model.save(tmp_path / "a.npz")
    assert (tmp_path / "a.npz").read_bytes() == before


@pytest.mark.parametrize(
    "keys, words",
    [
        ({"model/mean": np.zeros(9), "model/pcaBasis": np.zeros((6, 2)), "model/pcaVariance": np.ones(2)}, "expected"),
        ({"model/mean": np.zeros(9), "model/pcaBasis": np.zeros((9, 2))}, "lacks 'model/pcaVariance'"),
        ({"model/mean": np.zeros(8), "model/pcaBasis": np.zeros((8, 2))}, "three numbers a vertex"),
        ({"model/stuff": np.zeros(3)}, "no known layout; its arrays are: model/stuff"),
    ],
)
def test_damaged_models_are_refused_in_words(tmp_path, keys, words):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for key, value in keys.items():
            file[key] = value
        file["representer/points"] = np.zeros((3, 3))
        file["representer/cells"] = np.zeros((3, 1), int)
    with pytest.raises(FormatError) as caught:
        inface.load_model(tmp_path / "a.h5")
    assert "a.h5" in str(caught.value) and "\n" not in str(caught.value)


def test_truncated_models_of_others(tmp_path, truth):
    whole = statismo(tmp_path / "a.h5", truth).read_bytes()
    for cut in (100, 1000, len(whole) // 2, len(whole) - 10):
        (tmp_path / "b.h5").write_bytes(whole[:cut])
        with pytest.raises(FormatError):
            inface.load_model(tmp_path / "b.h5")


def test_a_real_kit_from_its_folder_and_back_through_every_format(tmp_path, shared_data):
    """ICT-FaceKit Light, a real shape model: written as its folder is, read, kept as npz, h5 and (PCA) statismo."""
    kit = shared_data("ict_face_light.npz")
    folder = tmp_path / "FaceXModel"
    folder.mkdir()
    mean = np.asarray(kit["mean"], float)
    unit = 10.0 if np.ptp(mean, axis=0).max() < 35 else 1.0
    Mesh(mean, kit["triangles"]).export(folder / "generic_neutral_mesh.obj")
    for i, offsets in enumerate(kit["identity"][:6]):
        Mesh(mean + offsets, kit["triangles"]).export(folder / f"identity{i:03d}.obj")
    for name, offsets in zip(kit["expression_names"][:4], kit["expression"][:4], strict=True):
        Mesh(mean + offsets, kit["triangles"]).export(folder / f"{name}.obj")
    model = inface.load_model(folder)
    code = np.concatenate([np.linspace(-2, 2, 6), [0.5, 0, 1, 0]])
    # blend shapes come in the order of their names
    order = np.argsort([str(n) for n in kit["expression_names"][:4]])
    offsets = np.concatenate([kit["identity"][:6], kit["expression"][:4][order]])
    wanted = unit * (mean + np.einsum("k,kvc->vc", code, offsets))
    np.testing.assert_allclose(model.decode(code), wanted, atol=1e-4)
    np.testing.assert_allclose(model.encode(wanted, check=False), code, atol=1e-4)
    for name in ("a.npz", "a.h5"):
        model.save(tmp_path / name)
        np.testing.assert_array_equal(inface.load_model(tmp_path / name).decode(code), model.decode(code))
    for path in folder.glob("[a-z]*.obj"):
        if not path.name.startswith(("identity", "generic")):
            path.unlink()
    pca = inface.load_model(folder)
    assert pca.kind == "pca"
    pca.save(tmp_path / "s.h5", format="statismo")
    back = inface.load_model(tmp_path / "s.h5")
    shape = unit * (mean + np.einsum("k,kvc->vc", code[:6], kit["identity"][:6]))
    np.testing.assert_allclose(back.decode(back.encode(shape, check=False)), shape, atol=2e-3)
