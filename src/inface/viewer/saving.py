"""What a browser window saves: the mesh, the picture, the latent, the scene."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import inface
from inface import codecs
from inface.pictures.rendering import png
from inface.viewer import scene_file
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

    def save_picture(self) -> None:
        """Send what the browser shows."""
        camera = self.client.camera
        height = camera.image_height or 720
        shot = self.client.get_render(
            height=height, width=camera.image_width or 1280, transport_format="png", timeout=20
        )
        self._send("picture.png", png(shot))

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
