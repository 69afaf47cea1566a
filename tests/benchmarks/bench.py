"""Speed of the course's training loop beside its peers, in one table: `make bench`, or `make bench QUICK=1` for minutes.

Every number is a ratio within one run, or comes with its peer's: runs take turns, from the same weights, with the same
objective, ½ Σ (x − x_hat)² + KL per image. Nothing here is a test; tests/test_benchmarks.py runs each part once.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from helpers import fidelity, latent, models, pretrained, settings
from helpers.data import load, to_float
from helpers.models import ModelConfig, build
from helpers.training import bfloat16_pays, fit
from helpers.widgets import LatentSliders

CONFIG = ModelConfig("vae", "conv", (3, 32, 32), latent=64, widths=(32, 64, 128), likelihood="gaussian")
FACES = ModelConfig("vae", "conv", (3, 64, 64), latent=64, widths=(32, 64, 128, 256))
BATCH = 128


@dataclass(frozen=True)
class Size:
    """How much is measured: images to train on and held out, the peer's epochs, steps a turn, turns, slider moves."""

    train: int = 50_000
    held_out: int = 10_000
    epochs: int = 10
    steps: int = 100
    turns: int = 5
    moves: int = 500


QUICK = Size(train=10_000, held_out=2_000, steps=40, turns=3, moves=200)


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, what came out, and whether a goal was set and met."""

    what: str
    found: str
    goal: str = ""
    met: bool | None = None


def device() -> torch.device:
    """Return where `fit` trains."""
    return torch.device("cuda" if torch.cuda.is_available() and not settings.processor_only() else "cpu")


def now() -> float:
    """Return the time in seconds, once a GPU is done with its work."""
    if device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(work: Callable[[], object], times: int) -> float:
    """Return the median time of one call, after one that does not count."""
    work()
    stamps = [now()]
    for _ in range(times):
        work()
        stamps.append(now())
    return statistics.median(after - before for before, after in pairwise(stamps))


def cost(model: torch.nn.Module, images: Tensor) -> float:
    """Return ½ SSE + KL per held-out image, in nats: the Gaussian −ELBO at sigma 1 without its constant."""
    return models.evaluate(model, images)["loss"] - images[0].numel() * 0.5 * math.log(2 * math.pi)


def peer(images: Tensor, epochs: int, config: ModelConfig | None = None) -> tuple[float, torch.nn.Module]:
    """Train the same network by pythae's own trainer (Adam 1e-3, "mse": a Gaussian of sigma 1); return its seconds, and it."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    config = config or CONFIG
    ours = build(config, seed=0)

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.trunk, self.to_mu, self.to_logvar = ours.trunk, ours.to_mu, ours.to_logvar

        def forward(self, x):
            features = self.trunk(x)
            return ModelOutput(embedding=self.to_mu(features), log_covariance=self.to_logvar(features))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.decoder = ours.decoder

        def forward(self, z):
            return ModelOutput(reconstruction=torch.sigmoid(self.decoder(z)))

    theirs = VAE(VAEConfig(input_dim=config.shape, latent_dim=config.latent, reconstruction_loss="mse"), Encoder(), Decoder())
    logging.disable(logging.WARNING)  # its trainer reports on itself
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        plan = BaseTrainerConfig(folder, per_device_train_batch_size=BATCH, num_epochs=epochs, learning_rate=1e-3,
                                 no_cuda=device().type == "cpu", seed=0)  # fmt: skip
        trainer = BaseTrainer(theirs, BaseDataset(to_float(images), torch.zeros(len(images))), training_config=plan)
        trainer.prepare_training()
        start = time.perf_counter()
        for epoch in range(1, epochs + 1):  # what its train() does, without its copies of the model and its files
            trainer.train_step(epoch)
        taken = now() - start
    logging.disable(logging.NOTSET)
    trained = trainer.model  # its optimiser works on the modules in place
    ours.trunk, ours.to_mu, ours.to_logvar = trained.encoder.trunk, trained.encoder.to_mu, trained.encoder.to_logvar
    ours.decoder = trained.decoder.decoder
    return taken, ours.cpu().eval()


