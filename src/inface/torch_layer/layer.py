"""The layer: decode, encode, landmarks, prior and ages of a model in PyTorch, for any batch, type and device."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from inface._optional import require
from inface.errors import MissingBlockError
from inface.models import MorphableModel
from inface.torch_layer.modules import Basis, CentredLinear, CentredNetwork
from inface.torch_layer.parts import Landmarks, LayerParts, parts_of

if TYPE_CHECKING:
    import torch
else:
    torch = require("torch", "a model as a torch layer")


class InfaceLayer(torch.nn.Module):
    """A model as a module without state: `layer(latent)` gives vertices, and gradients flow through all of it.

    Codes are `(..., K)` and vertices `(..., V, 3)` in the unit of the model's template (mm); any leading axes, none
    fixed at construction, and blocks broadcast against each other. `layer.to(device, dtype)` as for any module.

    Args:
        model: any model of this package.
        encoders: with the encoders (`encode`); they are as large as the decoder.
        trainable: weights are parameters that an optimiser sees; else buffers.
        rows: a mask `(V,)` or vertex numbers: only these vertices come out, in ascending order.
        landmarks: name -> vertex, or name -> (3 corners, 3 weights that sum to 1); None: those of the model's template.
        dtype: of the weights; None: the model's. Made in float64 they are exact, converted later they are not.

    Attributes:
        blocks: name -> slice of the code; empty where the model is not disentangled.
        landmark_names: in the order in which `landmarks` gives them.
        unit: of vertices.

    Examples:
        >>> import torch
        >>> from inface import load_default_model
        >>> layer = InfaceLayer(load_default_model("pca"))
        >>> latent = torch.zeros(8, layer.width, requires_grad=True)
        >>> layer(latent).shape
        torch.Size([8, 12839, 3])
        >>> layer.landmarks_of(latent).sum().backward()
        >>> latent.grad.shape == latent.shape
        True
    """

    latent_mean: "torch.Tensor"
    latent_std: "torch.Tensor"
    landmark_corners: "torch.Tensor"
    landmark_weights: "torch.Tensor"
    landmark_rows: "torch.Tensor"
    landmark_places: "torch.Tensor"
    age_direction: "torch.Tensor"
    age_codes: "torch.Tensor"
    age_months: "torch.Tensor"

    def __init__(
        self,
        model: MorphableModel,
        *,
        encoders: bool = True,
        trainable: bool = False,
        rows: ArrayLike | None = None,
        landmarks: Landmarks | None = None,
        dtype: "torch.dtype | None" = None,
    ) -> None:
        super().__init__()
        wanted = np.dtype(model.dtype if dtype is None else str(dtype).removeprefix("torch."))
        self._build(parts_of(model, wanted, encoders=encoders, rows=rows, landmarks=landmarks), trainable)

    @classmethod
    def from_parts(cls, parts: LayerParts, *, trainable: bool = False) -> "InfaceLayer":
        """From plain arrays, as a file holds them."""
        layer = cls.__new__(cls)
        torch.nn.Module.__init__(layer)
        layer._build(parts, trainable)
        return layer

    def _build(self, parts: LayerParts, trainable: bool) -> None:
        notes, arrays = parts.notes, parts.arrays
        self.notes = dict(notes)
        self.blocks = {name: slice(*ends) for name, ends in notes["blocks"].items()}
        self.landmark_names = tuple(notes["landmarks"])
        self.unit, self.vertex_count = notes["unit"], int(notes["vertices"])
        for name in ("latent_mean", "latent_std", "landmark_corners", "landmark_weights"):
            self.register_buffer(name, torch.as_tensor(arrays[name]))
        vertices, places = torch.unique(self.landmark_corners.flatten(), return_inverse=True)
        rows = (3 * vertices[:, None] + torch.arange(3)).flatten()
        self.register_buffer("landmark_rows", rows, persistent=False)
        self.register_buffer("landmark_places", places, persistent=False)
        for name in ("age_direction", "age_codes", "age_months"):
            if name in arrays:
                self.register_buffer(name, torch.as_tensor(arrays[name]))

        def network(name: str, last: bool) -> CentredNetwork:
            layers = [
                CentredLinear(**{key: torch.as_tensor(array) for key, array in layer.items()}, trainable=trainable)
                for layer in parts.network(name)
            ]
            return CentredNetwork(layers, notes["networks"][name][1], last)

        self.encoders = torch.nn.ModuleDict()
        if notes["kind"] == "pca":
            components, mean = (torch.as_tensor(arrays[f"decoder.{name}"]) for name in ("components", "mean"))
            self.decoder: Any = Basis(components, mean, trainable)
        else:
            self.decoder = network("decoder", False)
            for name in notes["networks"]:
                if name != "decoder":
                    self.encoders[name.removeprefix("encoders.")] = network(name, True)

    @property
    def width(self) -> int:
        """Length K of a code."""
        return self.latent_mean.shape[0]

    def extra_repr(self) -> str:
        """What `print` says of the layer."""
        blocks = ", ".join(f"{name} {part.stop - part.start}" for name, part in self.blocks.items())
        return (
            f"{self.notes['kind']}, {self.width} codes{f' ({blocks})' if blocks else ''}, {self.vertex_count} vertices"
        )

    def forward(self, latent: "torch.Tensor | None" = None, **blocks: "torch.Tensor") -> "torch.Tensor":
        """Vertices `(..., V, 3)` of codes `(..., K)`, or of blocks by name, `(..., w)` each; see `latent_of`."""
        latent = self.latent_of(latent, **blocks)
        return self.decoder(latent).unflatten(-1, (self.vertex_count, 3))

    def latent_of(self, latent: "torch.Tensor | None" = None, **blocks: "torch.Tensor") -> "torch.Tensor":
        """A code `(..., K)` with blocks put into it: `latent`, or the mean, where a block is not given.

        Raises:
            MissingBlockError: the model has no block of that name.
            ValueError: a width that is not the code's or the block's.
        """
        if latent is not None:
            latent = self._checked("latent", latent, self.width)
        if not blocks:
            if latent is None:
                raise ValueError("give a latent code, or blocks by name")
            return latent
        for name in blocks:
            if name not in self.blocks:
                known = ", ".join(self.blocks) or "none, it is not disentangled"
                raise MissingBlockError(f"the model has no block '{name}'; its blocks: {known}")
        given = {
            name: self._checked(name, value, self.blocks[name].stop - self.blocks[name].start)
            for name, value in blocks.items()
        }
        base = self.latent_mean if latent is None else latent
        lead = torch.broadcast_shapes(base.shape[:-1], *(value.shape[:-1] for value in given.values()))
        pieces = [
            (given[name] if name in given else base[..., part]).expand(*lead, part.stop - part.start)
            for name, part in self.blocks.items()
        ]
        return torch.cat(pieces, -1)

    def encode(self, vertices: "torch.Tensor") -> "torch.Tensor":
        """Codes `(..., K)` of vertices `(..., V, 3)` in the model's frame and unit."""
        self._check_vertices(vertices)
        if not self.notes["whole"] or (self.notes["kind"] != "pca" and not self.encoders):
            raise ValueError("this layer was made without encoders (encoders=False, or rows); make one with them")
        flat = vertices.flatten(-2)
        if self.notes["kind"] == "pca":
            return self.decoder.project(flat)
        return torch.cat([encoder(flat) for encoder in self.encoders.values()], -1)

    def landmarks(self, vertices: "torch.Tensor") -> "torch.Tensor":
        """Landmarks `(..., L, 3)` of vertices `(..., V, 3)`, in the order of `landmark_names`."""
        self._check_vertices(vertices)
        corners = vertices[..., self.landmark_corners.flatten(), :].unflatten(-2, (len(self.landmark_names), 3))
        return (corners * self.landmark_weights[..., None]).sum(-2)

    def landmarks_of(self, latent: "torch.Tensor | None" = None, **blocks: "torch.Tensor") -> "torch.Tensor":
        """Landmarks `(..., L, 3)` of codes, without decoding the other vertices; arguments as for the layer itself."""
        latent = self.latent_of(latent, **blocks)
        shown = self.decoder.some(latent, self.landmark_rows).unflatten(-1, (-1, 3))
        corners = shown[..., self.landmark_places, :].unflatten(-2, (len(self.landmark_names), 3))
        return (corners * self.landmark_weights[..., None]).sum(-2)

    def prior(self, latent: "torch.Tensor") -> "torch.Tensor":
        """Half the squared distance `(...)` of codes from the mean in standard deviations: the negative logarithm of
        their probability, up to a constant. Entries without spread do not count."""
        latent = self._checked("latent", latent, self.width)
        spread = self.latent_std > 0
        away = (latent - self.latent_mean) / torch.where(spread, self.latent_std, 1.0)
        return 0.5 * (torch.where(spread, away, 0.0) ** 2).sum(-1)

    def months_to_code(self, months: "torch.Tensor | float") -> "torch.Tensor":
        """Age blocks `(..., w)` of ages in months `(...)`: the mean block moved along the direction of age.

        Linear between the calibrated ages, and on along the last slope beyond them (without a warning, for a graph
        cannot warn).

        Raises:
            MissingBlockError: the model has no age calibration.
        """
        code = self._mapped(torch.as_tensor(months, dtype=self.latent_mean.dtype), "age_months", "age_codes")
        mean = self.latent_mean[self.blocks["age"]]
        return mean + (code - mean @ self.age_direction)[..., None] * self.age_direction

    def code_to_months(self, age: "torch.Tensor") -> "torch.Tensor":
        """Ages in months `(...)` of age blocks `(..., w)`; the inverse of `months_to_code`."""
        return self._mapped(
            age @ self.age_direction if "age_direction" in self._buffers else age, "age_codes", "age_months"
        )

    def _mapped(self, x: "torch.Tensor", origin: str, target: str) -> "torch.Tensor":
        if origin not in self._buffers or "age" not in self.blocks:
            raise MissingBlockError("the model has no age calibration, so months mean nothing to it")
        xs, ys = getattr(self, origin), getattr(self, target)
        x = x.to(xs.device)
        at = torch.searchsorted(xs, x.detach().contiguous()).clamp(1, len(xs) - 1)
        slope = (ys[at] - ys[at - 1]) / (xs[at] - xs[at - 1])
        return ys[at - 1] + (x - xs[at - 1]) * slope

    def _check_vertices(self, vertices: "torch.Tensor") -> None:
        if vertices.ndim < 2 or vertices.shape[-2] != self.vertex_count or vertices.shape[-1] != 3:
            raise ValueError(f"vertices: expected (..., {self.vertex_count}, 3), got {tuple(vertices.shape)}")

    @staticmethod
    def _checked(name: str, value: "torch.Tensor", width: int) -> "torch.Tensor":
        if value.ndim < 1 or value.shape[-1] != width:
            raise ValueError(f"{name}: expected (..., {width}), got {tuple(value.shape)}")
        return value
