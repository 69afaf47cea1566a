"""The training loop: a model and uint8 images go in, a trained model and its history come out.

It runs on Accelerate (CPU, one GPU, several processes). All images are one uint8 tensor that is indexed by a random
permutation, which costs a fraction of what worker processes that pickle batches do.
"""

from __future__ import annotations

import io
import math
import os
import time
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm.auto import tqdm

from helpers import settings
from helpers.checksums import checksum, function_checksum
from helpers.data import DataError, Dataset, to_float
from helpers.files import write_atomically
from helpers.objective import Loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Objective = Callable[..., Loss]  # of (model, x, noise); with targets, of (model, x, targets, noise)
CPUINFO = Path("/proc/cpuinfo")  # Linux only
NOISE = 0x9E3779B9  # its multiples, cut to the 32 bits that a CPU generator reads, lie far from the seeds of order and weights


class TrainingDiverged(RuntimeError):
    """The loss became NaN or infinite; the message says which part, when, and what to try."""


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

    def plot(self) -> Sequence[Axes]:
        """Draw recon and kl over the epochs, train dashed and held out solid; return the axes."""
        from helpers.figures import training_curves  # here, because training alone, on a server, needs no matplotlib

        return training_curves(self.rows)

    def __repr__(self) -> str:
        names = ("epoch", "recon", "kl", "held_recon", "held_kl")  # no speed: what a page prints is the same in every run
        lines = ["  ".join(f"{name:>10}" for name in names)]
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
    flags = set(CPUINFO.read_text(encoding="utf-8").split()) if device.type == "cpu" and CPUINFO.exists() else set()
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
    clip: float = 2.0,
    objective: Objective | None = None,
    targets: Tensor | None = None,
    seed: int | None = None,
    bfloat16: bool | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """Train a model in place and return its history.

    images, held_out: (N, C, H, W) uint8, or a Dataset.  batch: images per step, over all processes together.
    max_steps: end after so many optimiser steps, where that is sooner than `epochs`; the schedules fit the shorter run.
    lr: the peak of the schedule (`learning_rate`).  beta: a number, or a function of progress in [0, 1] (annealing).
    decay: how strongly weights shrink towards 0, per unit of lr (AdamW; Loshchilov & Hutter 2019).
    clip: a gradient whose norm exceeds `clip` times its running mean is scaled down to that (inf: never); relative, so that it
    fits losses of any size. Without it, one wild batch at a high lr can end in a dead network.
    objective(model, x, noise) → Loss replaces the model's own loss. With targets (N, ...), one for each image, it is called
    as objective(model, x, targets of x, noise), and `held_out` stays empty.
    seed: of the order and the noise (default: the course's). On one machine's CPU, with the same number of
    threads, a seed gives the same weights to the last bit.
    bfloat16: None lets the machine decide; KL and pixel sums stay in float32.
    checkpoint: a file written after every epoch; where it exists, training goes on from it, and ends with exactly the
    weights of an uninterrupted run. A full disk costs a warning, not the run. Ctrl-C (the stop button) returns what there
    is so far.  The model comes back to the device that it came from.
    Under `accelerate launch` several processes share each batch, and each draws its own noise.
    Raises DataError on images that do not fit, ValueError on a checkpoint of another run, TrainingDiverged, OutOfMemory.
    """
    images, held_out = checked_images(images, model, batch), None if held_out is None else checked_images(held_out, model)
    check_plan(epochs, max_steps, targets, images, objective, held_out)
    seed = settings.seed() if seed is None else seed
    home = next(model.parameters()).device
    steps = len(images) // batch  # in an epoch
    total = epochs * steps if max_steps is None else min(max_steps, epochs * steps)
    loop = Loop(model, total, lr, batch, seed, beta, objective, bfloat16, decay, targets, clip)
    run: dict[str, float | str] = {"epochs": epochs if total == epochs * steps else total / steps, "batch": batch, "lr": lr}
    run |= {"decay": decay, "clip": clip, "seed": seed}
    run |= fingerprint(images, targets, beta, objective) if checkpoint else {}
    history = read_checkpoint(checkpoint, model, loop, run)
    save = partial(write_checkpoint, checkpoint, model, loop, run) if checkpoint and first_process() else None
    try:
        loop.train(images, held_out, history, progress, save)
        loop.note_if_useless(model, images)
    except KeyboardInterrupt:
        history.interrupted = True
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(out_of_memory(batch, history, checkpoint), history) from error
    finally:
        model.to(home).eval()
    return history


