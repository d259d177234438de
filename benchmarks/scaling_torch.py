"""Figures of the torch layer: how much it rounds, what it costs beside NumPy. Ratios of one run, one thread, medians.

OMP_NUM_THREADS=1 python benchmarks/scaling_torch.py            writes benchmarks/scaling_torch.json
"""

import json
import statistics
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from inface import load_default_model
from inface.torch_layer import InfaceLayer

HERE = Path(__file__).parent
ROUNDS = 5


def cost(*calls) -> list[float]:
    """Median CPU seconds of each call, one after the other in every round."""
    rows = []
    for _ in range(ROUNDS):
        row = []
        for call in calls:
            before = time.process_time()
            call()
            row.append(time.process_time() - before)
        rows.append(row)
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def short(x: torch.Tensor) -> torch.Tensor:
    """A float32 with the 10 bits of mantissa that TF32 keeps."""
    return ((x.contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


def rounding(model, layer: InfaceLayer, latent: np.ndarray) -> dict[str, float]:
    """Largest distance of a coordinate from float64, mm; TF32 is emulated on the inputs of every product."""
    exact = InfaceLayer(model, dtype=torch.float64)(torch.as_tensor(latent, dtype=torch.float64))
    x = torch.as_tensor(latent)
    out = {
        "float32": float((layer(x) - exact).abs().max()),
        "NumPy": float(np.abs(model.decode(latent) - exact.numpy()).max()),
    }
    usual = torch.nn.functional.linear
    try:
        torch.nn.functional.linear = lambda x, w, b: short(x) @ short(w).T + b
        if layer.notes["kind"] != "pca":  # whose product is not one of these
            out["TF32, centred"] = float((layer(x) - exact).abs().max())
    finally:
        torch.nn.functional.linear = usual
    return out


def figures(name: str) -> dict:
    """Of one embedded model."""
    model = load_default_model(name)
    layer = InfaceLayer(model, encoders=False)
    noise = np.random.default_rng(0).standard_normal((32, len(model.latent)))
    latent = (model.latent.mean + model.latent.std * noise).astype(np.float32)
    row: dict = {"rounding, mm": rounding(model, layer, latent[:16])}
    for batch in (1, 32):
        x, wanted = torch.as_tensor(latent[:batch]), torch.as_tensor(latent[:batch]).requires_grad_()
        calls = (
            partial(layer, x),
            partial(model.decode, latent[:batch]),
            partial(lambda z: layer(z).square().sum().backward(), wanted),
        )
        torch_s, numpy_s, both = cost(*calls)
        row[f"decode of {batch}: torch / NumPy"] = round(torch_s / numpy_s, 2)
        row[f"decode of {batch}, with backward / without"] = round(both / torch_s, 2)
    some, whole = cost(partial(layer.landmarks_of, x[:8]), partial(lambda z: layer.landmarks(layer(z)), x[:8]))
    return row | {"landmarks alone, times cheaper than the whole": round(whole / some, 1)}


def main() -> None:
    torch.set_num_threads(1)
    found: dict = {"machine": "one thread of a shared machine; ratios of one run", "cuda": "not measured"}
    for name in ("pca", "autoencoder", "disentangled"):
        found[name] = figures(name)
        print(name, json.dumps(found[name], indent=1), flush=True)
    (HERE / "scaling_torch.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
