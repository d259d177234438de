"""The training loop: batches that depend on seed and step alone, checkpoints, early stopping, many processes."""

import copy
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inface._optional import require
from inface._validate import FloatArray
from inface.errors import ConvergenceError
from inface.models.span import SkipNetwork
from inface.population import Population
from inface.training.checkpoint import State
from inface.training.drawing import Draw, plain_batches, twin_batches
from inface.training.losses import Losses, PlainLoss, TwinLoss
from inface.training.networks import SLOPE, SkipPerceptron, SpanAutoencoder
from inface.training.problem import Problem
from inface.training.settings import Progress, Settings

if TYPE_CHECKING:
    import torch
else:
    torch = require("torch", "training an autoencoder")

VALIDATION_BATCHES = 4
DRAWN, JUDGED = 5, 7  # streams of random numbers beside the seed


@dataclass(frozen=True)
class Run:
    """Where and how one run goes: its seed, "cpu", "cuda" or "auto", the file it is kept in, who is told of it."""

    seed: int = 0
    device: str = "auto"
    checkpoint: Path | None = None
    progress: Progress | None = None


@dataclass(frozen=True, eq=False)
class Optimised:
    """The best networks, in scaled coefficients, and how training went."""

    encoders: dict[str, SkipNetwork]
    decoder: SkipNetwork
    curves: list[dict[str, float]]
    best_step: int
    device: str
    versions: dict[str, str]


def optimise(problem: Problem, settings: Settings, run: Run) -> Optimised:
    """Train from the problem's linear start; see `fit_autoencoder`.

    Every random number follows from the seed, the step and the process, so that a run can be taken up at any step.
    """
    training = _Training(problem, settings, run)
    state = training.state
    for step in range(state.resume(), settings.steps):
        losses = training.advance(step)
        if (step + 1) % settings.evaluate_every and step + 1 != settings.steps:
            continue
        row = training.report(step, losses)
        state.note(row)
        if training.rank == 0:
            state.write(step + 1)
            if run.progress is not None:
                run.progress(step + 1, row)
        if training.checks and state.looks_without_gain(settings.evaluate_every) >= settings.patience:
            break
    return training.finished()


class _Training:
    """Networks, their running mean, and the optimiser of one run."""

    def __init__(self, problem: Problem, settings: Settings, run: Run) -> None:
        self.problem, self.settings, self.run = problem, settings, run
        self.rank, world = _processes(run.device)
        self.device = torch.device(_device(run.device, self.rank))
        torch.manual_seed(run.seed)
        self.net = SpanAutoencoder(problem.encoders, problem.decoder, settings.hidden).to(self.device)
        loss = self._loss(self.net)
        self.losses: Any = torch.nn.parallel.DistributedDataParallel(loss) if world > 1 else loss
        self.average = copy.deepcopy(self.net)
        self.draw = self._batches(problem.coefficients, problem.train)
        self.checks = self._batches(problem.validation, problem.held_out) if len(problem.held_out) else None
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, settings.learning_rate, total_steps=max(settings.steps, 2), pct_start=settings.warm_up
        )
        parts = {"net": self.net, "average": self.average, "optimiser": self.optimiser, "schedule": self.schedule}
        self.state = State(parts, problem.configuration(settings, run.seed), run.checkpoint)

    def _loss(self, net: SpanAutoencoder) -> Any:
        kind = PlainLoss if self.problem.factors is None else TwinLoss
        return kind(net, self.problem.metric, self.settings.weights).to(self.device)

    def _batches(self, coefficients: FloatArray, scans: Population) -> Draw:
        if self.problem.factors is None:
            return plain_batches(coefficients, self.problem, self.settings, self.device)
        return twin_batches(coefficients, scans, self.problem, self.settings, self.device)

    def advance(self, step: int) -> Losses:
        """One step of the optimiser and of the running mean."""
        settings = self.settings
        losses: Losses = self.losses(self.draw(np.random.default_rng([self.run.seed, DRAWN, step, self.rank])))
        total: Any = sum(losses.values())
        if not torch.isfinite(total):
            raise ConvergenceError(f"the loss is not finite at step {step}; lower the learning rate")
        self.optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), settings.clip)
        self.optimiser.step()
        self.schedule.step()
        decay = min(settings.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.net.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        return losses

    def report(self, step: int, losses: Losses) -> dict[str, float]:
        """A row of the curves: the losses of this step, and the held-out loss."""
        row = {name: float(value.detach()) for name, value in losses.items()}
        row |= {"step": step + 1, "loss": float(sum(value.detach() for value in losses.values()))}
        return row | ({"held_out": self._held_out_loss(self.checks)} if self.checks else {})

    def _held_out_loss(self, checks: Draw) -> float:
        """Loss of the running mean on held-out scans, the same batches every time."""
        with torch.no_grad():
            judge = self._loss(self.average)
            parts = [
                judge(checks(np.random.default_rng([self.run.seed, JUDGED, i]))) for i in range(VALIDATION_BATCHES)
            ]
            return float(np.mean([sum(float(value) for value in part.values()) for part in parts]))

    def finished(self) -> Optimised:
        """The best networks as arrays."""
        if self.checks:
            self.average.load_state_dict(self.state.best)
        arrays = [_arrays(network) for network in (*self.average.encoders, self.average.decoder)]
        return Optimised(
            dict(zip(self.average.names, arrays[:-1], strict=True)),
            arrays[-1],
            self.state.curves,
            self.state.best_step if self.checks else self.settings.steps,
            str(self.device),
            {"torch": torch.__version__, "numpy": np.__version__},
        )


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