def checked_images(images: Tensor | Dataset, model: nn.Module, batch: int = 1) -> Tensor:
    """Return the images as a tensor that fits the model. Raises DataError, saying what is wrong, when they do not."""
    images = images.images if isinstance(images, Dataset) else images
    if not isinstance(images, Tensor):
        raise DataError(f"the images are a {type(images).__name__}; pass a Dataset or a torch tensor (torch.from_numpy).")
    if len(images) == 0:
        raise DataError("there are no images to train on: the data set is empty.")
    wanted = tuple(getattr(getattr(model, "config", None), "shape", images.shape[1:]))
    if tuple(images.shape[1:]) != wanted:
        raise DataError(f"the images are {tuple(images.shape[1:])}, but the model was built for {wanted}.")
    if images.dtype != torch.uint8 and not (images.min() >= 0 and images.max() <= 1):
        raise DataError("float images must lie in [0, 1], without NaN; divide by 255, or pass the uint8 images as they are.")
    if not 1 <= batch <= len(images):
        raise DataError(f"a batch of {batch} is not possible with {len(images)} images; pass batch= from 1 to {len(images)}.")
    return images


def check_plan(
    epochs: int, max_steps: int | None, targets: Tensor | None, images: Tensor, objective: Objective | None, held_out: Tensor | None
) -> None:
    """Raise ValueError when nothing would be trained, DataError when targets do not fit images or would not be used."""
    if epochs < 1 or (max_steps is not None and max_steps < 1):
        raise ValueError(f"epochs is {epochs} and max_steps is {max_steps}; both must be at least 1.")
    if targets is not None and len(targets) != len(images):
        raise DataError(f"there are {len(targets):,} targets for {len(images):,} images; pass one for each.")
    if targets is not None and objective is None:
        raise DataError("only an objective of your own can use targets: pass objective=, or leave targets out.")
    if targets is not None and held_out is not None:
        raise DataError("targets belong to the training images, and held-out images have none: score those afterwards.")


def fingerprint(
    images: Tensor, targets: Tensor | None, beta: float | Callable[[float], float], objective: Objective | None
) -> dict[str, float | str]:
    """Return by what a checkpoint recognises its run: checksums of all images and targets, and of the functions' code."""
    return {
        "beta": function_checksum(beta) if callable(beta) else float(beta), "objective": function_checksum(objective),
        "images": checksum({"images": images}), "targets": "" if targets is None else checksum({"targets": targets}),
    }  # fmt: skip


def first_process() -> bool:
    """Return whether this is the process that prints and writes: the only one, or the first under `accelerate launch`."""
    return os.environ.get("RANK", "0") == "0"


class ModelWithObjective(nn.Module):
    """A model and its objective as one module, so that under several processes all gradients pass through the one wrapper."""

    def __init__(self, model: nn.Module, objective: Objective | None) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor, noise: torch.Generator, beta: float, targets: Tensor | None = None) -> Loss:
        """Return the loss of images x (B, C, H, W) in [0, 1], and its parts."""
        if self.objective is not None:
            return self.objective(self.model, x, *([] if targets is None else [targets]), noise)
        return self.model.loss(x, self.model(x, noise), beta)  # type: ignore[operator]


