"""The training loop: a model and uint8 pictures go in, a trained model and its history come out.

One page, on Accelerate (CPU, one GPU, several processes). The whole picture set is one uint8 tensor that is indexed by a
random permutation, which costs a fraction of what worker processes that pickle batches do.
"""

from __future__ import annotations

import io
import math
import os
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from tqdm.auto import tqdm

from helpers import settings
from helpers.data import DataError, Dataset, to_float
from helpers.files import write_atomically
from helpers.objective import Loss

Objective = Callable[[nn.Module, Tensor, torch.Generator], Loss]
CPUINFO = Path("/proc/cpuinfo")  # Linux only
NOISE = 2**40  # the seeds of the noise lie far from those of order and weights, so that no two streams are the same


class TrainingDiverged(RuntimeError):
    """The loss became NaN or infinite; the message says which part, when, and what to try."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used for this run; the message says why, and what to do."""


class OutOfMemory(RuntimeError):
    """The device's memory did not suffice; the message says what to try, and `history` is what was recorded until then."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


@dataclass
class History:
    """What training recorded, one row an epoch: recon and kl apart, train and held out, nats per image."""

    rows: list[dict[str, float]] = field(default_factory=list)
    interrupted: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def last(self) -> dict[str, float]:
        """The latest row. Raises IndexError while no epoch has been finished."""
        if not self.rows:
            raise IndexError("no epoch was finished, so there is nothing to show yet; run the training cell again.")
        return self.rows[-1]

    def column(self, name: str) -> list[float]:
        """Return one column over the epochs; epochs that did not record it are left out."""
        return [row[name] for row in self.rows if name in row]

    def plot(self, ax=None):
        """Draw recon and kl over the epochs, train dashed and held out solid; return the axes."""
        from helpers.figures import training_curves  # here, because training alone, on a server, needs no matplotlib

        return training_curves(self.rows, ax)

    def __repr__(self) -> str:
        names = ("epoch", "recon", "kl", "held_recon", "held_kl", "images_per_second")
        lines = ["  ".join(f"{name.replace('images_per_second', 'images/s'):>10}" for name in names)]
        for row in self.rows:
            lines.append("  ".join(f"{row[name]:10.4g}" if name in row else " " * 10 for name in names))
        return "\n".join(lines + ["stopped by hand"] * self.interrupted)


def learning_rate(progress: float, peak: float) -> float:
    """Return the step size at `progress` in [0, 1]: up to the peak over the first tenth, then down along a cosine to 1 %."""
    if progress < 0.1:
        return peak * (0.1 + 9 * progress)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - 0.1) / 0.9)))


def bfloat16_pays(device: torch.device) -> bool:
    """Return whether the device multiplies bf16 matrices faster: any recent GPU, or a processor with AMX or AVX512-BF16.

    A training step took 0.55 of float32's time on AVX512-BF16 (Zen 4) with a convolutional VAE, 0.65 with a fully connected one.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    flags = set(CPUINFO.read_text().split()) if device.type == "cpu" and CPUINFO.exists() else set()
    return bool(flags & {"amx_bf16", "avx512_bf16"})


