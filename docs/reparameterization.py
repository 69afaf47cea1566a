"""Draw docs/reparameterization.png, the diagram of question 6 in answers/theory.md: a draw inside the graph, and beside it."""

from pathlib import Path

import torch
from autoencoder import FOLDER, back, box, canvas, drawn_garment, trapezoid, write
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from helpers import pretrained
from helpers.diagrams import DECODER, ENCODER, INK, LATENT, PALE, join
from helpers.models import decode, posterior, reparameterize

RANDOM = "#F6D9A8"  # what is drawn at random


def node(ax: Axes, x: float, y: float, text: str, fill: str = "white", radius: float = 0.42) -> None:
    """Draw a node of the computation graph."""
    ax.add_patch(Circle((x, y), radius, fc=fill, ec=INK, lw=1))
    ax.text(x, y, text, ha="center", va="center", fontsize=12, color=INK)


def image(ax: Axes, x, place: float, y: float, name: str) -> None:
    """Draw an image (1, H, W) with its name over it."""
    extent = (place - 0.55, place + 0.55, y - 0.55, y + 0.55)
    ax.imshow(x[0].numpy(), cmap="gray", vmin=0, vmax=1, extent=extent, zorder=3)
    ax.text(place, y + 0.65, name, ha="center", va="bottom", fontsize=12, color=INK)


def row(ax: Axes, y: float, images, title: str, reparameterized: bool) -> None:
    """Draw one path from image to loss, and the gradients back: to the encoder where the noise is an input, else to z only."""
    image(ax, images[0], 0.85, y, "$x$")
    image(ax, images[1], 11.15, y, r"$\hat{x}$")
    trapezoid(ax, 1.9, 3.6, y, (0.85, 0.5), ENCODER, "encoder")
    trapezoid(ax, 8.35, 10.05, y, (0.5, 0.85), DECODER, "decoder")
    node(ax, 4.75, y + 0.75, r"$\mu$")
    node(ax, 4.75, y - 0.75, r"$\sigma$")
    box(ax, 13.05, y, 1.1, "recon")
    for left, right in ((1.5, 1.85), (7.75, 8.3), (10.1, 10.55), (11.75, 12.45)):
        join(ax, (left, y), (right, y))
    for sign in (1, -1):
        join(ax, (3.65, y + 0.2 * sign), (4.3, y + 0.6 * sign))
        join(ax, (5.17, y + 0.68 * sign), (6.2, y + 0.22 * sign))
    if reparameterized:
        box(ax, 6.97, y, 1.45, r"$z = \mu + \sigma\,\varepsilon$", 0.7)
        node(ax, 6.97, y - 1.4, r"$\varepsilon$", RANDOM)
        join(ax, (6.97, y - 0.97), (6.97, y - 0.4))
        noise = r"$\varepsilon \sim \mathcal{N}(0, I)$: an input, needs no gradient"
        ax.text(7.5, y - 1.4, noise, va="center", fontsize=9.5, color=PALE)
    else:
        box(ax, 6.97, y, 1.45, r"$z \sim \mathcal{N}(\mu, \sigma^2)$", 0.7)
        ax.patches[-1].set_facecolor(RANDOM)
    back(ax, (12.9, y + 0.4), (9.5, y + 0.9), bend=0.25)
    back(ax, (8.8, y + 0.72), (7.4, y + 0.45), bend=0.25)
    for sign in (1, -1):
        tint = LATENT if reparameterized else "#BBBBBB"
        back(ax, (6.35, y + 0.45 * sign), (5.2, y + 0.95 * sign), tint, 0.2 * sign)
        back(ax, (4.4, y + 1.0 * sign), (3.3, y + 0.72 * sign), tint, 0.2 * sign)
        if not reparameterized:
            ax.text(5.85, y + 0.78 * sign, "✕", ha="center", va="center", fontsize=15, color=LATENT, weight="bold")
    if reparameterized:
        ax.text(5.98, y + 1.0, r"$\partial z / \partial \mu = 1$", ha="left", va="center", fontsize=9.5, color=LATENT)
        ax.text(5.45, y - 1.2, r"$\partial z / \partial \sigma = \varepsilon$", ha="left", va="center", fontsize=9.5, color=LATENT)
    ax.text(0.3, y + 1.72, title, ha="left", va="center", fontsize=12, color=INK, weight="bold")


def main(folder: Path = FOLDER) -> Path:
    """Write the figure and return its path."""
    model = pretrained.load("fashion_vae")
    x = drawn_garment()[None]
    z = reparameterize(*posterior(model, x), torch.Generator().manual_seed(1))
    images = x[0], decode(model, z)[0]
    ax = canvas(14, 7.6, 0.68)
    row(ax, 1.95, images, "Before: the draw stands in the way", reparameterized=False)
    row(ax, -1.65, images, "After: the noise is an input", reparameterized=True)
    ax.text(13.6, 3.67, "solid: values   dashed: gradients   shaded: random", ha="right", va="center", fontsize=9.5, color=PALE)
    return write(ax, Path(folder) / "reparameterization.png", (0, 14), (-3.65, 3.95))


if __name__ == "__main__":
    print(main())
