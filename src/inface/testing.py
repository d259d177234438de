"""The contract that every model passes: `check_model(model)`."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inface._validate import FloatArray
from inface.errors import CorrespondenceError, MissingBlockError
from inface.mesh import Mesh
from inface.models import MorphableModel, codes, load_model
from inface.transforms import Similarity

_EDITS: dict[str, tuple[str, Callable]] = {
    "set_expression": ("expression", lambda model, mesh: model.set_expression(mesh, model.latent_mean)),
    "transfer_expression": ("expression", lambda model, mesh: model.transfer_expression(mesh, mesh)),
    "neutralize": ("expression", lambda model, mesh: model.neutralize(mesh)),
    "adjust_age": ("age", lambda model, mesh: model.adjust_age(mesh, model.latent_mean[-1])),
}


def check_model(model: MorphableModel, *, seed: int = 0, partial: bool = True) -> None:
    """Raise `AssertionError` with a sentence for the first law of a model that does not hold.

    The laws: shapes and types; a batch equals a loop; inputs are not changed; wrong sizes, NaN, other topology and
    other poses are refused; one seed gives one sample; an edit changes its own block and nothing else, keeps colours
    and, with `keep_detail`, what the model cannot express; a missing block is named; what is saved is loaded exactly;
    with `partial`, what stands in unknown vertices does not matter.
    """
    meshes = model.sample_meshes(3, deviation_factor=0.5, seed=seed)
    for law in (_shapes, _batches, _inputs_kept, _refusals, _sampling, _alignment, _edits, _missing_blocks, _saving):
        law(model, meshes)
    if partial:
        _unknown_vertices(model, meshes)


def tolerance(model: MorphableModel) -> float:
    """Largest difference, in the model's unit, that round-off explains."""
    size = float(np.abs(model.mean_vertices).max()) + 5 * float(np.ptp(model.mean_vertices))
    return size * (1e-4 if model.dtype == np.float32 else 1e-9)


def _shapes(model: MorphableModel, meshes: list[Mesh]) -> None:
    v, k = len(model.mean_vertices), len(model.latent)
    for given in (np.float32, np.float64):
        vertices = model.decode(np.asarray(model.latent_mean, given))
        _law(vertices.shape == (v, 3), f"decode gives {vertices.shape} for one code, expected ({v}, 3)")
        _law(vertices.dtype == model.dtype, f"decode gives {vertices.dtype} of {given.__name__}, not {model.dtype}")
        code = model.encode(meshes[0].vertices.astype(given))
        _law(code.shape == (k,), f"encode gives {code.shape} for one shape, expected ({k},)")
        _law(code.dtype == model.dtype, f"encode gives {code.dtype} of {given.__name__}, not {model.dtype}")
    _law(model.decode(np.zeros((2, 0, k))).shape == (2, 0, v, 3), "decode of an empty batch has the wrong shape")
    ends = [0, *(stop for block in model.blocks.values() for stop in (block.start, block.stop)), k]
    _law(ends == sorted(ends), f"the blocks {dict(model.blocks)} are not in order within the latent code of {k}")


def _batches(model: MorphableModel, meshes: list[Mesh]) -> None:
    codes = model.sample_latents(6, seed=1).reshape(2, 3, -1)
    shapes = model.decode(codes)
    loop = np.stack([[model.decode(code) for code in row] for row in codes])
    _near(shapes, loop, tolerance(model), "decode of a batch differs from decode of each")
    shapes = np.stack([mesh.vertices for mesh in meshes])
    loop = np.stack([model.encode(shape) for shape in shapes])
    scale = tolerance(model) * max(1.0, float(np.abs(loop).max()))
    _near(model.encode(shapes), loop, scale, "encode of a batch differs from encode of each")
    _near(model.encode(meshes[0]), loop[0], 0, "encode of a mesh differs from encode of its vertices")