def fit(
    model: nn.Module,
    images: Tensor | Dataset,
    *,
    held_out: Tensor | Dataset | None = None,
    epochs: int = 5,
    max_steps: int | None = None,
    batch: int = 128,
    lr: float = 2e-3,
    beta: float | Callable[[float], float] = 1.0,
    decay: float = 0.0,
    objective: Objective | None = None,
    targets: Tensor | None = None,
    seed: int | None = None,
    bfloat16: bool | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """Train a model in place and return its history.

    images, held_out: (N, C, H, W) uint8, or a Dataset.  batch: pictures per step, over all processes together.
    max_steps: end after so many optimiser steps, where that is sooner than `epochs`; the schedules fit the shorter run.
    lr: the peak of the schedule (`learning_rate`).  beta: a number, or a function of progress in [0, 1] (annealing).
    decay: how strongly weights shrink towards 0, per unit of lr (AdamW; Loshchilov & Hutter 2019).
    objective(model, x, noise) → Loss replaces the model's own loss, for models that are built on the page; with targets
    (N, ...), what is known of each picture, it is called as objective(model, x, targets of x, noise), and `held_out` stays empty.
    seed: of the order and the noise (default: the course's). On one machine's CPU, with the same number of
    threads, a seed gives the same weights to the last bit.
    bfloat16: None lets the machine decide; KL and pixel sums stay in float32.
    checkpoint: a file written after every epoch; where it exists, training goes on from it, and ends with exactly the
    weights of an uninterrupted run. A full disk costs a warning, not the run. Ctrl-C (the stop button) returns what there
    is so far.  The model comes back to the device that it came from.
    Under `accelerate launch` several processes share each batch and its noise (`SharedNoise`): the losses are those of one
    process but for rounding. (Layers with statistics of their own, such as batch norm, see their process's share.)
    Raises DataError on pictures that do not fit, TrainingDiverged when a loss is no number, CheckpointError, OutOfMemory.
    """
    images, held_out = pictures(images, model, batch), None if held_out is None else pictures(held_out, model)
    seed = settings.seed() if seed is None else seed
    home = next(model.parameters()).device
    steps = len(images) // batch  # in an epoch
    total = epochs * steps if max_steps is None else min(max_steps, epochs * steps)
    beta_at = beta if callable(beta) else lambda _: beta
    loop = Loop(model, total, lr, batch, seed, beta_at, objective, bfloat16, decay, matched(targets, images, objective, held_out))
    run = {"epochs": epochs if total == epochs * steps else total / steps, "batch": batch, "lr": lr, "seed": seed}
    run |= {"own objective": objective is not None, "decay": decay} | fingerprint(images, beta)
    done, history = restore(checkpoint, model, loop.optimizer, run)
    shown = progress and first_process() and not settings.bars_hidden()  # which tqdm itself ignores in a notebook
    with tqdm(total=total, initial=min(done * steps, total), mininterval=0.5, unit="step", disable=not shown) as bar:
        try:
            for epoch in range(done, math.ceil(total / steps)):
                history.rows.append(loop.row(images, held_out, epoch, bar))
                if checkpoint and first_process():
                    save(checkpoint, model, loop.optimizer, run, history)
        except KeyboardInterrupt:
            history.interrupted = True
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise OutOfMemory(no_memory(batch, history, checkpoint), history) from error
        finally:
            model.to(home).eval()
    return history


def fingerprint(images: Tensor, beta: float | Callable[[float], float]) -> dict[str, float | str]:
    """Return by what a checkpoint knows its pictures (N, C, H, W) again, their number and the sum of some 64, and its beta."""
    known = {"images": len(images), "pictures' sum": float(images[:: max(1, len(images) // 64)].double().sum())}
    return {"beta": "a schedule" if callable(beta) else float(beta)} | known


def first_process() -> bool:
    """Return whether this is the process that prints and writes: the only one, or the first under `accelerate launch`."""
    return os.environ.get("RANK", "0") == "0"


class Costs(nn.Module):
    """A model and its objective as one module, so that under several processes all gradients pass through the one wrapper."""

    def __init__(self, model: nn.Module, objective: Objective | None) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor, noise: torch.Generator, beta: float, targets: Tensor | None = None) -> Loss:
        """Return the loss of pictures x (B, C, H, W) in [0, 1], and its parts."""
        if self.objective is not None:
            return self.objective(self.model, x, *([] if targets is None else [targets]), noise)
        return self.model.loss(x, self.model(x, noise), beta)


class SharedNoise(TorchFunctionMode):
    """Within it, a process that holds rows first, first + stride, … of a batch draws the noise of just these rows.

    It draws for all `rows` pictures and keeps its own, so that a picture's noise depends on the seed and on its place in
    the batch, not on how many processes there are. For torch.randn and torch.rand with a generator and one row a picture.
    """

    def __init__(self, rows: int, first: int, stride: int) -> None:
        super().__init__()
        self.rows, self.mine = rows, slice(first, None, stride)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in (torch.randn, torch.rand) and kwargs.get("generator") is not None:
            size = kwargs["size"] if "size" in kwargs else args if isinstance(args[0], int) else args[0]
            if tuple(size[:1]) == (len(range(self.rows)[self.mine]),):
                return function(**kwargs | {"size": (self.rows, *size[1:])})[self.mine]
        return function(*args, **kwargs)


class Loop:
    """The moving parts of `fit`: device, precision, optimiser; `epoch` trains over the pictures once, `evaluate` looks."""

    def __init__(
        self, model, total: int, lr: float, batch: int, seed: int, beta_at, objective: Objective | None,
        bfloat16: bool | None, decay: float, targets: Tensor | None,
    ):  # fmt: skip
        gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
        self.accelerator = Accelerator(cpu=settings.processor_only() or not gpu)
        self.device = self.accelerator.device
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        if batch % self.world:
            raise DataError(f"a batch of {batch} cannot be shared evenly by {self.world} processes; pass a multiple of that.")
        self.layout = torch.channels_last if self.device.type in ("cpu", "cuda") else torch.contiguous_format
        self.bfloat16 = bfloat16_pays(self.device) if bfloat16 is None else bfloat16
        model.to(self.device, memory_format=self.layout)
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay, fused=self.device.type != "mps")
        self.costs, self.optimizer = self.accelerator.prepare(Costs(model, objective), optimizer)
        self.total, self.lr, self.batch, self.seed, self.beta_at, self.targets = total, lr, batch, seed, beta_at, targets

    def losses(self, images: Tensor, which: Tensor, noise: torch.Generator, beta: float) -> Loss:
        """Return the loss, and its parts, of this process's share of the pictures images[which]."""
        mine = which[self.rank :: self.world]
        x = to_float(images[mine].to(self.device)).contiguous(memory_format=self.layout)
        targets = None if self.targets is None else self.targets[mine].to(self.device)
        shared = SharedNoise(len(which), self.rank, self.world) if self.world > 1 else nullcontext()
        with shared, torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            return self.costs(x, noise, beta, targets)

    def row(self, images: Tensor, held_out: Tensor | None, epoch: int, bar: tqdm) -> dict[str, float]:
        """Train over the pictures once, look at the held-out ones, and return both for the history. Raises TrainingDiverged."""
        row = self.epoch(images, epoch, bar)
        if held_out is not None:
            row |= {f"held_{key}": value for key, value in self.evaluate(held_out, row["beta"]).items()}
        stop_if_diverged(self.costs, row, self.lr)
        bar.set_postfix(recon=f"{row['recon']:.1f}", kl=f"{row['kl']:.1f}")
        return row

    def epoch(self, images: Tensor, epoch: int, bar: tqdm) -> dict[str, float]:
        """Train over the pictures once and return the row for the history.

        Order and noise come from (seed, epoch) alone, so a resumed run repeats them. A last, smaller batch is left out:
        its pictures would weigh more than others. A batch counts the pictures of all processes together.
        """
        self.costs.train()
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(self.seed * 7919 + epoch))
        noise = torch.Generator(self.device).manual_seed(NOISE + self.seed * 7919 + epoch)
        totals, start = torch.zeros(3, device=self.device), time.perf_counter()
        done = epoch * (len(images) // self.batch)
        steps = min(len(images) // self.batch, self.total - done)
        for step in range(steps):
            at = (done + step) / self.total
            totals += self.step(images, order[step * self.batch : (step + 1) * self.batch], noise, at)
            if step % 20 == 19 or step == steps - 1:  # all processes look at the same sum, so that they stop together
                mean = self.accelerator.reduce(totals, "mean")
                stop_if_not_finite(mean, epoch, step, self.lr)
            bar.update()
        seconds = time.perf_counter() - start
        row = {"epoch": epoch + 1, **named(mean / steps), "beta": self.beta_at(at)}
        return row | {"seconds": seconds, "images_per_second": steps * self.batch / seconds}

    def step(self, images: Tensor, which: Tensor, noise: torch.Generator, at: float) -> Tensor:
        """Take one optimiser step at progress `at` in [0, 1]; return the mean loss, recon and kl of this process's share, (3,)."""
        self.optimizer.param_groups[0]["lr"] = learning_rate(at, self.lr)
        parts = self.losses(images, which, noise, self.beta_at(at))
        self.optimizer.zero_grad()
        self.accelerator.backward(parts.loss.mean())
        self.optimizer.step()
        return torch.stack([part.detach().mean() for part in parts])

    @torch.no_grad()
    def evaluate(self, images: Tensor, beta: float) -> dict[str, float]:
        """Return mean loss, recon and kl over held-out pictures; the noise is the same every time, so that epochs compare."""
        self.costs.eval()
        noise, totals = torch.Generator(self.device).manual_seed(0), torch.zeros(3, device=self.device)
        for which in torch.arange(len(images)).split(500):
            parts = self.losses(images, which, noise, beta)
            totals += torch.stack([part.float().sum() for part in parts])
        return named(self.accelerator.reduce(totals, "sum") / len(images))


def pictures(images: Tensor | Dataset, model: nn.Module, batch: int = 1) -> Tensor:
    """Return the pictures as a tensor that fits the model. Raises DataError, saying what is wrong, when they do not."""
    images = images.images if isinstance(images, Dataset) else images
    if not isinstance(images, Tensor):
        raise DataError(f"the pictures are a {type(images).__name__}; pass a Dataset or a torch tensor (torch.from_numpy).")
    if len(images) == 0:
        raise DataError("there are no pictures to train on: the data set is empty.")
    wanted = getattr(getattr(model, "config", None), "shape", tuple(images.shape[1:]))
    if tuple(images.shape[1:]) != tuple(wanted):
        raise DataError(f"the pictures are {tuple(images.shape[1:])}, but the model was built for {tuple(wanted)}.")
    if images.dtype != torch.uint8 and (images.min() < 0 or images.max() > 1):
        raise DataError("float pictures must lie in [0, 1]; divide by 255, or pass the uint8 pictures as they are.")
    if not 1 <= batch:
        raise DataError(f"batch is {batch}; it must be at least 1.")
    if batch > len(images):
        raise DataError(f"a batch of {batch} does not fit into {len(images)} pictures; pass batch={len(images)} or less.")
    return images


def matched(targets: Tensor | None, images: Tensor, objective: Objective | None, held_out: Tensor | None) -> Tensor | None:
    """Return the targets as they are, None or one for each picture. Raises DataError where they would be lost, or mixed up."""
    if targets is not None and len(targets) != len(images):
        raise DataError(f"there are {len(targets):,} targets for {len(images):,} pictures; pass one for each.")
    if targets is not None and objective is None:
        raise DataError("only an objective of your own can use targets: pass objective=, or leave targets out.")
    if targets is not None and held_out is not None:
        raise DataError("targets are of the training pictures; of held-out ones nothing is known: score those afterwards.")
    return targets


def named(totals: Tensor) -> dict[str, float]:
    """Return the three parts of a loss by name, as plain floats."""
    return dict(zip(Loss._fields, totals.tolist(), strict=True))


def stop_if_not_finite(totals: Tensor, epoch: int, step: int, lr: float) -> None:
    """Raise TrainingDiverged when a running total is NaN or infinite."""
    bad = [name for name, value in named(totals).items() if not math.isfinite(value)]
    if bad:
        parts = [name for name in bad if name != "loss"] or bad
        raise TrainingDiverged(diverged(" and ".join(parts), f"in epoch {epoch + 1}, by step {step + 1}", lr))


def stop_if_diverged(model: nn.Module, row: dict[str, float], lr: float) -> None:
    """Raise TrainingDiverged when an epoch ended in weights or held-out losses that are no numbers; nothing is saved then."""
    bad = [name for name, value in row.items() if not math.isfinite(value)]
    bad += [] if all(p.isfinite().all() for p in model.parameters()) else ["a weight"]
    if bad:
        raise TrainingDiverged(diverged(" and ".join(bad), f"at the end of epoch {row['epoch']}", lr))


def diverged(what: str, when: str, lr: float) -> str:
    """Return the explanation of a training run that ran away."""
    return (
        f"{what} became NaN or infinite {when}. The model's weights are now useless; build it anew. Usual causes: a learning "
        f"rate that is too high (lr={lr:g}; try a third of it), pictures outside [0, 1], or a log of something that reached 0."
    )


def no_memory(batch: int, history: History, checkpoint: str | Path | None) -> str:
    """Return the explanation of a training run for which the memory did not suffice."""
    kept = f"{checkpoint} holds the run up to epoch {len(history)}, and the same call goes on from there. "
    return (
        f"the device's memory did not suffice for a batch of {batch} pictures, in epoch {len(history) + 1}. Free some (shut "
        f"down other notebooks' kernels), or take smaller batches, in a new run: batch={max(1, batch // 2)}. "
        f"{kept if checkpoint and len(history) else ''}The model keeps the weights of its last step; the finished epochs "
        "are in this error's `history`."
    )


def save(path: str | Path, model: nn.Module, optimizer, run: dict, history: History) -> None:
    """Write a checkpoint in one step: whoever reads it sees the old one or the new one, whole.

    A disk that is full or will not be written to costs a warning: the former checkpoint stays, and the next epoch tries again.
    """
    state = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "run": run, "rows": history.rows}, state)
    try:
        write_atomically(path, lambda file: file.write(state.getbuffer()))
    except OSError as error:
        warnings.warn(
            f"no checkpoint was written after epoch {len(history)}: {error.strerror or error} ({path}, "
            f"{len(state.getbuffer()) / 1e6:.1f} MB). Training goes on, and an older checkpoint is kept; free some space, or the "
            "epochs since then are lost if this run is stopped.",
            RuntimeWarning,
            stacklevel=3,
        )


def restore(path: str | Path | None, model: nn.Module, optimizer, run: dict) -> tuple[int, History]:
    """Return (epochs done, history) of a checkpoint and load it; (0, empty) where there is none.

    Raises CheckpointError when the file is damaged, or was written by another run or another architecture.
    """
    if path is None or not Path(path).exists():
        return 0, History()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or not {"model", "optimizer", "run", "rows"} <= state.keys():
            raise ValueError("not a checkpoint of this course")
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read ({type(error).__name__}); delete it to start anew.") from error
    other = {key: (state["run"].get(key), value) for key, value in run.items() if state["run"].get(key) != value}
    if other:
        told = ", ".join(f"{key} was {old}, is {new}" for key, (old, new) in other.items())
        raise CheckpointError(
            f"{path} belongs to another run ({told}). Use those settings, or another file (on the command line: another --runs, "
            "or --name)."
        )
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} holds another architecture than this model; use another file.") from error
    return len(state["rows"]), History(state["rows"])
