"""The training loop: batches that depend on seed and step alone, checkpoints, early stopping, many processes."""

import copy
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inface._optional import require
from inface._validate import FloatArray
from inface.codecs import atomic_write
from inface.errors import ConvergenceError, FormatError
from inface.models.span import SkipNetwork
from inface.population import Population
from inface.training.linear import known_ages
from inface.training.losses import LossWeights, PlainLoss, TwinLoss
from inface.training.networks import SLOPE, SkipPerceptron, SpanAutoencoder
from inface.training.twins import Twins
from inface.training.twofactor import TwoFactor

if TYPE_CHECKING:
    import torch

    from inface.training.autoencoder import Progress, Settings
else:
    torch = require("torch", "training an autoencoder")

VALIDATION_BATCHES = 4


@dataclass(frozen=True, eq=False)
class Optimised:
    """The best networks, in scaled coefficients, and how training went."""

    encoders: dict[str, SkipNetwork]
    decoder: SkipNetwork
    curves: list[dict[str, float]]
    best_step: int
    device: str
    versions: dict[str, str]


def optimise(
    encoders: Mapping[str, FloatArray],
    decoder: FloatArray,
    scale: FloatArray,
    coefficients: FloatArray,
    validation: FloatArray,
    train: Population,
    held_out: Population,
    factors: TwoFactor | None,
    settings: "Settings",
    configuration: dict[str, Any],
    *,
    device: str,
    checkpoint: Path | None,
    progress: "Progress | None",
) -> Optimised:
    """Train from linear start matrices; see `fit_autoencoder`.

    `factors` None trains a plain autoencoder. Every random number follows from the seed, the step and the process, so
    that a run can be taken up at any step.
    """
    seed, (rank, world) = configuration["seed"], _processes(device)
    where = torch.device(_device(device, rank))
    torch.manual_seed(seed)
    net = SpanAutoencoder(encoders, decoder, settings.hidden).to(where)
    weights = LossWeights(*(getattr(settings, name) for name in LossWeights.__annotations__))
    metric = scale**2 / (train.shapes.shape[1])
    loss: Any = (PlainLoss if factors is None else TwinLoss)(net, metric, weights).to(where)
    trained = torch.nn.parallel.DistributedDataParallel(loss) if world > 1 else loss
    average = copy.deepcopy(net)
    source = _batches(factors, coefficients, train, scale, settings, where)
    checks = _batches(factors, validation, held_out, scale, settings, where) if len(held_out) else None
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=max(settings.steps, 2), pct_start=settings.warm_up
    )
    state = _State(net, average, optimiser, schedule, configuration, checkpoint)
    first = state.take_up()

    def validate(checks) -> float:
        """Held-out loss of the averaged network, the same batches every time."""
        with torch.no_grad():
            judge = (PlainLoss if factors is None else TwinLoss)(average, metric, weights).to(where)
            parts = [judge(checks(np.random.default_rng([seed, 7, i]))) for i in range(VALIDATION_BATCHES)]
            return float(np.mean([sum(float(value) for value in part.values()) for part in parts]))

    for step in range(first, settings.steps):
        losses = trained(source(np.random.default_rng([seed, 5, step, rank])))
        total = sum(losses.values())
        if not torch.isfinite(total):
            raise ConvergenceError(f"the loss is not finite at step {step}; lower the learning rate")
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
        optimiser.step()
        schedule.step()
        decay = min(settings.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), net.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        if (step + 1) % settings.evaluate_every == 0 or step + 1 == settings.steps:
            row = {name: float(value.detach()) for name, value in losses.items()}
            row |= {"step": step + 1, "loss": float(total.detach())}
            row |= {"held_out": validate(checks)} if checks else {}
            state.note(row)
            if rank == 0:
                state.write(step + 1)
                if progress is not None:
                    progress(step + 1, row)
            if checks and state.looks_without_gain(settings.evaluate_every) >= settings.patience:
                break
    if checks:
        average.load_state_dict(state.best)
    arrays = [_arrays(network) for network in (*average.encoders, average.decoder)]
    return Optimised(
        dict(zip(average.names, arrays[:-1], strict=True)),
        arrays[-1],
        state.curves,
        state.best_step if checks else settings.steps,
        str(where),
        {"torch": torch.__version__, "numpy": np.__version__},
    )


class _State:
    """What a checkpoint holds: networks, optimiser, schedule, curves and the best networks so far."""

    def __init__(self, net, average, optimiser, schedule, configuration: dict[str, Any], path: Path | None) -> None:
        self.parts = {"net": net, "average": average, "optimiser": optimiser, "schedule": schedule}
        self.average, self.configuration, self.path = average, configuration, path
        self.curves: list[dict[str, float]] = []
        self.best: dict[str, Any] = {}
        self.best_step, self.best_loss = 0, float("inf")

    def note(self, row: dict[str, float]) -> None:
        """Add a row to the curves, and keep the networks when they are the best so far."""
        self.curves.append(row)
        if row.get("held_out", float("inf")) < self.best_loss:
            self.best_loss, self.best_step = row["held_out"], int(row["step"])
            self.best = copy.deepcopy(self.average.state_dict())

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

    def take_up(self) -> int:
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


def _batches(factors: TwoFactor | None, coefficients, population: Population, scale, settings: "Settings", where):
    """A function from a random generator to a batch for the loss."""
    if factors is None:
        rows = coefficients / scale

        def plain(random: np.random.Generator) -> dict[str, torch.Tensor]:
            clean = rows[random.integers(0, len(rows), settings.batch)]
            noisy = clean + settings.noise * random.standard_normal(clean.shape)
            return {"clean": _tensor(clean, where), "noisy": _tensor(noisy, where)}

        return plain
    twins = Twins(coefficients, population.subject, known_ages(population), population.neutral, factors, scale)

    def paired(random: np.random.Generator) -> dict[str, torch.Tensor]:
        batch = twins.draw(random, settings.batch)
        parts = [batch.target, batch.same_child, batch.same_expression, batch.real]
        noisy = np.concatenate(parts)
        noisy = noisy + settings.noise * random.standard_normal(noisy.shape)
        out = {name: _tensor(value, where) for name, value in vars(batch).items()}
        told = (random.random((settings.batch, 1)) < (0.5 if twins.aged else 1.0)).astype(np.float32)
        return out | {"noisy": _tensor(noisy, where), "told": _tensor(told, where), "aged": torch.tensor(twins.aged)}

    return paired


def _tensor(array: FloatArray, where) -> "torch.Tensor":
    return torch.as_tensor(np.asarray(array, np.float32), device=where)


def _arrays(net: SkipPerceptron) -> SkipNetwork:
    """The network as float64 arrays."""

    def array(tensor) -> FloatArray:
        return tensor.detach().cpu().numpy().astype(np.float64)

    layers = [(array(layer.weight), array(layer.bias)) for layer in net.layers]
    weights, biases = (tuple(part) for part in zip(*layers, strict=True)) if layers else ((), ())
    return SkipNetwork(array(net.skip.weight), array(net.skip.bias), weights, biases, SLOPE)


def _processes(device: str) -> tuple[int, int]:
    """Rank and number of processes; under `torchrun` the group is joined first."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return 0, 1
    if not torch.distributed.is_initialized():
        cuda = device != "cpu" and torch.cuda.is_available()
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
    return torch.distributed.get_rank(), world


def _device(device: str, rank: int) -> str:
    if device != "auto":
        return device
    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', rank)) % torch.cuda.device_count()}"
