"""Draw docs/autoencoder.png, the diagram of question 5 in answers/theory.md: a drawn garment, encoded and decoded."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon
from torch import Tensor

import standins
from helpers import figures, pretrained
from helpers.data import to_float
from helpers.diagrams import DECODER, ENCODER, INK, LATENT, PALE, blocks, column, draw_image, join
from helpers.models import LatentModel, codes, decode

FOLDER = Path(__file__).parent
GARMENT = 13  # a boot of the drawn wardrobe


def drawn_garment() -> Tensor:
    """Return one drawn garment (1, 28, 28) in [0, 1]: never a real image, whatever data this machine has."""
    return to_float(standins.generate("fashion", "test", GARMENT + 1, 0).images[GARMENT])


def sizes(model: LatentModel) -> tuple[str, str]:
    """Return how many numbers the layers of encoder and decoder hold, as "784 → 512 → …"."""
    reading = [b.label for b in blocks(model.trunk, torch.zeros(1, *model.config.shape))]
    drawing = [b.label for b in blocks(model.decoder, torch.zeros(1, model.config.latent))]
    pixels, latent = str(torch.Size(model.config.shape).numel()), str(model.config.latent)
    return " → ".join([pixels, *reading, latent]), " → ".join([latent, *drawing])


def trapezoid(ax: Axes, left: float, right: float, y: float, heights: tuple[float, float], tint: str, text: str) -> None:
    """Draw a network as a trapezoid between two half heights, with its name in it."""
    first, last = heights
    corners = [(left, y - first), (left, y + first), (right, y + last), (right, y - last)]
    ax.add_patch(Polygon(corners, closed=True, fc=tint, ec="none", alpha=0.9))
    ax.text((left + right) / 2, y, text, ha="center", va="center", fontsize=11.5, color="white", linespacing=1.5)


def box(ax: Axes, x: float, y: float, width: float, text: str, height: float = 0.62) -> None:
    """Draw a rounded box with a line of text in it, centred at a place."""
    style = "round,pad=0,rounding_size=0.12"
    ax.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle=style, fc="#F4F4F4", ec=INK, lw=1))
    ax.text(x, y, text, ha="center", va="center", fontsize=10.5, color=INK)


def back(ax: Axes, start: tuple[float, float], end: tuple[float, float], tint: str = LATENT, bend: float = 0.0) -> None:
    """Draw the dashed arrow of a gradient."""
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 11, "lw": 1.3, "ls": (0, (4, 2)), "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, end, color=tint, connectionstyle=f"arc3,rad={bend}", **style))


def canvas(width: float, height: float, scale: float = 0.72) -> Axes:
    """Return empty axes of so many units, without margins, an equal unit in both directions."""
    figures.use_style()
    ax = plt.figure(figsize=(width * scale, height * scale), layout="none").add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    return ax


def write(ax: Axes, path: Path, x: tuple[float, float], y: tuple[float, float]) -> Path:
    """Write the figure, showing the given part of the plane, and return its path."""
    ax.set(xlim=x, ylim=y, aspect="equal")
    plt.savefig(path, dpi=150)
    plt.close()
    return path


def main(folder: Path = FOLDER) -> Path:
    """Write the figure and return its path."""
    model = pretrained.load("fashion_ae")
    x = drawn_garment()[None]
    reading, drawing = sizes(model)
    ax = canvas(13.4, 5.2)
    draw_image(ax, x[0], 1.0, "input $x$")
    draw_image(ax, decode(model, codes(model, x))[0], 11.8, r"reconstruction $\hat{x}$")
    trapezoid(ax, 2.5, 4.9, 0, (1.45, 0.5), ENCODER, "encoder\n$z = E(x)$")
    trapezoid(ax, 7.9, 10.3, 0, (0.5, 1.45), DECODER, "decoder\n$\\hat{x} = D(z)$")
    column(ax, 6.4, 0, model.config.latent, "")
    ax.text(6.4, 0.55, "latent code  $z$", ha="center", va="bottom", fontsize=12, color=LATENT, weight="bold")
    ax.text(6.4, -0.66, "latent space: the bottleneck", ha="center", va="top", fontsize=9.5, color=PALE)
    for place, text in ((3.7, reading), (9.1, drawing)):
        ax.text(place, 1.72, text, ha="center", va="bottom", fontsize=9.5, color=INK)
    for left, right in ((1.85, 2.42), (5.0, 6.15), (6.65, 7.82), (10.4, 10.97)):
        join(ax, (left, 0), (right, 0))
    box(ax, 6.4, -2.35, 4.3, r"loss: how far is $\hat{x}$ from $x$?")
    for place, side in ((1.0, 4.22), (11.8, 8.58)):
        ax.plot([place, place], [-1.3, -2.35], color=INK, lw=1, solid_capstyle="butt")
        join(ax, (place, -2.35), (side, -2.35))
    back(ax, (8.4, -2.0), (9.1, -1.1))
    back(ax, (8.3, -0.75), (4.5, -0.75), bend=-0.2)
    ax.text(6.4, -1.47, "gradients flow back through $D$, $z$ and $E$", ha="center", va="center", fontsize=9.5, color=LATENT)
    return write(ax, Path(folder) / "autoencoder.png", (-0.3, 13.1), (-2.85, 2.35))


if __name__ == "__main__":
    print(main())
