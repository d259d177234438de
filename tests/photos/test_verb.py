"""From a user's files to the files the user takes away, by the public verb, with the network shut."""

import io
import json

import numpy as np
import pytest
from PIL import Image

import inface
from inface.cli import run
from inface.photos.drawings import camera_at, drawing_of
from inface.photos.files import read_photo
from inface.photos.points import IBUG
from inface.transforms import procrustes

SECRET = "a-secret-place"


@pytest.fixture(scope="module")
def album(tmp_path_factory, scenes, pca):
    """Two photographs of one child as JPEG with EXIF, their landmarks beside them, their masks."""
    folder, scene = tmp_path_factory.mktemp("album"), scenes[0]
    for k, yaw in enumerate((0, 35)):
        camera = camera_at(yaw)
        drawing = drawing_of(scene.vertices, pca.template, camera)
        exif = Image.Exif()
        exif[270], exif[305] = SECRET, SECRET
        exif.get_ifd(0x8825)[1] = "N"
        Image.fromarray(drawing.image).save(folder / f"{'ab'[k]}.jpg", exif=exif, quality=95)
        Image.fromarray((drawing.mask * 255).astype(np.uint8)).save(folder / f"{'ab'[k]}-mask.png")
        points = scene.marked(camera, 1.0, k)
        rows = "\n".join(f"{u + 1:.3f} {v + 1:.3f}" for u, v in points.values())
        (folder / f"{'ab'[k]}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    return folder


def test_two_photographs_to_a_head(album, tmp_path, scenes, pca, no_sockets, capsys):
    scene, marks = scenes[0], pca.template.landmarks
    true = float(np.linalg.norm(scene.vertices[marks["ex_l"]] - scene.vertices[marks["ex_r"]]))
    out = tmp_path / "out"
    run_ok(["photo", str(album / "a.jpg"), str(album / "b.jpg"), "--age", f"{scene.months:.3f}m",
            "--known", f"ex_l-ex_r={true:.1f}", "-o", str(out), "--colours"])  # fmt: skip
    assert sorted(p.name for p in out.iterdir()) == ["child-1.png", "child-2.png", "child.json", "child.ply"]
    mesh = inface.Mesh.load(out / "child.ply")
    face = pca.template.regions["face"]
    moved = procrustes(mesh.vertices[face], scene.vertices[face]).apply(mesh.vertices[face])
    assert np.linalg.norm(moved - scene.vertices[face], axis=1).mean() < 2.5  # metric, mm
    record = json.loads((out / "child.json").read_text())
    assert record["verdict"] == "ok" and record["schema"] == "inface-photo-fit-1"
    assert record["measures_mm"]["ex-ex"]["low90"] < true < record["measures_mm"]["ex-ex"]["high90"]
    told = capsys.readouterr().out
    assert told.startswith("ok:") and "size +-" in told


def test_no_photograph_path_or_exif_in_results_unless_asked(album, tmp_path, no_sockets):
    run_ok(["photo", str(album / "a.jpg"), "--age", "9m", "-o", str(tmp_path / "plain")])
    for path in (tmp_path / "plain").iterdir():
        content = path.read_bytes()
        assert SECRET.encode() not in content and b"a.jpg" not in content and str(album).encode() not in content
        assert b"Exif" not in content
    plain = np.asarray(Image.open(tmp_path / "plain" / "child-1.png"))
    corner = plain[:40, :40].reshape(-1, 3)
    assert (corner == corner[0]).all()  # blank ground
    run_ok(["photo", str(album / "a.jpg"), "--age", "9m", "-o", str(tmp_path / "shown"), "--show-photos"])
    shown = np.asarray(Image.open(tmp_path / "shown" / "child-1.png")).astype(int)
    photo = np.asarray(Image.open(album / "a.jpg")).astype(int)
    assert np.abs(shown[:40, :40] - photo[:40, :40]).max() == 0


def test_landmark_files_in_the_photographs_order_and_masks(album, tmp_path, no_sockets):
    scene_points = {"a": album / "a.pts", "b": album / "b.pts"}
    run_ok(["photo", str(album / "b.jpg"), str(album / "a.jpg"), "--age", "9m", "--landmarks", str(scene_points["b"]),
            "--landmarks", str(scene_points["a"]), "--mask", str(album / "b-mask.png"), "--mask",
            str(album / "a-mask.png"), "-o", str(tmp_path), "--name", "kid"])  # fmt: skip
    yaws = [
        np.degrees(np.arctan2(*(-np.array(c["R"]).T @ c["t_mm"])[[0, 2]]))
        for c in camera_records(tmp_path / "kid.json")
    ]
    assert abs(yaws[0] - 35) < 8 and abs(yaws[1]) < 8


def camera_records(path):
    return json.loads(path.read_text())["cameras"]


def test_exchanged_sides_exit_1_with_a_sentence(album, tmp_path, capsys):
    from inface.photos.points import read_points
    from inface.photos.wrong import other_side

    points = read_points(album / "a.pts")
    swapped = {name: list(points[other_side(name)]) for name in IBUG}
    (tmp_path / "wrong.json").write_text(json.dumps(swapped))
    with pytest.raises(SystemExit) as stopped:
        run(["photo", str(album / "a.jpg"), "--landmarks", str(tmp_path / "wrong.json"), "--age", "9m",
             "-o", str(tmp_path / "out")])  # fmt: skip
    assert stopped.value.code == 1
    assert "exchanged" in capsys.readouterr().out
    assert not (tmp_path / "out" / "child.ply").exists()
    assert json.loads((tmp_path / "out" / "child.json").read_text())["reasons"][0]["kind"] == "exchanged"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.jpg"], "no photograph"),
        (["{album}/a.jpg", "--known", "ex=5=6"], "NAME=MM"),
        (["{album}/a.jpg", "--age", "soon"], "age"),
        (["{album}/a.jpg", "{album}/b.jpg", "--landmarks", "{album}/a.pts"], "one a photo"),
        (["{album}/a-mask.png"], "no landmarks"),
        (["{album}/a.pts"], "no photograph that can be read"),
    ],
)
def test_refusals(album, tmp_path, capsys, arguments, words):
    with pytest.raises(SystemExit):
        run(["photo", *(a.format(album=album) for a in arguments), "-o", str(tmp_path / "o")])
    told = capsys.readouterr().err
    assert words in told and "Traceback" not in told


