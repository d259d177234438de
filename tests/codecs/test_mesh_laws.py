"""Laws of every mesh format: what is written comes back, order and count kept; damage is named."""

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inface.codecs import MESH_FORMATS, MeshData, read_mesh, write_mesh
from inface.errors import FormatError

EXACT = [".ply", ".obj", ".off", ".json"]
ORDERED = [*EXACT, ".glb"]
everywhere = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@st.composite
def meshes(draw, unknown=True):
    """Meshes with duplicate and unused vertices, degenerate triangles, colours, landmarks, NaN."""
    count = draw(st.integers(1, 12))
    numbers = st.floats(-1e6, 1e6, allow_subnormal=False) | st.sampled_from([0.0, -0.0, 1 / 3, 1e-9])
    vertices = draw(hnp.arrays(np.float64, (count, 3), elements=numbers))
    vertices[draw(st.integers(0, count - 1))] = vertices[0]
    if unknown and draw(st.booleans()):
        vertices[draw(st.integers(0, count - 1))] = np.nan
    rows = draw(st.integers(0, 15))
    triangles = draw(hnp.arrays(np.int32, (rows, 3), elements=st.integers(0, count - 1)))
    colors = draw(st.none() | hnp.arrays(np.uint8, (count, 3)))
    names = draw(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), unique=True, max_size=3))
    names = [name for name in names if name.strip() == name]
    landmarks = {name: np.array([i, 1 / 3, np.nan if i == 1 else -2e-7]) for i, name in enumerate(names)}
    return MeshData(vertices, triangles, None if colors is None else colors / 255, landmarks or None)


def same_landmarks(a, b):
    return list(a or {}) == list(b or {}) and all(np.array_equal(a[n], b[n], equal_nan=True) for n in a or {})


@pytest.mark.parametrize("suffix", EXACT)
@everywhere
@given(data=meshes())
def test_written_then_read_is_exact(tmp_path, suffix, data):
    path = tmp_path / f"mesh{suffix}"
    write_mesh(path, data)
    back = read_mesh(path)
    assert back.vertices.dtype == np.float64 and back.triangles.dtype == np.int32
    assert back.vertices.tobytes() == data.vertices.tobytes() or (
        np.array_equal(back.vertices, data.vertices, equal_nan=True)
    )
    np.testing.assert_array_equal(back.triangles, data.triangles)
    assert (back.colors is None) == (data.colors is None)
    if data.colors is not None:
        np.testing.assert_array_equal(back.colors, data.colors)
    if suffix != ".off":
        assert same_landmarks(back.landmarks, data.landmarks)
    assert back.correspondence


@everywhere
@given(data=meshes(unknown=False))
def test_glb_comes_back_at_least_in_float32(tmp_path, data):
    path = tmp_path / "mesh.glb"
    write_mesh(path, data)
    back = read_mesh(path)
    # at least as near as float32; nearer where the mesh is far off and is written about its centre
    assert (np.abs(back.vertices - data.vertices) <= np.abs(data.vertices - data.vertices.astype("f4")) + 1e-9).all()
    np.testing.assert_array_equal(back.triangles, data.triangles)
    assert list(back.landmarks or {}) == list(data.landmarks or {})
    for name, point in (data.landmarks or {}).items():
        np.testing.assert_allclose(back.landmarks[name], point, atol=1e-9)
    if data.colors is not None:
        np.testing.assert_allclose(back.colors, data.colors, atol=1e-6)


@pytest.mark.parametrize("suffix", [".obj", ".off", ".json", ".ply"])
def test_colours_between_the_steps_of_eight_bits(tmp_path, suffix):
    colors = np.array([[0.1, 1 / 3, 0.9999], [0, 1, 0.5]])
    write_mesh(tmp_path / f"a{suffix}", MeshData(np.zeros((2, 3)), np.zeros((0, 3), int), colors))
    back = read_mesh(tmp_path / f"a{suffix}").colors
    np.testing.assert_allclose(back, colors, atol=0.5 / 255 + 1e-12 if suffix == ".ply" else 0)