def _inputs_kept(model: MorphableModel, meshes: list[Mesh]) -> None:
    code = model.sample_latents(2, seed=2)
    shapes = np.stack([mesh.vertices for mesh in meshes]).astype(model.dtype)
    for call, value in (
        (model.decode, code),
        (model.encode, shapes),
        (model.decode, code[0]),
        (model.encode, shapes[0]),
    ):
        before = value.copy()
        result = call(value)
        result += 1
        _law(np.array_equal(value, before), f"{call.__name__} changes its input, or shares memory with it")
    _near(model.decode(model.encode(shapes[0])), model.decode(model.encode(shapes[0])), 0, "two equal calls differ")


def _refusals(model: MorphableModel, meshes: list[Mesh]) -> None:
    mean = np.asarray(model.latent_mean, float)
    broken = np.where(np.arange(len(mean)) == 0, np.nan, mean)
    wrong = [("too long", np.append(mean, 0)), ("empty", mean[:0]), ("NaN", broken)]
    if model.kind != "pca":  # components are in order: the first of them are a code
        wrong.append(("too short", mean[:-1]))
    for what, latent in wrong:
        _refused(functools.partial(model.decode, latent), ValueError, f"decode takes a latent that is {what}")
    mesh = meshes[0]
    hole = mesh.vertices.copy()
    hole[0] = np.nan
    _refused(lambda: model.encode(hole), ValueError, "encode takes NaN in a known vertex")
    _refused(lambda: model.encode(mesh.vertices[:-1]), CorrespondenceError, "encode takes one vertex too few")
    _refused(lambda: model.encode(mesh.vertices / 1000), CorrespondenceError, "encode takes a mesh in metres")
    _refused(
        lambda: model.encode(mesh, np.ones(len(hole), bool)), ValueError, "encode takes a mask without known vertices"
    )
    if len(model.triangles):
        inside_out = Mesh(mesh.vertices, mesh.triangles[:, ::-1])
        _refused(lambda: model.encode(inside_out), CorrespondenceError, "encode takes a mesh with reversed winding")
        shuffled = Mesh(mesh.vertices, np.roll(mesh.triangles[::-1], 1, axis=1))
        _near(model.encode(shuffled), model.encode(mesh), 0, "the order of the triangles matters to encode")


def _sampling(model: MorphableModel, meshes: list[Mesh]) -> None:
    again = model.sample_meshes(3, deviation_factor=0.5, seed=0)[0].vertices
    _near(again, model.sample_meshes(3, deviation_factor=0.5, seed=0)[0].vertices, 0, "one seed gives two samples")
    other = model.sample_latents(1, seed=1)
    _law(not np.array_equal(other, model.sample_latents(1, seed=2)), "two seeds give one sample")
    still = model.sample_latents(2, deviation_factor=0, seed=3)
    _near(still, np.asarray(model.latent_mean, model.dtype), 0, "a deviation factor of 0 does not give the latent mean")


def _alignment(model: MorphableModel, meshes: list[Mesh]) -> None:
    angle = np.radians(50)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    pose = Similarity(turn, np.array([40.0, -10.0, 5.0]))
    mesh = meshes[0]
    away = mesh.with_vertices(pose.apply(mesh.vertices))
    _refused(lambda: model.encode(away), CorrespondenceError, "encode takes a mesh turned by 50 degrees")
    limit = tolerance(model) * max(1.0, float(np.abs(model.encode(mesh)).max()))
    _near(model.encode(away, align=True), model.encode(mesh, align=True), limit, "align=True depends on the pose")
    if "expression" in model.blocks:
        still, moved = (model.neutralize(m, align=True) for m in (mesh, away))
        _near(
            moved.vertices, pose.apply(still.vertices), 3 * limit, "an edit with align=True leaves the mesh's own frame"
        )


