"""The tab that saves: mesh, picture, turntable, shared page, latent, scene."""

from collections.abc import Callable

from inface.viewer.bindings import Bindings
from inface.viewer.busy import Busy
from inface.viewer.saving import SAVE_FORMATS, Saving


def build(panel: Bindings, busy: Busy, model_name: str, forget: Callable[[], None]) -> None:
    """Add the tab's inputs to the open container."""
    save = Saving(panel.client, panel.session, model_name)
    if panel.editor.model is not None:
        suffix = panel.gui.add_dropdown("Format", SAVE_FORMATS)
        panel.button("Save mesh", lambda: save.save_mesh(suffix.value), "The shape as it is shown")
        panel.button("Save latent", save.save_latent, "The numbers behind the shape, as JSON")
    panel.button("Save scene", save.save_scene, "A file that `inface view` opens again")
    with panel.gui.add_folder("Picture"):
        _pictures(panel, busy, save)
    with panel.gui.add_folder("Page for a colleague"):
        _page(panel, busy, save)
    panel.button("Forget this session", forget, "Begin anew; what was kept of it on this machine is removed")


def _pictures(panel: Bindings, busy: Busy, save: Saving) -> None:
    scale = panel.gui.add_slider("Times the size", 1, 4, 1, 2)
    caption = panel.gui.add_text("Caption", "")
    bar = panel.gui.add_checkbox("Bar of known length", True)

    def picture() -> None:
        wanted = (int(scale.value), caption.value.strip())
        busy.run("Saving the picture", lambda _: save.picture(*wanted, bar=bool(bar.value)), save.save_picture)

    panel.button("Save picture", picture, "What the view shows, with its legend, as PNG")
    hint = "An animation all round, as WebP"
    panel.button("Save turntable", lambda: busy.run("Turning", save.turntable, save.save_turntable), hint)


def _page(panel: Bindings, busy: Busy, save: Saving) -> None:
    allowed = panel.gui.add_checkbox(
        "I may share this person's face", False, hint="Needed for scans: a face identifies whose it is"
    )

    def page() -> None:
        wanted = bool(allowed.value)
        busy.run("Saving the page", lambda _: save.shared_page(wanted), save.save_page)

    panel.button("Save shared page", page, "One file that opens offline and turns in 3D")
