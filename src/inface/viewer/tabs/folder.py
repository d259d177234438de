"""The list of a folder: its meshes with their verdicts, one opened after the other."""

from inface.viewer.batch_list import Entry, opened
from inface.viewer.bindings import Bindings, put
from inface.viewer.busy import Busy
from inface.viewer.scene import Scene


class FolderList:
    """Builds the inputs and opens what is chosen."""

    def __init__(self, panel: Bindings, busy: Busy, entries: tuple[Entry, ...]) -> None:
        self._panel, self._busy, self._entries, self._at = panel, busy, entries, -1
        labels = [f"{i + 1}. {entry.label}" for i, entry in enumerate(entries)]
        self._labels = ("(choose one)", *labels)
        self._menu = panel.gui.add_dropdown(f"Folder of {len(entries)}", self._labels, hint="Arrow keys go through it")
        panel.by_hand(self._menu, lambda text: self._open(self._labels.index(text) - 1))
        panel.buttons("Go to", {"Previous": lambda: self.step(-1), "Next": lambda: self.step(1)})

    def step(self, by: int) -> None:
        """The next one, or the one before; the list goes round."""
        start = self._at if self._at >= 0 or by > 0 else 0
        self._open((start + by) % len(self._entries))

    def _open(self, number: int) -> None:
        if number < 0:
            return
        self._at = number
        put(self._menu, self._labels[number + 1])
        entry, editor, session = self._entries[number], self._panel.editor, self._panel.session

        def done(made: tuple[Scene, str]) -> None:
            scene, said = made
            if session.act(lambda s: scene.with_look(**vars(s.look))):
                session.tell(said, wrong=entry.verdict == "failed")

        self._busy.run(f"Opening {entry.name}", lambda _: opened(editor, session.scene, entry), done)
