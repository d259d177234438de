"""What a browser window saves: the mesh, the picture, the latent, the scene."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import inface
from inface import codecs
from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.pictures.animations import on_ground, webp
from inface.pictures.offscreen import Frame, OffscreenRenderer
from inface.pictures.rendering import png, turntable
from inface.reports.shared_meshes import share_meshes
from inface.viewer import scene_file
from inface.viewer.jobs import Job
from inface.viewer.picture import Layout, mm_per_pixel, published
from inface.viewer.session import Session

SAVE_FORMATS = (".ply", ".obj", ".stl", ".glb")


class Saving:
    """Sends files of a session to its viser client, as downloads."""

    def __init__(self, client: Any, session: Session, model_name: str) -> None:
        self.client, self.session, self.model_name = client, session, model_name

    def save_mesh(self, suffix: str) -> None:
        """Send the shape as a mesh file."""
        mesh = self.session.editor.mesh(self.session.scene)
        if (drawing := self.session.drawing) is not None and drawing.legend is not None:
            body = drawing.bodies[0]
            mesh = mesh.with_colors(body.colors)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"shape{suffix}"
            codecs.write_mesh(path, mesh)
            self._send(path.name, path.read_bytes())

    def picture(self, scale: int, caption: str, *, bar: bool = True) -> bytes:
        """What the browser shows, `scale` times as large, with legend, a bar of known length and a caption, as PNG."""
        camera, drawing = self.client.camera, self.session.drawing
        height, width = scale * (camera.image_height or 720), scale * (camera.image_width or 1280)
        shot = self.client.get_render(height=height, width=width, transport_format="png", timeout=60)
        per_pixel = mm_per_pixel(camera.position, camera.look_at, camera.fov, height) if bar else None
        legend = None if drawing is None else drawing.legend
        return png(published(shot, Layout(scale, per_pixel, caption, legend)))

    def save_picture(self, content: bytes) -> None:
        """Send a picture."""
        self._send("picture.png", content)

    def turntable(self, job: Job, pictures: int = 36) -> bytes:
        """What is shown, all round, as an animated WebP; drawn here, without the page."""
        drawing = self.session.drawing
        if drawing is None or not drawing.bodies:
            raise InfaceError("nothing is shown, so there is nothing to turn")
        meshes = [Mesh(b.vertices + np.asarray(b.offset), b.triangles, b.colors) for b in drawing.bodies]
        frame, frames = Frame.around(meshes), []
        with OffscreenRenderer((480, 480), frame, even=drawing.legend is not None) as renderer:
            for view in turntable(pictures):
                job.wait(0)
                layers = [renderer.draw(mesh, view) for mesh in meshes]
                frames.append(on_ground(layers))
        return webp(frames, 12)

    def shared_page(self, allowed: bool) -> bytes:
        """What is shown as one page that opens offline; a person's face only where somebody allows it."""
        scene, drawing = self.session.scene, self.session.drawing
        if drawing is None or not drawing.bodies:
            raise InfaceError("nothing is shown, so there is nothing to share")
        drawn = not scene.opened
        meshes = {b.name: Mesh(b.vertices, b.triangles, b.colors) for b in drawing.bodies}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.html"
            share_meshes(meshes, path, drawn=drawn, allowed=allowed, legend=drawing.legend)
            return path.read_bytes()

    def save_page(self, content: bytes) -> None:
        """Send a page."""
        self._send("page.html", content)

    def save_turntable(self, content: bytes) -> None:
        """Send a turntable."""
        self._send("turntable.webp", content)

    def save_latent(self) -> None:
        """Send the latent with its meaning."""
        model, shape = self.session.editor.model, self.session.scene.shape
        assert model is not None and shape is not None
        data = {
            "model": self.model_name,
            "model_hash": model.hash,
            "latent": np.asarray(shape.latent, float).tolist(),
            "blocks": {name: [block.start, block.stop] for name, block in model.blocks.items()},
            "inface": inface.__version__,
        }
        if self.session.editor.months_range is not None:
            data["months"] = self.session.editor.months(self.session.scene)
        self._send("latent.json", json.dumps(data, indent=1).encode())

    def save_scene(self) -> None:
        """Send the whole scene."""
        model_hash = self.session.editor.model.hash if self.session.editor.model is not None else ""
        self._send("scene.json", scene_file.to_json(self.session.scene, self.model_name, model_hash).encode())
        self.session.saved(self.session.scene)

    def _send(self, name: str, content: bytes) -> None:
        self.client.send_file_download(name, content, save_immediately=True)
