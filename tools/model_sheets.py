"""Sheets of the images of a model: a model with its held-out codes goes in, labelled PNG files come out."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import figures, latent, models, pretrained, settings
from helpers.data import DataError, Dataset
from helpers.files import write_atomically
from helpers.models import VAE, LatentModel
from helpers.pretrained import Codes

SHOWN = 1400  # pixels that a sheet is wide, about: an image is enlarged by a whole factor
SAMPLES, CORNERS = 64, 8  # images of a sample sheet; side of an interpolation sheet


def draw(name: str, weights: Path, out: Path, images: Dataset | None = None) -> list[Path]:
    """Write the sheets of a model (reconstructions where images are given) as OUT/NAME-….png, and return their paths.

    Raises DataError when there is no such model, or it has no decoder.
    """
    model = pretrained.load(name, weights)
    if not isinstance(model, LatentModel):
        raise DataError(f"{name} is a network that recognises images; it draws none.")
    codes = pretrained.codes(name, weights)
    with plt.style.context(figures.STYLE):
        sheets = {"samples": samples(model)} if isinstance(model, VAE) else {}
        sheets |= {part.__name__: part(model, codes) for part in (mixture, interpolation, traversal)}
        if images is not None:
            sheets["reconstructions"] = reconstructions(model, images)
        return [write_sheet(ax, Path(out) / f"{name}-{kind}.png") for kind, ax in sheets.items()]


def samples(model: VAE) -> Axes:
    """Draw 64 samples from the prior."""
    z = latent.prior_samples(SAMPLES, model.config.latent, settings.generator())
    return figures.image_grid(models.decode(model, z), 8, "Samples from the prior N(0, I)")


def mixture(model: LatentModel, codes: Codes) -> Axes:
    """Draw 64 samples from a mixture of a normal for every 200 held-out codes, 10 at most, fitted to samples of the posteriors."""
    parts, generator = max(1, min(10, len(codes) // 200)), settings.generator(1)
    points = codes.mu
    if codes.logvar is not None:
        points = latent.aggregate_samples(codes.mu, codes.logvar, max(len(codes), 2000), generator)
    z = latent.mixture_samples(latent.fit_mixture(points, parts, settings.seed()), SAMPLES, generator)
    kind = "a normal distribution" if parts == 1 else f"a mixture of {parts}"
    return figures.image_grid(models.decode(model, z), 8, f"Samples from {kind} fitted to {len(codes):,} held-out codes")


def interpolation(model: LatentModel, codes: Codes) -> Axes:
    """Draw a grid between four held-out codes, one in each corner."""
    corners = codes.mu[torch.randperm(len(codes), generator=settings.generator(2))[:4]]
    images = models.decode(model, latent.corner_grid(corners, CORNERS))
    return figures.image_grid(images, CORNERS, "Between four held-out images, one in each corner")


def traversal(model: LatentModel, codes: Codes) -> Axes:
    """Draw a held-out code with one latent in each row moved from −3 to 3: the eight with most KL (autoencoder: deviation)."""
    z, middle, spread = codes.mu[0], codes.mu.mean(0), codes.mu.std(0)
    used, unit, title = spread, "", "Each row: one latent, −3 to 3 standard deviations; the largest first"
    if codes.logvar is not None:
        middle, spread = torch.zeros_like(middle), torch.ones_like(spread)
        used, unit = latent.kl_per_latent(codes.mu, codes.logvar), " nats"
        title = "Each row: one latent from −3 to 3; those with the highest KL first"
    values, strips = torch.linspace(-3, 3, 9), {}
    for dim in used.argsort(descending=True, stable=True)[:8].tolist():
        path = latent.traversal(z, dim, middle[dim] + spread[dim] * values)
        strips[f"z{dim + 1}: {used[dim]:.1f}{unit}"] = models.decode(model, path)
    return figures.image_rows(strips, title)


def reconstructions(model: LatentModel, images: Dataset) -> Axes:
    """Draw ten held-out images over their reconstructions."""
    x = images.images[:10]
    return figures.image_rows({"held out": x, "reconstructed": models.reconstruct(model, x)}, "Held-out images and reconstructions")


def write_sheet(ax: Axes, path: Path) -> Path:
    """Write a sheet as a PNG file in which a pixel of its images is a whole number of pixels; return its path."""
    figure, width = ax.figure, ax.images[0].get_size()[1]
    assert isinstance(figure, Figure)
    ax.images[0].set_interpolation("nearest")
    figure.canvas.draw()  # computes the layout, which then must not move
    figure.set_layout_engine("none")
    inches = ax.get_window_extent().width / figure.dpi
    dpi = max(1, round(SHOWN / width)) * width / inches
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=dpi, bbox_inches="tight"))
    plt.close(figure)
    return path
