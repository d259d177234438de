"""The state of a training run, kept in a file from which a killed run is taken up bit for bit."""

import copy
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inface._optional import require
from inface.codecs import atomic_write
from inface.errors import FormatError

if TYPE_CHECKING:
    import torch
else:
    torch = require("torch", "training an autoencoder")


class State:
    """What a checkpoint holds: `parts` (net, average, optimiser, schedule), curves and the best networks so far."""

    def __init__(self, parts: Mapping[str, Any], configuration: dict[str, Any], path: Path | None) -> None:
        self.parts, self.configuration, self.path = dict(parts), configuration, path
        self.curves: list[dict[str, float]] = []
        self.best: dict[str, Any] = {}
        self.best_step, self.best_loss = 0, float("inf")

    def note(self, row: dict[str, float]) -> None:
        """Add a row to the curves, and keep the networks when they are the best so far."""
        self.curves.append(row)
        if row.get("held_out", float("inf")) < self.best_loss:
            self.best_loss, self.best_step = row["held_out"], int(row["step"])
            self.best = copy.deepcopy(self.parts["average"].state_dict())

    def looks_without_gain(self, every: int) -> int:
        """Looks at the held-out loss since the best one."""
        return int(self.curves[-1]["step"] - self.best_step) // every

    def write(self, step: int) -> None:
        """Write the checkpoint, atomically: a full disk or a kill leaves the one before."""
        if self.path is None:
            return
        content = {name: part.state_dict() for name, part in self.parts.items()}
        content |= {"configuration": self.configuration, "step": step, "curves": self.curves}
        content |= {"best": self.best, "best_step": self.best_step, "best_loss": self.best_loss}
        held = io.BytesIO()  # torch itself hides a full disk behind a RuntimeError of its own
        torch.save(content, held)
        with atomic_write(self.path) as temporary:
            temporary.write_bytes(held.getbuffer())

    def resume(self) -> int:
        """Load the checkpoint where there is one; returns the step to go on from."""
        if self.path is None or not self.path.exists():
            return 0
        try:
            content = torch.load(self.path, weights_only=True)
            other = content["configuration"]
        except Exception:
            raise FormatError(
                f"'{self.path}': not a checkpoint of this package, or damaged; name another file, or delete it"
            ) from None
        if other != self.configuration:
            names = _differences(self.configuration, other)
            raise ValueError(
                f"'{self.path}': the checkpoint is of another configuration (it differs in {', '.join(names)}); "
                "give another checkpoint file, or the settings it was begun with"
            )
        for name, part in self.parts.items():
            part.load_state_dict(content[name])
        self.curves, self.best = content["curves"], content["best"]
        self.best_step, self.best_loss = content["best_step"], content["best_loss"]
        return content["step"]


def _differences(mine: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of the entries that differ, those of inner dictionaries included."""
    names: list[str] = []
    for key in sorted({*mine, *other}):
        a, b = mine.get(key), other.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            names += _differences(a, b)
        elif a != b:
            names.append(key)
    return names
