"""Inputs of the panel tied to the scene: what the user changes becomes an act, what the scene says is shown."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np

from inface.errors import InfaceError
from inface.viewer.editor import SceneEditor
from inface.viewer.scene import Scene
from inface.viewer.session import Session


class Input(Protocol):
    """An input of the page: it has a value and says when the user changes it."""

    value: Any

    def on_update(self, action: Callable[[Any], Any]) -> Any:
        """Call `action(event)` at each change."""


class Bindings:
    """Makes inputs for one browser and keeps them in step with its session.

    Attributes:
        client, gui: the viser client and what makes its inputs.
        session, editor: the browser's state, and the acts on it.
    """

    def __init__(self, client: Any, session: Session) -> None:
        self.client, self.gui = client, client.gui
        self.session: Session = session
        self.editor: SceneEditor = session.editor
        self._readers: list[Callable[[Scene], None]] = []

    def sync(self) -> None:
        """Set every input to what the scene says."""
        for read in list(self._readers):
            read(self.session.scene)

    def follow(self, read: Callable[[Scene], None]) -> None:
        """Call `read(scene)` after each change of the scene."""
        self._readers.append(read)

    def guarded(self, action: Callable[[], Any]) -> None:
        """Run an action; what it refuses is told in the page, and the server lives."""
        try:
            action()
        except (InfaceError, ValueError, ArithmeticError, OSError) as error:
            self.session.tell(str(error), wrong=True)

    def button(self, label: str, action: Callable[[], Any], hint: str | None = None, **options: Any) -> Any:
        """A button that runs an action."""
        button = self.gui.add_button(label, hint=hint, **options)
        button.on_click(lambda _: self.guarded(action))
        return button

    def buttons(self, label: str, actions: dict[str, Callable[[], Any]], hint: str | None = None) -> Any:
        """A row of buttons."""
        group = self.gui.add_button_group(label, tuple(actions), hint=hint)
        group.on_click(lambda event: self.guarded(actions[event.target.value]))
        return group

    def by_hand(self, handle: Input, action: Callable[[Any], Any]) -> None:
        """Run `action(value)` when the user changes an input, not when the program does."""

        def changed(event: Any) -> None:
            if event.client_id is not None:
                self.guarded(lambda: action(event.target.value))

        handle.on_update(changed)

    def act(self, change: Callable[[Scene], Scene]) -> Callable[[], Any]:
        """An action that changes the scene."""
        return lambda: self.session.act(change)

    def look(self, handle: Input, name: str, convert: Callable[[Any], Any] = lambda v: v) -> Any:
        """Tie an input to one entry of the look."""
        self.by_hand(handle, lambda value: self.session.act(lambda s: s.with_look(**{name: convert(value)})))
        return handle

    def checkbox(self, label: str, name: str, hint: str | None = None) -> Any:
        """A box that is one entry of the look."""
        box = self.look(self.gui.add_checkbox(label, bool(getattr(self.session.scene.look, name)), hint=hint), name)
        self.follow(lambda s: put(box, bool(getattr(s.look, name))))
        return box

    def slider(
        self,
        label: str,
        bounds: tuple[float, float, float],
        read: Callable[[Scene], float],
        write: Callable[[Scene, float], Scene],
        hint: str,
    ) -> Any:
        """A slider over the scene; it widens when the scene holds a number outside it."""
        low, high, step = bounds
        start = float(np.clip(read(self.session.scene), low, high))
        handle = self.gui.add_slider(label, low, high, step, start, hint=hint)
        self.by_hand(handle, lambda value: self.session.act(lambda s: write(s, rounded(value, step)), key=label))
        self.follow(partial(_slide, handle, read, step))
        return handle


def rounded(value: float, step: float) -> float:
    """The nearest whole number of steps, without the dust of binary fractions: 36, not 35.99999999999999."""
    return round(round(float(value) / step) * step, 6)


def put(handle: Input, value: Any) -> None:
    """Set an input, unless it says so already."""
    if handle.value != value:
        handle.value = value


def offer(dropdown: Any, options: tuple[str, ...]) -> None:
    """Set what a menu offers, unless it does already."""
    if tuple(dropdown.options) != options:
        dropdown.options = options


def _slide(handle: Any, read: Callable[[Scene], float], step: float, scene: Scene) -> None:
    value = read(scene)
    if value > handle.max + 1e-6:
        handle.max = float(np.ceil(value))
    if value < handle.min - 1e-6:
        handle.min = float(np.floor(value))
    put(handle, float(np.clip(rounded(value, step), handle.min, handle.max)))