@pytest.mark.parametrize("suffix", ORDERED)
def test_suffix_in_any_case_and_content_before_suffix(tmp_path, suffix, blob):
    write_mesh(tmp_path / f"a{suffix.upper()}", blob)
    other = ".obj" if suffix != ".obj" else ".ply"
    (tmp_path / f"a{suffix.upper()}").rename(tmp_path / f"b{other}")
    back = read_mesh(tmp_path / f"b{other}")
    assert back.format == MESH_FORMATS[suffix].name
    np.testing.assert_allclose(back.vertices, blob.vertices, atol=1e-5)


@pytest.mark.parametrize("suffix", sorted(MESH_FORMATS))
def test_every_truncation_is_named(tmp_path, suffix, blob):
    """Cut anywhere, a file is refused with `FormatError` and never read as a smaller mesh."""
    path = tmp_path / f"a{suffix}"
    write_mesh(path, blob)
    whole = path.read_bytes()
    offsets = {0, 1, 2, 3, 4, 11, 12, 19, 20, 79, 83, 84, len(whole) - 1, len(whole) - 2}
    offsets |= set(np.random.default_rng(0).integers(0, len(whole), 80).tolist())
    for cut in sorted(offsets):
        path.write_bytes(whole[:cut])
        with pytest.raises(FormatError) as caught:
            read_mesh(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", sorted(MESH_FORMATS))
def test_noise_raises_nothing_but_format_errors(tmp_path, suffix, blob):
    path = tmp_path / f"a{suffix}"
    write_mesh(path, blob)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(150):
        noisy = whole.copy()
        noisy[rng.integers(0, min(len(noisy), rng.choice([60, 400, 10**9])), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(noisy.tobytes())
        try:
            read_mesh(path)
        except FormatError:
            refused += 1
    assert refused or suffix == ".stl"  # all of an STL but its length may be anything


def test_unknown_suffix(tmp_path):
    (tmp_path / "a.xyz").write_text("1 2 3")
    for act in (read_mesh, lambda p: write_mesh(p, MeshData(np.zeros((1, 3)), np.zeros((0, 3), int)))):
        with pytest.raises(
            FormatError, match=r"unknown mesh suffix '\.xyz'; known are (\.3mf, )?\.glb, .*\.ply, \.stl"
        ):
            act(tmp_path / "a.xyz")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no mesh file '.*a\.ply'"):
        read_mesh(tmp_path / "a.ply")


@pytest.mark.parametrize("suffix", sorted(MESH_FORMATS))
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_disguise_is_never_loaded(tmp_path, suffix, protocol):
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self):
            return (open, (str(trap), "w"))

    path = tmp_path / f"mesh{suffix}"
    path.write_bytes(pickle.dumps({"vertices": Trap()}, protocol))
    with pytest.raises(FormatError):
        read_mesh(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes())  # the trap is a real one
    assert trap.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "HDF5 file; load a model with"),
        (b"PK\x03\x04" + b"\0" * 100, "zip archive"),
        (b"\x93NUMPY\x01\x00", "numpy array"),
        (b"", "empty"),
        (b"  \n\n ", "empty"),
    ],
)
def test_other_files_are_called_by_their_name(tmp_path, content, words):
    (tmp_path / "a.ply").write_bytes(content)
    with pytest.raises(FormatError, match=words):
        read_mesh(tmp_path / "a.ply")


@pytest.mark.parametrize("suffix", [".obj", ".off", ".json"])
def test_index_out_of_range(tmp_path, suffix):
    text = {
        ".obj": "v 0 0 0\nv 1 0 0\nf 1 2 100\n",
        ".off": "OFF\n2 1 0\n0 0 0\n1 0 0\n3 0 1 99\n",
        ".json": '{"vertices": [[0,0,0],[1,0,0]], "triangles": [[0,1,99]]}',
    }[suffix]
    (tmp_path / f"a{suffix}").write_text(text)
    with pytest.raises(FormatError, match=r"index 99 outside \[0, 2\)"):
        read_mesh(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".stl", ".glb"])
def test_unknown_vertices_where_the_format_has_none(tmp_path, suffix):
    data = MeshData(np.array([[0, 0, 0], [1, 0, 0], [np.nan] * 3]), np.array([[0, 1, 2]]))
    with pytest.raises(FormatError, match=r"can't hold unknown \(NaN\) vertices; fill them first, or write PLY"):
        write_mesh(tmp_path / f"a{suffix}", data)
    assert list(tmp_path.iterdir()) == []
