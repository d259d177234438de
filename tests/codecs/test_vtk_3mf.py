"""VTK, VTP and 3MF against the programs that own them: the VTK library, and lib3mf."""

import numpy as np
import pytest

from inface.codecs import MeshData, read_mesh, write_mesh
from inface.errors import FormatError

pv = pytest.importorskip("pyvista", reason="the VTK library is the oracle")
vtk = pytest.importorskip("vtk")


def poly(blob, *, polygons=True, strips=False):
    """The mesh in VTK's own hands: with normals, a scalar at points and one at cells."""
    faces = np.concatenate([np.full((len(blob.triangles), 1), 3), blob.triangles], 1).reshape(-1)
    data = pv.PolyData(blob.vertices, faces=faces)
    if strips:
        data = pv.wrap(data.strip())
    data.point_data["RGB"] = np.rint(blob.colors * 255).astype(np.uint8)
    data.point_data["quality"] = np.arange(len(blob.vertices)) / 7
    data.cell_data["label"] = np.arange(data.n_cells)
    data.field_data["name"] = ["a scan"]
    return data


def sets(triangles):
    """Triangles as a set, whichever corner comes first."""
    return {min(tuple(np.roll(t, -k)) for k in range(3)) for t in np.asarray(triangles).tolist()}


@pytest.mark.parametrize("version", [42, 51])
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("strips", [True, False])
def test_legacy_files_of_the_vtk_library(tmp_path, blob, version, binary, strips):
    writer = vtk.vtkPolyDataWriter()
    writer.SetFileName(str(tmp_path / "a.vtk"))
    writer.SetInputData(poly(blob, strips=strips))
    writer.SetFileVersion(version)
    writer.SetFileTypeToBinary() if binary else writer.SetFileTypeToASCII()
    assert writer.Write()
    back = read_mesh(tmp_path / "a.vtk")
    np.testing.assert_allclose(back.vertices, blob.vertices, rtol=1e-6)
    assert sets(back.triangles) == sets(blob.triangles)
    np.testing.assert_allclose(back.colors, blob.colors, atol=1e-3)


@pytest.mark.parametrize("mode", ["Ascii", "Binary", "Appended", "AppendedRaw"])
@pytest.mark.parametrize("compressor", ["None", "ZLib", "LZMA", "LZ4"])
@pytest.mark.parametrize("header", [32, 64])
def test_xml_files_of_the_vtk_library(tmp_path, blob, mode, compressor, header):
    writer = vtk.vtkXMLPolyDataWriter()
    writer.SetFileName(str(tmp_path / "a.vtp"))
    writer.SetInputData(poly(blob, strips=mode == "Binary"))
    getattr(writer, f"SetDataModeTo{mode.replace('Raw', '')}")()
    if mode.startswith("Appended"):
        writer.SetEncodeAppendedData(mode == "Appended")
    getattr(writer, f"SetCompressorTypeTo{compressor}")()
    writer.SetBlockSize(256)  # several blocks
    writer.SetHeaderTypeToUInt32() if header == 32 else writer.SetHeaderTypeToUInt64()
    assert writer.Write()
    if compressor == "LZ4":
        with pytest.raises(FormatError, match="compressed with vtkLZ4DataCompressor, which is not supported; use zlib"):
            read_mesh(tmp_path / "a.vtp")
        return
    back = read_mesh(tmp_path / "a.vtp")
    np.testing.assert_allclose(back.vertices, blob.vertices, rtol=1e-6)
    assert sets(back.triangles) == sets(blob.triangles)
    np.testing.assert_allclose(back.colors, blob.colors, atol=1e-3)


@pytest.mark.parametrize("suffix", [".vtk", ".vtp"])
def test_the_vtk_library_reads_what_is_written(tmp_path, blob, suffix):
    write_mesh(tmp_path / f"a{suffix}", blob)
    other = pv.read(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(other.points, blob.vertices)
    np.testing.assert_array_equal(other.regular_faces, blob.triangles)
    np.testing.assert_array_equal(other.point_data["RGB"], np.rint(blob.colors * 255))
    bare = MeshData(blob.vertices, blob.triangles)
    write_mesh(tmp_path / f"a{suffix}", bare)
    np.testing.assert_array_equal(pv.read(tmp_path / f"a{suffix}").points, blob.vertices)


def test_an_unstructured_grid_and_slicers_frame(tmp_path, blob):
    text = (
        "# vtk DataFile Version 3.0\n3D Slicer output. SPACE=RAS\nASCII\nDATASET UNSTRUCTURED_GRID\nPOINTS 4 float\n"
        "0 0 0 1 0 0\n1 1 0 0 1 5\nCELLS 2 9\n3 0 1 2\n4 0 1 2 3\nCELL_TYPES 2\n5\n9\n"
    )
    (tmp_path / "a.vtk").write_text(text)
    back = read_mesh(tmp_path / "a.vtk")
    np.testing.assert_array_equal(back.vertices[2:], [[-1, -1, 0], [0, -1, 5]])
    np.testing.assert_array_equal(back.triangles, [[0, 1, 2], [0, 1, 2], [0, 2, 3]])
    for wrong, words in (
        (text.replace("UNSTRUCTURED_GRID", "STRUCTURED_POINTS"), "holds a STRUCTURED_POINTS, not a surface"),
        (text.replace("CELLS 2 9", "CELLS 3 9"), "damaged"),
        (text.replace("ASCII", "TEXT"), "should be ASCII or BINARY"),
        (text[:150], "cut short"),
    ):
        (tmp_path / "a.vtk").write_text(wrong)
        with pytest.raises(FormatError, match=words):
            read_mesh(tmp_path / "a.vtk")


def test_3mf_for_printers(tmp_path, blob):
    lib3mf = pytest.importorskip("lib3mf", reason="the library of the 3MF consortium is the oracle")
    write_mesh(tmp_path / "a.3mf", blob)
    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(tmp_path / "a.3mf"))
    assert reader.GetWarningCount() == 0
    assert model.GetUnit() == lib3mf.ModelUnit.MilliMeter
    objects = model.GetMeshObjects()
    assert objects.MoveNext()
    mesh = objects.GetCurrentMeshObject()
    vertices = np.array([list(v.Coordinates) for v in mesh.GetVertices()])
    np.testing.assert_allclose(vertices, blob.vertices, rtol=1e-6)
    np.testing.assert_array_equal([list(t.Indices) for t in mesh.GetTriangleIndices()], blob.triangles)
    group = model.GetColorGroupByID(mesh.GetTriangleProperties(7).ResourceID)
    for corner, entry in zip(blob.triangles[7], mesh.GetTriangleProperties(7).PropertyIDs, strict=True):
        color = group.GetColor(entry)
        np.testing.assert_array_equal([color.Red, color.Green, color.Blue], np.rint(blob.colors[corner] * 255))
    before = (tmp_path / "a.3mf").read_bytes()
    write_mesh(tmp_path / "a.3mf", blob)
    assert (tmp_path / "a.3mf").read_bytes() == before
    with pytest.raises(FormatError, match="is written and not read"):
        read_mesh(tmp_path / "a.3mf")
    with pytest.raises(FormatError, match=r"3MF can't hold unknown \(NaN\) vertices"):
        write_mesh(tmp_path / "b.3mf", MeshData(np.full((3, 3), np.nan), np.array([[0, 1, 2]])))