class Loop:
    """The moving parts of `fit`: device, precision, optimiser; an epoch over all images, and an evaluation."""

    def __init__(
        self, model: nn.Module, total: int, lr: float, batch: int, seed: int, beta: float | Callable[[float], float],
        objective: Objective | None, bfloat16: bool | None, decay: float, targets: Tensor | None, clip: float,
    ) -> None:  # fmt: skip
        gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
        self.accelerator = Accelerator(cpu=settings.processor_only() or not gpu)
        self.device = self.accelerator.device
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        if batch % self.world:
            raise DataError(f"a batch of {batch} cannot be shared evenly by {self.world} processes; pass a multiple of that.")
        self.layout = torch.channels_last if self.device.type in ("cpu", "cuda") else torch.contiguous_format
        self.bfloat16 = bfloat16_pays(self.device) if bfloat16 is None else bfloat16
        model.to(self.device).to(memory_format=self.layout)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=decay, fused=self.device.type != "mps"
        )
        self.module, self.optimizer = self.accelerator.prepare(ModelWithObjective(model, objective), optimizer)
        self.beta_at = beta if callable(beta) else lambda _: beta
        self.total, self.lr, self.batch, self.seed, self.targets, self.clip = total, lr, batch, seed, targets, clip
        self.own_objective = objective is not None
        self.norm = math.inf  # the gradient's usual norm: a running mean

    def noise(self, seed: int) -> torch.Generator:
        """Return a generator of the noise of this process: another one for each seed and each process."""
        return torch.Generator(self.device).manual_seed((seed + NOISE * self.rank) % 2**32)

    def losses(self, images: Tensor, which: Tensor, noise: torch.Generator, beta: float) -> Loss:
        """Return the loss, and its parts, of this process's share of images[which]."""
        mine = which[self.rank :: self.world]
        x = to_float(images[mine].to(self.device)).contiguous(memory_format=self.layout)
        targets = None if self.targets is None else self.targets[mine].to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            return self.module(x, noise, beta, targets)

    def train(
        self, images: Tensor, held_out: Tensor | None, history: History, progress: bool, save: Callable[[History], None] | None
    ) -> None:
        """Train the epochs that the history lacks, and add them to it. Raises TrainingDiverged."""
        steps = len(images) // self.batch
        shown = progress and first_process() and not settings.bars_hidden()  # which tqdm itself ignores in a notebook
        first = min(len(history) * steps, self.total)
        with tqdm(total=self.total, initial=first, mininterval=0.5, unit="step", disable=not shown) as bar:
            for epoch in range(len(history), math.ceil(self.total / steps)):
                row = self.epoch(images, epoch, bar)
                if held_out is not None:
                    row |= {f"held_{key}": value for key, value in self.evaluate(held_out, row["beta"]).items()}
                weights = {"a weight": sum(p.detach().sum().item() for p in self.module.parameters())}
                stop_if_diverged(row | weights, f"at the end of epoch {epoch + 1}", self.lr)
                bar.set_postfix(recon=f"{row['recon']:.1f}", kl=f"{row['kl']:.1f}")
                history.rows.append(row)
                if save:
                    save(history)

    def epoch(self, images: Tensor, epoch: int, bar: tqdm) -> dict[str, float]:
        """Train over the images once and return the row for the history.

        Order and noise come from seed, epoch and process alone, so a resumed run repeats them. A last, smaller batch is
        left out: its images would weigh more than others. A batch counts the images of all processes together.
        """
        self.module.train()
        seed = self.seed * 7919 + epoch
        order, noise = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)), self.noise(seed + NOISE)
        totals, start = torch.zeros(3, device=self.device), time.perf_counter()
        done = epoch * (len(images) // self.batch)
        steps = min(len(images) // self.batch, self.total - done)
        for step in range(steps):
            at = (done + step) / self.total
            totals += self.step(images, order[step * self.batch : (step + 1) * self.batch], noise, at)
            if step % 20 == 19 or step == steps - 1:  # all processes look at the same sum, so that they stop together
                mean = self.accelerator.reduce(totals, "mean")
                stop_if_diverged(by_name(mean), f"in epoch {epoch + 1}, by step {step + 1}", self.lr)
            bar.update()
        seconds = time.perf_counter() - start
        row = {"epoch": epoch + 1, **by_name(mean / steps), "beta": self.beta_at(at)}
        return row | {"seconds": seconds, "images_per_second": steps * self.batch / seconds}

    def step(self, images: Tensor, which: Tensor, noise: torch.Generator, at: float) -> Tensor:
        """Take one optimiser step at progress `at` in [0, 1]; return the mean loss, recon and kl of this process's share, (3,)."""
        self.optimizer.param_groups[0]["lr"] = learning_rate(at, self.lr)
        parts = self.losses(images, which, noise, self.beta_at(at))
        self.optimizer.zero_grad()
        self.accelerator.backward(parts.loss.mean())
        limit = self.clip * self.norm
        norm = min(torch.nn.utils.clip_grad_norm_(self.module.parameters(), limit).item(), limit)
        self.norm = norm if self.norm == math.inf else 0.95 * self.norm + 0.05 * norm
        self.optimizer.step()
        return torch.stack([part.detach().mean() for part in parts])

    def note_if_useless(self, model: nn.Module, images: Tensor) -> None:
        """Print a note when reconstructions of training images are no better than the mean image: the decoder ignores its code."""
        nll = getattr(model, "nll", None)
        if self.own_objective or nll is None or self.total < 200:  # too short a run to say
            return
        some = images[:: max(1, len(images) // 1000)]
        found = self.evaluate(some, 1.0)["recon"]
        with torch.no_grad():
            x = to_float(some.to(self.device))
            mean = x.mean(0, keepdim=True).clamp(1e-4, 1 - 1e-4).logit().expand_as(x)
            constant = nll(x, mean).mean().item()
        if found >= constant and first_process():
            print(
                f"Note: the reconstructions are no better than the mean image [recon {found:.1f} nats, mean image {constant:.1f} "
                f"nats]. The decoder ignores its code. Train longer; if this fails, take a lower lr (now {self.lr:g}) or beta."
            )

    @torch.no_grad()
    def evaluate(self, images: Tensor, beta: float) -> dict[str, float]:
        """Return mean loss, recon and kl over held-out images; the noise is the same every time, so that epochs compare."""
        self.module.eval()
        noise, totals = self.noise(0), torch.zeros(3, device=self.device)
        for which in torch.arange(len(images)).split(500):
            parts = self.losses(images, which, noise, beta)
            totals += torch.stack([part.float().sum() for part in parts])
        return by_name(self.accelerator.reduce(totals, "sum") / len(images))


def by_name(totals: Tensor) -> dict[str, float]:
    """Return the three parts of a loss by name, as plain floats."""
    return dict(zip(Loss._fields, totals.tolist(), strict=True))


def stop_if_diverged(values: dict[str, float], when: str, lr: float) -> None:
    """Raise TrainingDiverged, with the usual causes, when one of the values is NaN or infinite."""
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    if bad:
        parts = [name for name in bad if name != "loss"] or bad
        raise TrainingDiverged(
            f"{' and '.join(parts)} became NaN or infinite {when}. The model's weights are now useless; build it anew. Usual "
            f"causes: a learning rate that is too high (lr={lr:g}; try a third of it), or a log of something that reached 0."
        )


def out_of_memory(batch: int, history: History, checkpoint: str | Path | None) -> str:
    """Return the explanation of a training run for which the memory did not suffice."""
    kept = f"{checkpoint} holds the run up to epoch {len(history)}, and the same call goes on from there. "
    return (
        f"the device's memory did not suffice for a batch of {batch} images, in epoch {len(history) + 1}. Free some (shut "
        f"down other notebooks' kernels), or take smaller batches, in a new run: batch={max(1, batch // 2)}. "
        f"{kept if checkpoint and len(history) else ''}The model keeps the weights of its last step; the finished epochs "
        "are in this error's `history`."
    )


def write_checkpoint(path: str | Path, model: nn.Module, loop: Loop, run: dict[str, float | str], history: History) -> None:
    """Write a checkpoint in one step: the file is the old one or the new one, whole. A disk that refuses costs a warning."""
    state = io.BytesIO()
    kept = {"model": model.state_dict(), "optimizer": loop.optimizer.state_dict(), "norm": loop.norm}
    torch.save(kept | {"run": run, "rows": history.rows}, state)
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


def read_checkpoint(path: str | Path | None, model: nn.Module, loop: Loop, run: dict[str, float | str]) -> History:
    """Load a checkpoint and return its history; an empty one where there is none.

    Raises ValueError when the file is damaged, or was written by another run or another architecture.
    """
    if path is None or not Path(path).exists():
        return History()
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at the checksums
            if damaged := archive.testzip():
                raise ValueError(f"{damaged} is damaged")
        state = torch.load(path, map_location="cpu", weights_only=True)
        written, rows = state["run"], state["rows"]
    except Exception as error:  # torch.load raises many kinds
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}); delete it to start anew.") from error
    other = {key: (written.get(key), value) for key, value in run.items() if written.get(key) != value}
    if other:
        words = [f"other {key}" if isinstance(new, str) else f"{key} was {old}, is {new}" for key, (old, new) in other.items()]
        raise ValueError(
            f"{path} belongs to another run ({', '.join(words)}). Use those settings, or another file (on the command line: "
            "another --runs, or --name)."
        )
    try:
        model.load_state_dict(state["model"])
        loop.optimizer.load_state_dict(state["optimizer"])
        loop.norm = state["norm"]
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{path} holds another architecture than this model; use another file.") from error
    return History(rows)