def test_results_never_over_an_input(album, tmp_path, capsys):
    copy = tmp_path / "child.json"
    points = {f"ibug_{i:02d}": [1, 2] for i in range(68)}
    copy.write_text(json.dumps(points))
    with pytest.raises(SystemExit):
        run(["photo", str(album / "a.jpg"), "--landmarks", str(copy), "-o", str(tmp_path)])
    assert json.loads(copy.read_text()) == points


def test_a_photograph_is_turned_upright_and_tells_its_focal_length(tmp_path):
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, :10] = 255
    exif = Image.Exif()
    exif[274] = 6  # stored on its side: to be turned by 90 degrees clockwise
    exif.get_ifd(0x8769)[0xA405] = 28
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=exif, quality=100)
    pixels, focal = read_photo(tmp_path / "a.jpg")
    assert pixels.shape == (60, 40, 3) and pixels[:8].mean() > 240 and pixels[15:].mean() < 15
    assert focal == pytest.approx(28 * np.hypot(60, 40) / 43.27, rel=1e-3)


@pytest.mark.parametrize("mode", ["I;16", "CMYK", "L", "RGBA", "P"])
def test_kinds_of_images(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode in ("I;16", "CMYK") else "a.png")
    Image.new(mode, (30, 20)).save(path)
    if mode == "I;16":
        with pytest.raises(inface.FormatError, match="8 bits"):
            read_photo(path)
    else:
        assert read_photo(path)[0].shape == (20, 30, 3)


def test_overlay_lies_on_the_photograph(scenes, pca):
    """The fitted eyes lie on the drawn eyes, and the drawn head covers the photograph's head."""
    scene, camera = scenes[0], camera_at(15)
    drawing = drawing_of(scene.vertices, pca.template, camera)
    fit = inface.fit_photos([inface.Photo(drawing.image, scene.marked(camera, 1.0))], pca, scene.months, noise_px=1.0)
    for side in ("eye_l", "eye_r"):
        ids = pca.template.regions[side]
        true, found = (
            camera.project(scene.vertices[ids]).mean(0),
            fit.cameras[0].project(fit.mesh.vertices[ids]).mean(0),
        )
        assert np.linalg.norm(true - found) < 4
    picture = np.asarray(Image.open(io.BytesIO(fit.overlay(0)))).astype(int)
    assert picture.shape == drawing.image.shape
    changed = np.abs(picture - drawing.image).sum(2) > 30
    both = changed & drawing.mask
    assert both.sum() > 0.85 * drawing.mask.sum() and (changed & ~drawing.mask).sum() < 0.2 * drawing.mask.sum()


@pytest.mark.slow
def test_colours_come_from_the_photographs(scenes, pca):
    """A red left half and a blue right half of the skin come back on their sides; the ground does not bleed in."""
    from dataclasses import replace

    scene = scenes[0]
    template = replace(pca.template, mesh=pca.template.mesh.with_colors(
        np.where(pca.template.mesh.vertices[:, :1] > 0, [0.9, 0.1, 0.1], [0.1, 0.1, 0.9])))  # fmt: skip
    photos = []
    for yaw in (-35, 0, 35):
        drawing = drawing_of(scene.vertices, template, camera_at(yaw), light=(0, 0, 1.0))
        image = np.where(drawing.mask[:, :, None], drawing.image, [0, 255, 0]).astype(np.uint8)  # a green ground
        photos.append(inface.Photo(image, scene.marked(camera_at(yaw), 1.0, yaw + 90)))
    fit = inface.fit_photos(photos, pca, scene.months, noise_px=1.0)
    colours = fit.coloured().colors
    face = pca.template.regions["face"]
    side = pca.template.mesh.vertices[face, 0]
    left, right = colours[face[side > 12]], colours[face[side < -12]]
    assert (left[:, 0] > left[:, 2] + 0.2).mean() > 0.85 and (right[:, 2] > right[:, 0] + 0.2).mean() > 0.85
    assert (colours[:, 1] > 0.5).mean() < 0.01  # green
    assert (fit.mesh.vertices == fit.coloured().vertices).all()
    size_only = inface.fit_photos([inface.Photo((512, 512), photos[0].landmarks)], pca, scene.months)
    with pytest.raises(ValueError, match="pixels"):
        size_only.coloured()


def run_ok(arguments):
    """Run a verb that must end well."""
    try:
        run(arguments)
    except SystemExit as stopped:
        assert stopped.code in (0, None)
