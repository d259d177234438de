"""Files that somebody drops on the page: checked for size and kind, read, and opened in the scene."""

import tempfile
from pathlib import Path

from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.viewer import scene_file
from inface.viewer.front import MAX_UPLOAD
from inface.viewer.scene import Scene
from inface.viewer.session import Session


def open_file(session: Session, name: str, content: bytes) -> None:
    """Open what was uploaded: a mesh of any known format, or a scene.

    Raises:
        InfaceError: too big, of no known kind, or damaged; the sentence names the file as the user knows it.
    """
    editor = session.editor
    if len(content) > MAX_UPLOAD:
        raise InfaceError(f"{name}: {len(content) / 1e6:.0f} MB is more than the {MAX_UPLOAD // 1_000_000} MB allowed")
    if scene_file.is_scene(content):
        scene, _, model_hash = scene_file.from_json(content)
        if editor.model is not None and model_hash and model_hash != editor.model.hash:
            raise InfaceError(f"{name}: the scene was made with another model ({model_hash})")
        session.act(lambda _: editor.restore(scene))
        return
    mesh = read_upload(name, content)
    said: list[str] = []

    def opened(scene: Scene) -> Scene:
        after, sentence = editor.open(scene, Path(name).stem or "mesh", mesh)
        said.append(sentence)
        return after

    if session.act(opened):
        # beside the model, in its own colours; lying over it is for those who ask
        session.act(lambda s: s.with_look(arrangement="side by side", colours="colour"))
        session.tell(said[-1])


def read_upload(name: str, content: bytes) -> Mesh:
    """The mesh of an uploaded file; only its suffix is used of its name, so nothing is written elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{Path(name).suffix.lower()}"
        path.write_bytes(content)
        try:
            return Mesh.load(path)
        except (InfaceError, ValueError) as error:
            raise InfaceError(f"{name}: {str(error).replace(str(path), name)}") from None