def _edits(model: MorphableModel, meshes: list[Mesh]) -> None:
    mesh, other = meshes[0].with_colors(np.full((len(meshes[0].vertices), 3), 0.25)), meshes[1]
    own = model.encode(mesh)
    edits: dict[str, tuple[FloatArray, Callable[..., Mesh]]] = {}
    if "expression" in model.blocks:
        code = model.encode(other)[model.blocks["expression"]]
        edits["expression"] = code, lambda code, **options: model.set_expression(mesh, code, **options)
        _near(
            model.transfer_expression(other, mesh).vertices,
            model.set_expression(mesh, code).vertices,
            tolerance(model),
            "transfer_expression is not set_expression of the source's code",
        )
    if "age" in model.blocks:
        code = model.encode(other)[model.blocks["age"]]
        edits["age"] = code, lambda code, **options: model.adjust_age(mesh, code, **options)
    for name, (code, edit) in edits.items():
        expected = model.decode(codes.put(own, model.blocks[name], code))
        _near(edit(code).vertices, expected, tolerance(model), f"an edit of the block '{name}' touches the others")
        _law(edit(code).colors is not None, f"an edit of the block '{name}' drops the colours")
        bumpy = mesh.with_vertices(mesh.vertices + np.sin(np.arange(mesh.vertices.size)).reshape(-1, 3))
        same = model.encode(bumpy)[model.blocks[name]]
        edit_bumpy = model.set_expression if name == "expression" else model.adjust_age
        kept = edit_bumpy(bumpy, same, keep_detail=True)
        _near(kept.vertices, bumpy.vertices, tolerance(model), f"keep_detail loses detail in the block '{name}'")


def _missing_blocks(model: MorphableModel, meshes: list[Mesh]) -> None:
    for method, (block, call) in _EDITS.items():
        if block not in model.blocks:
            _refused(functools.partial(call, model, meshes[0]), MissingBlockError, f"{method} needs no block '{block}'")
    if model.age_calibration is None:
        for call in (lambda: model.age(meshes[0]), lambda: model.set_age(meshes[0], months=6)):
            _refused(call, MissingBlockError, "ages in months come without a calibration")


def _saving(model: MorphableModel, meshes: list[Mesh]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        model.save(path)
        loaded = load_model(path)
        _law(isinstance(model, type(loaded)), f"a {type(model).__name__} is loaded as a {type(loaded).__name__}")
        _law(
            loaded.hash == model.hash and dict(loaded.card) == dict(model.card), "the saved model is not the loaded one"
        )
        _law(dict(loaded.blocks) == dict(model.blocks), "the blocks change on the way through a file")
        _law(dict(loaded.template.landmarks) == dict(model.template.landmarks), "the landmarks change in a file")
        code = model.sample_latents(2, seed=4)
        _near(loaded.decode(code), model.decode(code), 0, "decode changes on the way through a file")
        _near(loaded.encode(meshes[0]), model.encode(meshes[0]), 0, "encode changes on the way through a file")


def _unknown_vertices(model: MorphableModel, meshes: list[Mesh]) -> None:
    unknown = np.zeros(len(model.mean_vertices), bool)
    unknown[: max(1, len(unknown) // 10)] = True
    codes = []
    for junk in (np.nan, 1e9, 0.0):
        vertices = meshes[0].vertices.copy()
        vertices[unknown] = junk
        codes.append(model.reconstruct(Mesh(vertices, model.triangles), unknown).latent)
    for code in codes[1:]:
        _near(code, codes[0], 0, "what stands in unknown vertices matters")


def _law(holds: bool, sentence: str) -> None:
    if not holds:
        raise AssertionError(sentence)


def _near(got, expected, limit: float, sentence: str) -> None:
    difference = float(np.abs(np.asarray(got, float) - np.asarray(expected, float)).max())
    _law(difference <= limit, f"{sentence} (by {difference:.3g}, {limit:.3g} allowed)")


def _refused(call: Callable[[], object], error: type[Exception], sentence: str) -> None:
    try:
        call()
    except error:
        return
    raise AssertionError(f"{sentence}; expected a {error.__name__}")
