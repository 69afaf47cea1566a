"""Draw a model as a diagram: an Autoencoder or VAE goes in, its own layers and sizes come out, an image passing through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, Polygon, Rectangle
from torch import Tensor, nn

from helpers.figures import axes, to_unit
from helpers.models import VAE, LatentModel, codes, decode, device_of

INK, PALE = "#333333", "#777777"
ENCODER, DECODER, LATENT = "#0072B2", "#009E73", "#D55E00"
STEP = 1.25  # from one layer to the next


@dataclass(frozen=True)
class Box:
    """One box of the diagram: the shape of a layer's output, (n,) or (C, H, W), and the layer's name."""

    shape: tuple[int, ...]
    layer: str

    @property
    def label(self) -> str:
        """The shape as one writes it: 512, or 64×7×7."""
        return "×".join(map(str, self.shape))

    @property
    def height(self) -> float:
        """How tall the box is drawn: by the logarithm of a vector's size, by the side of a feature map."""
        return 0.28 * math.log2(self.shape[0] + 1) if len(self.shape) == 1 else 0.35 + 2.6 * (self.shape[1] / 32) ** 0.6


def blocks(part: nn.Module, x: Tensor) -> list[Box]:
    """Return one box for each layer with weights that x passes through, in order."""
    found: list[Box] = []
    names = {nn.Linear: "Linear", nn.Conv2d: "Conv", nn.ConvTranspose2d: "Convᵀ"}

    def keep(layer: nn.Module, _, output: Tensor) -> None:
        found.append(Box(tuple(output.shape[1:]), names[type(layer)]))

    hooks = [layer.register_forward_hook(keep) for layer in part.modules() if type(layer) in names]
    try:
        with torch.no_grad():
            part(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def architecture(model: LatentModel, image: Tensor, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw a model from its own layers, with an image (C, H, W) going in and its reconstruction coming out."""
    device = device_of(model)
    encoder = blocks(model.trunk, torch.zeros(1, *model.config.shape, device=device))
    decoder = blocks(model.decoder, torch.zeros(1, model.config.latent, device=device))[:-1]  # the last gives the image
    x = to_unit(image)[None]
    x_hat = decode(model, codes(model, x))
    ax = axes(ax, 9, 3.4)
    reading = [2.7 + STEP * i for i in range(len(encoder))]
    z = latent(ax, model, reading[-1] + 1.35)
    drawing = [z + 1.35 + STEP * i for i in range(len(decoder))]
    end = drawing[-1] + 1.75
    draw_image(ax, x[0], 0.9, "x")
    draw_image(ax, x_hat[0], end, r"$\hat{x}$")
    side(ax, encoder, reading, ENCODER, "encoder")
    side(ax, decoder, drawing, DECODER, "decoder")
    for left, right in (*pairwise([1.45, *reading]), *pairwise([*drawing, end - 0.6])):
        join(ax, (left + 0.25, 0), (right - 0.25, 0))
    ax.set_axis_off()
    ax.set(xlim=(-0.1, end + 1.0), ylim=(-2.35, 2.35), aspect="equal", title=title)
    return ax


def draw_image(ax: Axes, x: Tensor, centre: float, name: str) -> None:
    """Draw an image (C, H, W) with its name above and its size below."""
    array = x.permute(1, 2, 0).squeeze(-1).numpy()
    ax.imshow(array, cmap="gray", vmin=0, vmax=1, extent=(centre - 0.75, centre + 0.75, -0.75, 0.75), zorder=3)
    ax.text(centre, 1.0, name, ha="center", va="bottom", fontsize=13, color=INK)
    ax.text(centre, -0.95, "×".join(map(str, x.shape)), ha="center", va="top", fontsize=9, color=INK)


def side(ax: Axes, layers: list[Box], places: list[float], tint: str, name: str) -> None:
    """Draw the layers of the encoder or the decoder, with its name over them; a label that would touch the last one goes lower."""
    lines: list[float] = []
    for box, place in zip(layers, places, strict=True):
        if len(box.shape) == 1:
            ax.add_patch(Rectangle((place - 0.13, -box.height / 2), 0.26, box.height, fc=tint, ec="white", lw=0.5, alpha=0.9))
        else:
            sheets, half = max(2, round(math.log2(box.shape[0])) - 1), box.height / 2  # more for more channels
            for shift in (0.05 * (sheets / 2 - k) for k in range(sheets)):
                left, right = place + shift - 0.18, place + shift + 0.1
                corners = [(left, -half), (right, -half + 0.18), (right, half + 0.1), (left, half - 0.08)]
                ax.add_patch(Polygon(corners, closed=True, fc=tint, ec="white", lw=0.6, alpha=0.9))
        low = -box.height / 2 - (0.16 if len(box.shape) == 1 else 0.3)
        if lines and abs(low - lines[-1]) < 0.6 and len(box.label) > 6:
            low = lines[-1] - 0.62
        lines.append(low)
        ax.text(place, low, box.label, ha="center", va="top", fontsize=9, color=INK)
        ax.text(place, low - 0.3, box.layer, ha="center", va="top", fontsize=7.5, color=PALE)
    if places:
        ax.text(sum(places) / len(places), 2.1, name, ha="center", va="center", fontsize=12, color=tint, weight="bold")


def latent(ax: Axes, model: LatentModel, place: float) -> float:
    """Draw the latent code: one column for an autoencoder; mu and log σ² meeting in z for a VAE. Returns z's place."""
    size, z = model.config.latent, place
    if not isinstance(model, VAE):
        join(ax, (place - 1.1, 0), (place - 0.25, 0))
    else:
        z = place + 1.5
        for y, name in ((0.95, r"$\mu$"), (-0.95, r"$\log\,\sigma^2$")):
            column(ax, place, y, size, name)
            join(ax, (place - 1.1, 0.1 * y), (place - 0.25, y))
            join(ax, (place + 0.25, y), (z - 0.22, 0.15 * y))
        ax.text(z, -1.75, r"$z = \mu + \sigma\,\varepsilon$", ha="center", va="center", fontsize=9.5, color=INK)
        ax.text(z, -2.1, r"$\varepsilon \sim N(0, I)$", ha="center", va="center", fontsize=9, color=PALE)
        join(ax, (z, -1.55), (z, -0.9), PALE)
    column(ax, z, 0, size, "z")
    join(ax, (z + 0.25, 0), (z + 1.1, 0))
    ax.text((place + z) / 2, 2.1, "latent space", ha="center", va="center", fontsize=12, color=LATENT, weight="bold")
    return z


def join(ax: Axes, start: tuple[float, float], end: tuple[float, float], tint: str = INK) -> None:
    """Draw an arrow between two points."""
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=tint, lw=1, shrinkA=0, shrinkB=0))


def column(ax: Axes, place: float, y: float, count: int, name: str) -> None:
    """Draw a small column of latent numbers as dots, at most four of them, with its name above and its size below."""
    shown = min(count, 4)
    for k in range(shown):
        ax.add_patch(Circle((place, y + 0.24 * ((shown - 1) / 2 - k)), 0.11, fc=LATENT, ec="white", lw=0.5))
    half = 0.12 * shown
    ax.text(place, y + half + 0.05, name, ha="center", va="bottom", fontsize=11, color=INK)
    ax.text(place, y - half - 0.05, str(count), ha="center", va="top", fontsize=9, color=INK)
