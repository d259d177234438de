"""The tab that saves: mesh, picture, latent, scene."""

from collections.abc import Callable

from inface.viewer.bindings import Bindings
from inface.viewer.saving import SAVE_FORMATS, Saving


def build(panel: Bindings, model_name: str, forget: Callable[[], None]) -> None:
    """Add the tab's inputs to the open container."""
    save = Saving(panel.client, panel.session, model_name)
    if panel.editor.model is not None:
        suffix = panel.gui.add_dropdown("Format", SAVE_FORMATS)
        panel.button("Save mesh", lambda: save.save_mesh(suffix.value), "The shape as it is shown")
    panel.button("Save picture", save.save_picture, "What the view shows, as PNG")
    if panel.editor.model is not None:
        panel.button("Save latent", save.save_latent, "The numbers behind the shape, as JSON")
    panel.button("Save scene", save.save_scene, "A file that `inface view` opens again")
    panel.button("Forget this session", forget, "Begin anew; what was kept of it on this machine is removed")
