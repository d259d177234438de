"""The reference's names on linear regressors."""

from pathlib import Path
from typing import Any


class RegressorNames:
    """Names of the reference; a regressor has `matrix`, `intercept`, `load`, `save` and is called with latents."""

    matrix: Any
    intercept: Any

    @classmethod
    def from_json(cls, path: str | Path) -> Any:
        """`load`."""
        return cls.load(path)  # type: ignore[attr-defined]

    def save_to_json(self, path: str | Path) -> None:
        """`save`."""
        self.save(path)  # type: ignore[attr-defined]

    @property
    def regressor_matrix(self) -> Any:
        """`matrix`."""
        return self.matrix

    @property
    def intercept_vector(self) -> Any:
        """`intercept`."""
        return self.intercept

    def translate_latent_code(self, latent: Any) -> Any:
        """The call itself: latents `(..., out)` of latents `(..., in)`."""
        return self(latent)  # type: ignore[operator]
