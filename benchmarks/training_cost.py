"""Costs of training: an epoch in the span against 3V inputs at equal loss, PCA against scikit-learn, streamed PCA.

Run by `python benchmarks/training.py cost`. Times are CPU seconds of one thread. Each PCA runs in a process of its own,
whose peak is reset after the data are loaded (Linux only).
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

EPOCHS, BATCH, CODES, HIDDEN = 8, 32, 97, (192, 192)
RATES = {"span": (2e-3, 4e-3, 8e-3), "3V": (4e-4, 2e-4, 1e-4)}  # 2e-3 on 3V: 6.2 after 8 epochs


def costs() -> dict:
    """All of them."""
    out = {"epochs": _epochs()}
    with tempfile.TemporaryDirectory() as folder:
        out |= _against_sklearn(Path(folder)) | _streamed(Path(folder))
    return out


def _epochs() -> dict:
    """The same autoencoder on 200 coefficients and on 3V coordinates, begun as the same function, on the same batches.

    With plain gradient descent the two must stay the same function: weights on 3V inputs never leave the span. With
    AdamW, which is not invariant to a rotation of its parameters, each has the best of three rates.
    """
    import torch

    from inface.training.embedded import training_cohort
    from inface.training.span import project

    torch.set_num_threads(1)
    cohort = training_cohort(128)
    coefficients, span = project(cohort, 200)
    unit = float(np.sqrt(coefficients.var(0).sum() / 200))  # one number, so that the modes stay orthonormal
    small = torch.as_tensor(coefficients / unit, dtype=torch.float32)
    modes = torch.as_tensor(span.components, dtype=torch.float32)
    large = small @ modes
    metric = unit**2 / cohort.shapes.shape[1]  # squared coefficients to mm^2 a vertex

    def train(full: bool, optimiser_of) -> tuple[list[float], float]:
        net = _network(full, modes)
        optimiser, rows = optimiser_of(net.parameters()), large if full else small
        losses, order = [], np.random.default_rng(0)
        before = time.process_time()
        seconds = 0.0
        for _ in range(EPOCHS):
            turn = torch.as_tensor(order.permutation(len(rows)))
            for i in range(0, len(rows), BATCH):
                part = rows[turn[i : i + BATCH]]
                loss = metric * ((net(part) - part) ** 2).sum(1).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            seconds += time.process_time() - before
            with torch.no_grad():
                parts = [metric * ((net(p) - p) ** 2).sum(1) for p in rows.split(64)]
                losses.append(float(torch.cat(parts).mean()))
            before = time.process_time()
        return losses, seconds / EPOCHS

    def descent(parameters):
        return torch.optim.SGD(parameters, lr=0.05 / 200, momentum=0.9)

    def adam(rate: float):
        return lambda parameters: torch.optim.AdamW(parameters, lr=rate, weight_decay=0)

    train(False, adam(2e-3))
    rows = {f"gradient descent, {where}": train(where == "3V", descent) for where in RATES}
    for where, rates in RATES.items():
        rows |= {f"AdamW {rate:g}, {where}": train(where == "3V", adam(rate)) for rate in rates}
    out: dict = {
        name: {"loss after each epoch, mm^2": [float(f"{x:.5g}") for x in losses], "cpu s an epoch": round(each, 4)}
        for name, (losses, each) in rows.items()
    }
    a, b = rows["gradient descent, span"], rows["gradient descent, 3V"]
    best = {
        where: min((rows[f"AdamW {rate:g}, {where}"] for rate in rates), key=lambda row: row[0][-1])
        for where, rates in RATES.items()
    }
    out["scans"], out["inputs"] = len(cohort), [200, large.shape[1]]
    out["gradient descent, largest relative difference of the losses"] = float(
        f"{max(abs(x - y) / y for x, y in zip(a[0], b[0], strict=True)):.2g}"
    )
    out["an epoch, times faster"] = round(b[1] / a[1])
    ratio = best["span"][0][-1] / best["3V"][0][-1]
    out["AdamW, the best of three rates each: last loss of the span over that of 3V"] = round(ratio, 3)
    out["AdamW, the same: an epoch, times faster"] = round(best["3V"][1] / best["span"][1])
    return out


def _network(full: bool, modes):
    """The autoencoder of the span, or the same function of 3V coordinates: the modes multiplied into its ends."""
    import torch

    from inface.training.networks import SpanAutoencoder

    torch.manual_seed(0)
    random = np.random.default_rng(1)
    encoder = random.standard_normal((CODES, len(modes))) / np.sqrt(len(modes))
    net = SpanAutoencoder({"": 0.3 * encoder}, 0.3 * encoder.T, HIDDEN)
    if not full:
        return net
    with torch.no_grad():
        for layer in (net.encoders[0].skip, net.encoders[0].layers[0]):
            _replace(layer, layer.weight @ modes, layer.bias)
        for layer in (net.decoder.skip, net.decoder.layers[-1]):
            _replace(layer, modes.T @ layer.weight, modes.T @ layer.bias)
    return net


def _replace(layer, weight, bias) -> None:
    import torch

    layer.weight, layer.bias = torch.nn.Parameter(weight.contiguous()), torch.nn.Parameter(bias.contiguous())
    layer.out_features, layer.in_features = weight.shape


def _shapes(path: Path, count: int, dimension: int, rank: int = 300) -> None:
    """Rows of falling variance and a little noise, written in pieces."""
    random = np.random.default_rng(0)
    modes = random.standard_normal((rank, dimension), dtype=np.float32)
    stack = np.lib.format.open_memmap(path, "w+", np.float32, (count, dimension))
    for i in range(0, count, 50):
        codes = (random.standard_normal((min(50, count - i), rank)) * 50 / np.arange(1, rank + 1)).astype(np.float32)
        stack[i : i + 50] = codes @ modes + 0.1 * random.standard_normal((len(codes), dimension), dtype=np.float32)
    stack.flush()


def _own_process(*words) -> dict:
    done = subprocess.run([sys.executable, __file__, *map(str, words)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _against_sklearn(folder: Path) -> dict:
    """2,000 x 60,000 float32, 100 modes; the data are in memory before the peak is reset."""
    _shapes(folder / "rows.npy", 2000, 60_000)
    which = ("inface", "sklearn", "sklearn, copy=False")
    out = {f"PCA 2,000 x 60k, {name}": _own_process(name, folder / "rows.npy") for name in which}
    ours, *theirs = out.values()
    for name, row in zip(which[1:], theirs, strict=True):
        out[f"PCA, inface over {name}"] = {key: round(ours[key] / row[key], 2) for key in ours if key != "eigenvalues"}
    same = np.abs(np.subtract(ours["eigenvalues"], theirs[0]["eigenvalues"])).max() / ours["eigenvalues"][0]
    out["PCA, largest difference of an eigenvalue to scikit-learn, of the first"] = float(f"{same:.2g}")
    for row in (ours, *theirs):
        del row["eigenvalues"]
    return out


def _streamed(folder: Path) -> dict:
    """Memory-mapped stacks, 50 modes: what the process itself holds, and the exact answer."""
    out = {}
    for count, dimension in ((2000, 3000), (8000, 3000), (20_000, 3000), (1_000_000, 300)):
        _shapes(folder / "stack.npy", count, dimension)
        out[f"streamed PCA, {count:,} x {dimension:,}"] = _own_process("streamed", folder / "stack.npy")
    return out


class _Held:
    """The most anonymous memory (not that of mapped files) of this process while the block runs, MB above its start."""

    def __enter__(self):
        self.start, self.most, self.done = _status("RssAnon"), 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while not self.done.wait(0.002):
            self.most = max(self.most, _status("RssAnon") - self.start)

    def __exit__(self, *_) -> None:
        self.done.set()
        self.thread.join()


def _status(name: str) -> float:
    """A line of /proc/self/status in MB."""
    text = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(name + ":")) / 1024


def _in_memory(which: str, path: str) -> dict:
    if which == "inface":
        from inface.training.pca import principal_components
    else:
        from sklearn.decomposition import PCA
    rows = np.load(path)
    np.ones((300, 300), np.float32) @ np.ones((300, 300), np.float32)  # the library's own buffers
    start = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = time.process_time()
    if which == "inface":
        values = principal_components(rows, 100).eigenvalues
    else:
        pca = PCA(100, svd_solver="randomized", random_state=0, copy="copy" not in which).fit(rows)
        values = pca.explained_variance_
    seconds = time.process_time() - before
    peak = _status("VmHWM")
    return {
        "cpu s": round(seconds, 2),
        "own MB": round(peak - start),
        "with the data MB": round(peak - start + rows.nbytes / 2**20),
        "whole process MB": round(peak),
        "eigenvalues": [float(v) for v in values],
    }


def _streaming(path: str) -> dict:
    from inface.training.pca import principal_components

    rows = np.load(path, mmap_mode="r")
    principal_components(rows[:200], 10, method="randomised")
    before = time.process_time()
    with _Held() as held:
        fit = principal_components(rows, 50, method="randomised")
    seconds = time.process_time() - before
    exact = principal_components(np.array(rows), 50, method="exact")
    away = np.abs(fit.eigenvalues - exact.eigenvalues).max() / exact.eigenvalues[0]
    cosines = np.linalg.svd(fit.components[:20].astype(float) @ exact.components[:20].T.astype(float))[1]
    return {
        "held MB": round(held.most),
        "file MB": round(rows.nbytes / 2**20),
        "cpu s": round(seconds, 2),
        "largest difference of an eigenvalue to exact, of the first": float(f"{away:.2g}"),
        "largest angle between the first 20 modes, degrees": round(
            float(np.degrees(np.arccos(min(cosines.min(), 1)))), 3
        ),
    }


if __name__ == "__main__":
    print(json.dumps(_streaming(sys.argv[2]) if sys.argv[1] == "streamed" else _in_memory(*sys.argv[1:])))
