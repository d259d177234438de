"""Makes the golden files of this folder: files as other programs write them, which must stay readable for ever.

Run: `python tests/golden/make.py`. Written without `inface`, so that a change of ours can't change them with it.
`expected()` holds what the files mean.
"""

import json
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).parent
VERTICES = np.array([[0, 0, 0], [1, 0, 0.5], [1, 1, 0.25], [0, 1, -2]])
QUAD = [[0, 1, 2], [0, 2, 3]]


def expected() -> dict[str, dict]:
    """File name of each model -> its nested dictionary."""
    ramp = np.arange(24.0).reshape(2, 12) / 16
    common = {"mean_vertices": VERTICES, "triangles": np.array(QUAD)}

    def network(widths: list[int]) -> dict:
        pairs = list(zip(widths[1:], widths[:-1], strict=True))
        return {
            "matrix_mults": [(np.arange(o * i).reshape(o, i) / 8 - n).astype("f4") for n, (o, i) in enumerate(pairs)],
            "biases": [np.full(o, n / 4, "f4") for n, (o, _) in enumerate(pairs)],
        }

    encoders = {f"{name}_encoder": network([12, 3, width]) for name, width in (("id", 2), ("exp", 3), ("age", 1))}
    return {
        "reference_pca_2024.h5": {**common, "components": ramp, "eigenvalues": np.array([4.0, 1.0])},
        "reference_pca_2026.h5": {
            **common,
            "components": ramp.astype("f4"),
            "eigenvalues": np.array([4, 1], "f4"),
            "indices": {"lips": np.array([1, 2]), "pairs": np.array([[0, 1], [3, 2]])},
            "colors": VERTICES.clip(0, 1),
        },
        "reference_autoencoder_12_layers.h5": {
            **common,
            "latent_mean": np.zeros(2),
            "latent_std": np.ones(2),
            "encoder": {**network([12] + [3] * 11 + [2]), "relu_factor": np.float64(0.2)},
            "decoder": {**network([2] + [3] * 11 + [12]), "relu_factor": np.float64(0.2)},
        },
        "reference_disentangled_linear.h5": {
            **common,
            "latent_mean": np.zeros(6, "f4"),
            "latent_std": np.ones(6, "f4"),
            **{name: {**part, "relu_factor": np.int64(1)} for name, part in encoders.items()},
            "decoder": {**network([6, 12]), "relu_factor": np.int64(1)},
        },
    }


def _put(group: h5py.Group, tree: dict) -> None:
    for key, value in tree.items():
        if isinstance(value, dict):
            _put(group.create_group(key), value)
        elif isinstance(value, list):
            _put(group.create_group(key), {f"item_{i}": item for i, item in enumerate(value)})
        else:
            group.create_dataset(key, data=value)


def main() -> None:
    """Write every file."""
    for name, tree in expected().items():
        with h5py.File(HERE / name, "w") as file:
            _put(file, tree)
    rows = [" ".join(f"{c:g}" for c in row) for row in VERTICES]
    header = "ply\nformat ascii 1.0\ncomment VCGLIB generated\nelement vertex 4\nproperty float x\nproperty float y\n"
    header += "property float z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nproperty uchar alpha\n"
    header += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    (HERE / "meshlab.ply").write_text(header + "".join(f"{r} 255 0 51 255 \n" for r in rows) + "4 0 1 2 3 \n")
    big = header.replace("ascii", "binary_big_endian").split("property uchar red")[0]
    big += "element face 1\nproperty list uchar uint vertex_index\nend_header\n"
    body = VERTICES.astype(">f4").tobytes() + b"\x04" + np.arange(4, dtype=">u4").tobytes()
    (HERE / "stanford.ply").write_bytes(big.encode() + body)
    obj = "# Blender 4.2\nmtllib skin.mtl\no Face\n" + "".join(f"v {r}\n" for r in rows)
    obj += "vn 0 0 1\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\ns 0\nusemtl Skin\nf 1/1/1 2/2/1 3/3/1 4/4/1\n"
    (HERE / "blender.obj").write_text(obj)
    reference = {"vertices": VERTICES.tolist(), "triangles": QUAD}
    (HERE / "reference.json").write_text(json.dumps(reference, indent=4))
    (HERE / "quad.off").write_text("OFF\n4 1 0\n" + "".join(f"{r}\n" for r in rows) + "4 0 1 2 3\n")


if __name__ == "__main__":
    main()
