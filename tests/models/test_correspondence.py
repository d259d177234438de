"""What is let in to be encoded, and the sentence that turns the rest away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inface
from inface.models import correspondence
from inface.template import Template
from inface.transforms import Similarity


@pytest.fixture
def template(ref):
    return Template(inface.Mesh(*ref.patch()))


def turned(vertices, degrees=0.0, shift=(0, 0, 0), scale=1.0):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return Similarity(turn, np.array(shift, float), scale).apply(vertices)


def test_the_mean_itself_and_batches_pass(template):
    vertices = template.mesh.vertices
    assert correspondence.check(template, template.mesh).known is None
    assert correspondence.check(template, np.stack([vertices, vertices + 1]).reshape(2, 1, -1, 3)).vertices.shape == (
        2,
        1,
        72,
        3,
    )


@pytest.mark.parametrize("extra", [-1, 1])
def test_wrong_count(template, extra):
    with pytest.raises(inface.CorrespondenceError, match=f"have 72 vertices, this one has {72 + extra}"):
        correspondence.check(template, np.zeros((72 + extra, 3)))


@pytest.mark.parametrize("wrong", [np.zeros(216), np.zeros((72, 2)), "face.ply", None])
def test_wrong_forms(template, wrong):
    with pytest.raises(ValueError, match="expected a Mesh or numbers"):
        correspondence.check(template, wrong)


@given(order=st.permutations(range(112)), roll=st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_order_of_triangles_and_rotation_of_corners_do_not_matter(ref, order, roll):
    vertices, triangles = ref.patch()
    template = Template(inface.Mesh(vertices, triangles))
    correspondence.check(template, inface.Mesh(vertices, np.roll(triangles[list(order)], roll, axis=1)))


def test_other_triangles(template):
    vertices, triangles = template.mesh.vertices, template.mesh.triangles
    with pytest.raises(inface.CorrespondenceError, match="reversed winding"):
        correspondence.check(template, inface.Mesh(vertices, triangles[:, ::-1]))
    swapped = triangles.copy()
    swapped[7] = [0, 1, 70]
    with pytest.raises(inface.CorrespondenceError, match=r"1 of the mesh's 112 triangles .*\[0, 1, 70\]"):
        correspondence.check(template, inface.Mesh(vertices, swapped))
    correspondence.check(template, inface.Mesh(vertices, []))


def test_triangles_may_be_missing_where_vertices_are_unknown(template):
    vertices, triangles = template.mesh.vertices, template.mesh.triangles
    unknown = np.zeros(72, bool)
    unknown[[20, 21]] = True
    scan = inface.Mesh(vertices, triangles[~unknown[triangles].any(1)])
    assert correspondence.check(template, scan, unknown).known.sum() == 70
    with pytest.raises(inface.CorrespondenceError, match="triangles are missing"):
        correspondence.check(template, scan)
    with pytest.raises(inface.CorrespondenceError, match="triangles are missing"):
        correspondence.check(template, scan, [20])


def test_stl_is_refused_with_the_reason(template, tmp_path):
    template.mesh.export(tmp_path / "face.stl")
    scan = inface.Mesh.load(tmp_path / "face.stl")
    with pytest.raises(inface.CorrespondenceError, match="STL"):
        correspondence.check(template, scan)


def test_known_vertices_are_finite(template):
    vertices = template.mesh.vertices.copy()
    vertices[[3, 5]] = np.nan
    with pytest.raises(ValueError, match="2 vertices taken as known are NaN"):
        correspondence.check(template, vertices)
    assert correspondence.check(template, vertices, [3, 5]).known.sum() == 70
    vertices[3] = np.inf
    with pytest.raises(ValueError, match="1 vertices"):
        correspondence.check(template, vertices, [5])


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.ones(72, bool), "all vertices are unknown"),
        (np.ones(71, bool), "expected 72 booleans"),
        ([-1], "-1 outside"),
        ([72], "72 outside"),
        ([0.5], "booleans or whole numbers"),
    ],
)
def test_masks(template, mask, sentence):
    with pytest.raises(ValueError, match=sentence):
        correspondence.check(template, template.mesh, mask)


def test_a_mask_of_zeros_and_ones_is_a_mask(template):
    mask = np.zeros(72, np.uint8)
    mask[10:20] = 1
    assert np.array_equal(correspondence.check(template, template.mesh, mask).known, mask == 0)
    assert np.array_equal(correspondence.check(template, template.mesh, mask, invert_mask=True).known, mask == 1)
    with pytest.raises(ValueError, match="no mask to invert"):
        correspondence.check(template, template.mesh, invert_mask=True)


@pytest.mark.parametrize(
    ("factor", "sentence"),
    [
        (0.001, "in metres, the model is in millimetres; multiply its vertices by 1000"),
        (0.1, "in centimetres, the model is in millimetres; multiply its vertices by 10"),
        (0.5, "0.5 times the size"),
        (1.7, "1.7 times the size"),
    ],
)
@pytest.mark.parametrize("align", [False, True])
def test_units_and_sizes_are_named(template, factor, sentence, align):
    with pytest.raises(inface.CorrespondenceError, match=sentence):
        correspondence.check(template, template.mesh.vertices * factor, align=align)
    correspondence.check(template, template.mesh.vertices * factor, align=align, check=False)


def test_a_model_in_metres_names_a_mesh_in_millimetres(ref):
    vertices, triangles = ref.patch()
    template = Template(inface.Mesh(vertices / 1000, triangles), unit="m")
    correspondence.check(template, vertices / 1000 + [0.02, 0, 0])
    with pytest.raises(inface.CorrespondenceError, match="in millimetres, the model is in metres"):
        correspondence.check(template, vertices)
    with pytest.raises(inface.CorrespondenceError, match="shifted by 40 mm"):
        correspondence.check(template, vertices / 1000 + [0.04, 0, 0])


@pytest.mark.parametrize("batch", [False, True])
def test_pose_limits(template, batch):
    vertices = template.mesh.vertices - template.mesh.vertices.mean(0)
    centred = Template(inface.Mesh(vertices, template.mesh.triangles))

    def come(shape):
        return correspondence.check(centred, np.stack([vertices, shape]) if batch else shape)

    come(turned(vertices, 19.5))
    come(turned(vertices, shift=(29.5, 0, 0)))
    come(turned(vertices, scale=1.55))
    for far in (turned(vertices, 20.5), turned(vertices, shift=(0, 30.5, 0)), turned(vertices, -170)):
        with pytest.raises(inface.CorrespondenceError, match=r"degrees and shifted by .* mm .*align=True"):
            come(far)


def test_a_mirrored_mesh_is_no_rotation_of_the_model(template):
    with pytest.raises(inface.CorrespondenceError, match="turned by"):
        correspondence.check(template, template.mesh.vertices * [1, -1, 1])


def test_the_pose_is_judged_on_the_known_vertices(template):
    vertices = template.mesh.vertices.copy()
    vertices[:30] = 1e9
    unknown = np.arange(72) < 30
    assert correspondence.check(template, vertices, unknown).pose is None
    with pytest.raises(inface.CorrespondenceError, match="size"):
        correspondence.check(template, vertices)


@given(degrees=st.floats(-180, 180), x=st.floats(-500, 500), hidden=st.sets(st.integers(0, 71), max_size=50))
@settings(max_examples=25, deadline=None)
def test_alignment_undoes_any_pose(ref, degrees, x, hidden):
    vertices, triangles = ref.patch()
    template = Template(inface.Mesh(vertices, triangles))
    away = turned(vertices, degrees, (x, -x / 2, 3))
    unknown = np.isin(np.arange(72), list(hidden))
    came = np.where(unknown[:, None], np.nan, away)
    arrival = correspondence.check(template, inface.Mesh(came, triangles), unknown, align=True)
    assert np.abs(arrival.vertices[~unknown] - vertices[~unknown]).max() < 1e-6
    assert np.abs(arrival.to_own_frame(vertices) - away).max() < 1e-6


def test_alignment_is_for_one_shape(template):
    with pytest.raises(ValueError, match="align a batch one by one"):
        correspondence.check(template, template.mesh.vertices[None], align=True)


def test_too_few_known_vertices_are_not_judged(template):
    vertices = turned(template.mesh.vertices, 90)
    assert correspondence.check(template, vertices, [3, 4, 5, 6], invert_mask=True).known.sum() == 4


def test_a_mask_may_be_a_file(pca, tmp_path):
    unknown = np.arange(72) % 5 == 0
    np.save(tmp_path / "mask.npy", unknown.astype(np.uint8))
    (tmp_path / "mask.txt").write_text("\n".join(str(i) for i in np.flatnonzero(unknown)))
    mesh = pca.sample_meshes(1, seed=1)[0]
    expected = pca.encode(mesh, unknown)
    for path in (tmp_path / "mask.npy", str(tmp_path / "mask.txt")):
        np.testing.assert_array_equal(pca.encode(mesh, path), expected)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        pca.encode(mesh, tmp_path / "none.npy")


def test_a_batch_is_aligned_shape_by_shape(pca):
    shapes = np.stack([mesh.vertices for mesh in pca.sample_meshes(4, seed=2)]).reshape(2, 2, 72, 3)
    away = shapes.copy()
    away[0, 1] = turned(away[0, 1], 70, (10, 0, 90))
    away[1, 1] = turned(away[1, 1], -120)
    for mask in (None, np.arange(20)):
        codes = pca.encode(away, mask, align=True)
        assert codes.shape == (2, 2, 6)
        assert codes.dtype == np.float32
        np.testing.assert_allclose(codes, pca.encode(shapes, mask, align=True), atol=1e-3)
    assert pca.encode(away[:0], align=True).shape == (0, 2, 6)


def test_a_mask_of_ragged_rows_is_named(template):
    with pytest.raises(ValueError, match="unknown_vertex_mask: expected one axis, got rows of different lengths"):
        correspondence.check(template, template.mesh, [[1, 2], [3]])
