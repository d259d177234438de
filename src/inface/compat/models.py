"""The reference's names on models."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LARGEST = 2**31  # bytes of a dense matrix that is made


class ModelNames:
    """Names of the reference on a model; each is one line over a method with a name of ours."""

    # --- sampling

    def sample(self: Any, deviation_factor: float = 1, seed: int | None = None) -> NDArray:
        """Vertices `(V, 3)` of one random shape: `decode(sample_latents(1))[0]`."""
        return self.decode(self.sample_latents(1, deviation_factor, seed)[0])

    def sample_multiple(self: Any, num_samples: int, deviation_factor: float = 1, seed: int | None = None) -> list:
        """Vertices `(V, 3)` of several random shapes."""
        return list(self.decode(self.sample_latents(num_samples, deviation_factor, seed)))

    def get_average_mesh(self: Any, include_colors_if_available: bool = True) -> Any:
        """The mesh of the mean code: `decode_mesh(latent_mean)`."""
        mesh = self.decode_mesh(self.latent_mean)
        return mesh if include_colors_if_available else mesh.with_colors(None)

    def get_mesh_from_vertices(self: Any, vertices: ArrayLike, include_colors_if_available: bool = True) -> Any:
        """A mesh of the model's topology: `template.mesh.with_vertices(vertices)`."""
        mesh = self.template.mesh.with_vertices(vertices)
        return mesh if include_colors_if_available else mesh.with_colors(None)

    # --- codes

    def normalize_weights(self: Any, latent_weights: ArrayLike) -> NDArray:
        """`(z - latent_mean) / latent_std`, of the first entries where the code is shorter."""
        codes = np.asarray(latent_weights)
        n = _width(codes, len(self.latent_mean))
        return (codes - self.latent_mean[:n]) / self.latent_std[:n]

    def unnormalize_weights(self: Any, latent_weights: ArrayLike) -> NDArray:
        """`z * latent_std + latent_mean`, of the first entries where the code is shorter."""
        codes = np.asarray(latent_weights)
        n = _width(codes, len(self.latent_mean))
        return codes * self.latent_std[:n] + self.latent_mean[:n]

    def get_number_of_components(self: Any) -> int:
        """`len(latent)`."""
        return len(self.latent_mean)

    def get_number_of_vertices(self: Any) -> int:
        """`len(mean_vertices)`."""
        return len(self.mean_vertices)

    @property
    def is_disentangled(self: Any) -> bool:
        """Whether the code has blocks."""
        return bool(self.blocks)

    @property
    def dims_per_encoder(self: Any) -> list[int]:
        """Widths of the blocks in their order; of a model without, the width of the code."""
        return [block.stop - block.start for block in self.blocks.values()] or [len(self.latent_mean)]

    def get_exp_dims(self: Any) -> tuple[int, int]:
        """First and last + 1 entry of the block "expression"; raises as every edit does when the model has none."""
        if "expression" not in self.blocks:
            raise AttributeError(f"the model has no block 'expression'; it has: {', '.join(self.blocks) or 'none'}")
        block = self.blocks["expression"]
        return block.start, block.stop

    def get_projected_vertices(self: Any, *registered_meshes: Any, normalize_projection: bool = False) -> NDArray:
        """Codes `(n, K)` of meshes; with `normalize_projection` in standard deviations."""
        codes = np.stack([self.encode(mesh) for mesh in registered_meshes])
        return self.normalize_weights(codes) if normalize_projection else codes

    # --- partial shapes

    def back_match_data(
        self: Any, original_vertices: ArrayLike, reconstructed_vertices: ArrayLike, unknown_vertex_mask: ArrayLike
    ) -> NDArray:
        """Reconstructed vertices `(V, 3)` with the known ones exact and a harmonic fill of their residual elsewhere."""
        given = np.asarray(unknown_vertex_mask)
        unknown = np.zeros(len(self.mean_vertices), bool)
        unknown[given] = True
        shape = np.asarray(reconstructed_vertices, float)
        return self.fill.back_match(shape, np.asarray(original_vertices, float), ~unknown, "harmonic")

    def fit_to_landmarks(self: Any, landmarks: Any, source_vertex_indices: ArrayLike, **options: Any) -> tuple:
        """The mesh and code that fit points `(n, 3)` at the model's vertices `source_vertex_indices` `(n,)`.

        `options` are those of `reconstruct_mesh`; `noise_std` (mm) says how far to trust the points.
        """
        points = np.asarray(getattr(landmarks, "points", landmarks), float)
        rows = np.asarray(source_vertex_indices)
        if rows.dtype == bool or rows.ndim != 1 or len(rows) != len(points):
            raise ValueError(
                f"source_vertex_indices: expected one vertex for each of {len(points)} landmarks, got {rows.dtype} "
                f"{rows.shape}; a mask keeps no order"
            )
        if len(np.unique(rows)) != len(rows):
            raise ValueError("source_vertex_indices: a vertex stands twice; give each landmark its own")
        vertices = np.array(self.mean_vertices, float)
        vertices[rows] = points
        known = np.zeros(len(vertices), bool)
        known[rows] = True
        mesh = self.template.mesh.with_vertices(vertices)
        return self.reconstruct_mesh(mesh, ~known, return_latent=True, **options)

    # --- named vertices

    def has_index(self: Any, index_name: str) -> bool:
        """Whether `template.regions` has that name."""
        return index_name in self.template.regions

    def get_indices(self: Any, *index_names: str, join_indices: bool = True, make_unique: bool = True) -> Any:
        """`template.regions`, or those of the names joined, sorted and each once; unknown names are passed over."""
        regions = self.template.regions
        if not index_names:
            return dict(regions)
        found = [np.asarray(regions[name]) for name in index_names if name in regions]
        if not join_indices:
            return found[0] if len(index_names) == 1 and found else found
        if not found:
            return np.zeros(0, int)
        if any(rows.ndim > 1 for rows in found):
            return np.concatenate(found) if len(found) > 1 else found[0]
        joined = np.concatenate(found)
        return np.unique(joined) if make_unique else joined

    # --- files and other models

    @classmethod
    def load_params_from_hdf5_to_dict(cls, path_to_hdf5_file: str | Path) -> dict:
        """The nested dictionary of arrays in a model file: `inface.codecs.read_model(path)[0]`."""
        return cls.parameters_of(path_to_hdf5_file)  # type: ignore[attr-defined]

    def convert_mesh_with_linear_regressor(
        self: Any,
        linear_regressor: Any,
        input_mesh: Any,
        output_morphable_model: Any = None,
        unknown_vertex_mask: ArrayLike | None = None,
        invert_mask: bool = False,
    ) -> Any:
        """The mesh as another model sees it, by a regressor between their codes; without that model, its code.

        The regressor is a `LinearRegressor` or the path of its JSON file.
        """
        code = self.encode(input_mesh, unknown_vertex_mask, invert_mask)
        if isinstance(linear_regressor, str | Path):
            entry = json.loads(Path(linear_regressor).read_text(encoding="utf-8"))
            translated = code @ np.asarray(entry["matrix"]).T + np.asarray(entry["intercept"])
        else:
            translated = linear_regressor(code)
        return translated if output_morphable_model is None else output_morphable_model.decode_mesh(translated)

    def get_covariance_matrix(self: Any) -> NDArray:
        """The PRECISION `(3V, 3V)`, `C^T diag(1 / eigenvalues) C`, which is what the reference returns by this name.

        The covariance is `C^T diag(eigenvalues) C`. Both are dense: 12 GB for 12,839 vertices, so a matrix of more than
        2 GB is refused; `components` and `eigenvalues` hold the same.
        """
        components, eigenvalues = self.components, self.eigenvalues
        if 8 * components.shape[1] ** 2 > _LARGEST:
            raise ValueError(
                f"the matrix would take {8e-9 * components.shape[1] ** 2:.0f} GB; use model.components and "
                "model.eigenvalues, which hold the same"
            )
        return (components.T / eigenvalues) @ components

    def full_code(self: Any, latent: ArrayLike) -> NDArray:
        """A code `(..., K)` from its first entries `(..., k)`, the others at their mean."""
        codes = np.asarray(latent)
        n = codes.shape[-1] if codes.ndim else 0
        if not 0 < n < len(self.latent_mean):
            return codes
        rest = np.broadcast_to(self.latent_mean[n:], (*codes.shape[:-1], len(self.latent_mean) - n))
        return np.concatenate([codes, rest], -1)


def regularised_code(components: NDArray, offsets: NDArray, known: NDArray, sigma: float) -> NDArray:
    """The code `(k,)` of known offsets from the mean: least squares with `sigma^2 |z|^2` added, as the reference's.

    Unlike `noise_std`, this penalty is on codes that are not divided by their spread: wide modes shrink like narrow
    ones.
    """
    rows = np.repeat(known, 3)
    basis = np.asarray(components[:, rows], float)
    gram = basis @ basis.T + sigma**2 * np.eye(len(basis))
    return np.linalg.lstsq(gram, basis @ offsets.reshape(-1)[rows], rcond=None)[0]


def _width(codes: NDArray, count: int) -> int:
    n = codes.shape[-1] if codes.ndim else 0
    if not 0 < n <= count:
        raise ValueError(f"latent: expected at most {count} entries, got {n}")
    return n


def names_of(mixin: type) -> Sequence[str]:
    """The names that a mixin brings."""
    return sorted(name for name in vars(mixin) if not name.startswith("_"))