def time_to_the_peers_elbo(train: Tensor, held_out: Tensor, size: Size) -> list[Row]:
    """Compare the time of the peer's epochs with that of our shortest schedule that ends at least as low, held out."""
    try:
        theirs, network = peer(train, size.epochs)
    except ImportError:
        return [Row("time to pythae's ELBO", "pythae is not installed: pip install -e '.[bench]'", "≥ 4×")]
    target = cost(network, held_out)
    for epochs in range(1, size.epochs + 1):
        model = build(CONFIG, seed=0)
        start = time.perf_counter()
        fit(model, train, epochs=epochs, batch=BATCH, lr=4e-3, seed=0, progress=False)
        ours, reached = time.perf_counter() - start, cost(model, held_out)
        if reached <= target:
            break
    told = f"pythae {target:.2f} nats in {theirs:.0f} s ({size.epochs} epochs); fit {reached:.2f} in {ours:.0f} s ({epochs})"
    ratio = theirs / ours
    return [Row("time to pythae's held-out ½SSE + KL", f"{ratio:.1f}×: {told}", "≥ 4×", reached <= target and ratio >= 4)]


def samples_beside_the_peers(train: Tensor, held_out: Tensor) -> list[Row]:
    """Compare samples of the shipped conv VAE, one for each held-out image, with those of the peer's: same network and epochs."""
    card = pretrained.card("cifar10_conv_vae")
    epochs = card["recipe"]["epochs"]
    _, network = peer(train, epochs, ModelConfig(**card["config"]))
    z = latent.prior_samples(len(held_out), network.config.latent, torch.Generator().manual_seed(0))
    pair = (pretrained.load("cifar10_conv_vae"), network)
    ours, theirs = (fidelity.frechet_distance(models.decode(model, z), held_out).value for model in pair)
    told = f"{ours / theirs:.2f}: {ours:.1f} against {theirs:.1f} ({epochs} epochs, {len(held_out):,} samples)"
    return [Row("squared Fréchet distance of samples, shipped conv VAE over pythae's", told, "≤ 0.7", ours <= 0.7 * theirs)]


def plain_loop(images: Tensor, steps: int) -> float:
    """Return images per second of the loop that every tutorial shows: DataLoader, float32, Adam."""
    model = build(CONFIG, seed=0).to(device()).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = iter(DataLoader(TensorDataset(to_float(images)), batch_size=BATCH, shuffle=True, drop_last=True))
    start = now()
    for _, (x,) in zip(range(steps), batches, strict=False):
        x = x.to(device())
        loss = model.loss(x, model(x)).loss.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return steps * BATCH / (now() - start)


def our_loop(images: Tensor, steps: int, bfloat16: bool | None = None) -> float:
    """Return images per second of `fit`."""
    history = fit(build(CONFIG, seed=0), images, epochs=1, max_steps=steps, batch=BATCH, seed=0, bfloat16=bfloat16, progress=False)
    return history.last["images_per_second"]


