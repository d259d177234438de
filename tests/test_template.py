"""A topology's name, and the refusals of a template."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inface.mesh import Mesh
from inface.template import Template, topology_hash

flat = hnp.arrays(np.int32, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(0, 3)).map(
    lambda t: np.stack([t[:, 0], 4 + t[:, 1], 8 + t[:, 2]], 1)  # three different corners always
)


@settings(max_examples=60, deadline=None)
@given(corners=flat, seed=st.integers(0, 1000))
def test_hash_does_not_depend_on_order_rotation_or_type(corners, seed):
    rng = np.random.default_rng(seed)
    name = topology_hash(12, corners)
    turned = np.stack([np.roll(row, rng.integers(3)) for row in corners])
    assert topology_hash(12, rng.permutation(turned)) == name
    assert topology_hash(12, corners.astype(np.int64)) == name == topology_hash(12, corners.astype(np.uint32))
    assert len(name) == 16


@settings(max_examples=60, deadline=None)
@given(corners=flat)
def test_hash_tells_other_topologies_apart(corners):
    name = topology_hash(12, corners)
    assert topology_hash(13, corners) != name
    assert topology_hash(12, corners[:-1]) != name
    assert topology_hash(12, np.vstack([corners, corners[:1]])) != name
    moved = corners.copy()
    moved[0, 0] = (moved[0, 0] + 1) % 4
    assert topology_hash(12, moved) != name
    reversed_ = topology_hash(12, corners[:, ::-1])
    assert reversed_ != name and topology_hash(12, corners[:, [0, 2, 1]]) == reversed_


def test_hash_of_no_triangles():
    assert topology_hash(3, np.zeros((0, 3), int)) != topology_hash(4, np.zeros((0, 3), int))


@pytest.fixture
def mesh():
    return Mesh(np.eye(3), [[0, 1, 2]])


def test_template_hash_is_that_of_its_mesh(mesh):
    assert Template(mesh).hash == topology_hash(3, mesh.triangles)
    assert Template(mesh.with_vertices(np.eye(3) * 2)).hash == Template(mesh).hash


def test_a_good_template(mesh):
    template = Template(mesh, {"chin": 2}, {"lips": np.array([0, 2]), "none": np.array([], int)}, np.array([1, 0, 2]))
    assert template.unit == "mm"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"landmarks": {"chin": 3}}, r"landmark 'chin': vertex 3 outside \[0, 3\)"),
        ({"landmarks": {"chin": -1}}, r"landmark 'chin': vertex -1 outside"),
        ({"regions": {"lips": np.array([0, 3])}}, r"region 'lips': a vertex index lies outside \[0, 3\)"),
        ({"regions": {"lips": np.array([-1])}}, "region 'lips'"),
        ({"mirror": np.array([1, 2, 0])}, "mirror: the partner of a vertex's partner must be the vertex itself"),
        ({"mirror": np.array([1, 0, 3])}, r"mirror: expected 3 vertex ids inside \[0, 3\)"),
        ({"mirror": np.array([1, 0])}, "mirror: expected 3 vertex ids"),
        ({"mirror": np.array([1, 0, -1])}, "mirror: expected 3 vertex ids"),
    ],
)
def test_refusals(mesh, parts, words):
    with pytest.raises(ValueError, match=words):
        Template(mesh, **parts)
