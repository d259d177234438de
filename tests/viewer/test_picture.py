"""Pictures to publish: as large as asked for, with a bar that is as long as it says, a legend and a caption."""

import numpy as np
import pytest

from inface.pictures.colours import Legend
from inface.viewer.camera import Framing, distance
from inface.viewer.drawing import Body, Drawing
from inface.viewer.picture import Layout, bar_length, mm_per_pixel, published


def test_the_bar_is_as_long_as_it_says():
    """50 mm seen from 800 mm through 26 degrees on 1,000 pixels."""
    per_pixel = mm_per_pixel((0, 0, 800), (0, 0, 0), np.radians(26), 1000)
    assert 1000 * per_pixel == pytest.approx(2 * 800 * np.tan(np.radians(13)))
    shot = np.full((1000, 1600, 4), 255, np.uint8)
    drawn = published(shot, Layout(2, per_pixel))
    length = bar_length(per_pixel, 1600)
    dark = (drawn < 60).all(-1)
    longest = max(np.diff(np.flatnonzero(np.diff(np.r_[0, row, 0])))[::2].max(initial=0) for row in dark.astype(int))
    assert longest == pytest.approx(length / per_pixel, abs=2)
    assert length <= 0.2 * 1600 * per_pixel


def test_legend_and_caption_are_on_it():
    shot = np.zeros((400, 640, 4), np.uint8)
    plain = published(shot, Layout(1))
    assert plain.shape == (400, 640, 3) and (plain == 255).all(), "transparent becomes white"
    legend = Legend("distance, mm", 0, 4)
    made = published(shot, Layout(2, None, "A synthetic child", legend))
    assert made.shape[0] > 400 and (made[400:] < 100).any(), "the caption stands below"
    top = np.round(legend.colors(np.array([4.0]))[0] * 255)
    assert (np.abs(made[:400].astype(int) - top).max(-1) < 12).any()


class Camera:
    aspect = 1.6
    position = look_at = np.zeros(3)


class Client:
    """As much of a viser client as a camera needs."""

    def __init__(self) -> None:
        self.camera = Camera()

    def atomic(self):
        import contextlib

        return contextlib.nullcontext()


def drawing(scale: float) -> Drawing:
    box = np.array([[x, y, z] for x in (-60, 60) for y in (-90, 90) for z in (-80, 80)], float) * scale
    return Drawing((Body("a", box, np.array([[0, 1, 2]])),))


def seen_height(client) -> float:
    away = np.linalg.norm(np.asarray(client.camera.position) - client.camera.look_at)
    return 2 * (away - 80) * np.tan(client.camera.fov / 2)


@pytest.mark.parametrize("aspect", [0.6, 1.0, 1.8])
def test_the_camera_sees_all_and_follows_growth_unless_it_was_moved(aspect):
    client = Client()
    client.camera.aspect = aspect
    framing = Framing(client)
    framing.look_from(drawing(1.0), 0, 0)
    assert seen_height(client) >= 180 and seen_height(client) * aspect >= 120
    framing.follow(drawing(1.25))
    assert seen_height(client) >= 180 * 1.25, "the chin is not cropped when the child has grown"
    before = np.array(client.camera.position)
    framing.follow(drawing(1.2))
    assert np.array_equal(client.camera.position, before), "it does not jump at every step"
    client.camera.position = before * 0.5
    framing.follow(drawing(3.0))
    assert np.allclose(client.camera.position, before * 0.5), "a camera that the user moved stays"
    assert distance(np.array([120.0, 180, 160]), 90, aspect) > 0