def throughput(train: Tensor, size: Size) -> list[Row]:
    """Compare `fit` with the plain loop in turns, with what the machine's matrix products could do, and with its data."""
    steps = min(size.steps, len(train) // BATCH)
    turns = [(our_loop(train, steps), plain_loop(train, steps)) for _ in range(size.turns)]
    ratio = statistics.median(a / b for a, b in turns)
    ours, plain = (statistics.median(side) for side in zip(*turns, strict=True))
    peak, share = matmul_peak(), flops_an_image() * ours / (peaked := matmul_peak())
    data = data_seconds(train, size.turns * 20) / (BATCH / ours)
    return [
        Row("images/s of fit over a plain DataLoader loop", f"{ratio:.2f}×: {ours:,.0f} against {plain:,.0f}", "≥ 2×", ratio >= 2),
        Row("share of the measured matmul peak", f"{share:.0%} of {max(peak, peaked) / 1e9:,.0f} GFLOP/s ({precision_of_fit()})"),
        Row("data share of a training step", f"{data:.1%}", "< 3 %", data < 0.03),
    ]


def precision(train: Tensor, size: Size) -> list[Row]:
    """Compare bfloat16 with float32, in a large matrix product and in a training step, where `fit` uses bfloat16."""
    if precision_of_fit() == "float32":
        return [Row("bfloat16 over float32", "not used here: this processor multiplies float32 as fast")]
    steps = min(size.steps, len(train) // BATCH)
    product = statistics.median(matmul_peak() / matmul_peak(kind="float32") for _ in range(size.turns))
    turns = (our_loop(train, steps) / our_loop(train, steps, bfloat16=False) for _ in range(size.turns))
    return [Row("bfloat16 over float32", f"{product:.1f}× in a matrix product, {statistics.median(turns):.1f}× in a training step")]


def precision_of_fit() -> str:
    """Return the precision in which `fit` multiplies here."""
    return "bfloat16" if bfloat16_pays(device()) else "float32"


def matmul_peak(kind: str | None = None) -> float:
    """Return the floating-point operations per second of a large matrix product in a precision (default: that of `fit`)."""
    side = 2048
    a = torch.randn(side, side, device=device(), dtype=getattr(torch, kind or precision_of_fit()))
    return 2 * side**3 / seconds(lambda: a @ a, 5)


def flops_an_image() -> float:
    """Return the floating-point operations of convolutions and matrix products in one image's share of a training step."""
    model, x = build(CONFIG, seed=0), torch.rand(2, *CONFIG.shape)
    with FlopCounterMode(display=False) as counter:
        model.loss(x, model(x)).loss.mean().backward()
    return counter.get_total_flops() / 2


def data_seconds(images: Tensor, times: int) -> float:
    """Return the time in which a batch is taken, moved and made ready, as in `fit`."""
    order = torch.randperm(len(images))

    def take() -> None:
        which = order[torch.randint(len(images) - BATCH + 1, ()).item() :][:BATCH]
        to_float(images[which].to(device())).contiguous(memory_format=torch.channels_last)

    return seconds(take, times)


def memory(train: int) -> list[Row]:
    """Return the most memory that a process needs to train, PyTorch itself and the images included."""
    found = subprocess.run(
        [sys.executable, __file__, "--memory", str(train)], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    whole, before = (float(word) for word in found.stdout.split()[-2:])
    what = "peak memory of fit" + (" on the GPU" if device().type == "cuda" else "")
    return [Row(what, f"{whole:,.0f} MB" + (f", of which {before:,.0f} MB before the first step" if before else ""))]


def measure_memory(train: int) -> None:
    """Print this process's peak memory after a few steps of `fit`, and before them, in MB."""
    images = load("cifar10", "train", quiet=True).images[:train]
    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, kilobytes elsewhere
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    fit(build(CONFIG), images, epochs=1, max_steps=5, batch=min(BATCH, len(images)), progress=False)
    if device().type == "cuda":
        print(torch.cuda.max_memory_allocated() / 1e6, 0)
    else:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, before)


def slider(moves: int) -> list[Row]:
    """Measure a move of a slider, from value to encoded image, on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        sliders, taken, computed = LatentSliders(build(FACES, seed=0)), [], []
        for move in range(moves + 5):
            start, cpu = time.perf_counter(), time.process_time()
            sliders.move(move % 8, 3 * math.sin(move))
            computed.append(1e3 * (time.process_time() - cpu))
            taken.append(1e3 * (time.perf_counter() - start))
    finally:
        torch.set_num_threads(threads)
    late, work = (sorted(times[5:])[int(0.95 * moves)] for times in (taken, computed))
    told = f"{late:.1f} ms (95th percentile; {work:.1f} ms of computing: the rest is waiting for the core)"
    return [Row("slider step, value to JPEG, 64×64 model, one core", told, "≤ 16 ms", late <= 16)]


def table(rows: list[Row]) -> str:
    """Return the rows as one table in Markdown."""
    verdicts = {None: "", True: "✔", False: "✘"}
    lines = [("measured", "found", "goal", ""), ("---",) * 4]
    lines += [(row.what, row.found, row.goal, verdicts[row.met]) for row in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def measure(size: Size) -> list[Row]:
    """Measure everything."""
    train, held_out = load("cifar10", "train").images[: size.train], load("cifar10", "test").images[: size.held_out]
    size = replace(size, train=len(train), held_out=len(held_out))
    rows = [*throughput(train, size), *precision(train, size), *memory(size.train), *slider(size.moves)]
    return [*time_to_the_peers_elbo(train, held_out, size), *rows]


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer images and turns: minutes rather than a quarter of an hour")
    parser.add_argument("--samples", action="store_true", help="only: samples beside the peer's, 30 epochs (half an hour)")
    parser.add_argument("--memory", type=int, metavar="N", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    warnings.simplefilter("ignore")
    if arguments.memory:
        return measure_memory(arguments.memory)
    where = torch.cuda.get_device_name() if device().type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, {where}, {precision_of_fit()}, {models.parameter_count(build(CONFIG)):,} parameters")
    if arguments.samples:
        return print(table(samples_beside_the_peers(load("cifar10", "train").images, load("cifar10", "test").images)))
    print(table(measure(QUICK if arguments.quick else Size())))


if __name__ == "__main__":
    main()
