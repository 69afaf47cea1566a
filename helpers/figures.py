"""Every kind of figure in the course: tensors go in, drawn axes come out, new ones where `ax` is None; images are one sheet."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageChops
from torch import Tensor

from helpers.data import to_float

STYLE = Path(__file__).parent / "course.mplstyle"
DPI = 100  # screen pixels per inch of a figure
WAYS = ((2, 92), (1.5, 92), (1, 92), (1, 80))  # pixels of the file per screen pixel, each way; quality of a JPEG
LIMIT = 12_000  # bytes of a stored figure, where that can be had: a page with a dozen of them stays below 500 KB
PAGE, LARGE = 780, 128  # screen pixels: width of a page, width of an image
SHEET = {1: 780 * 300, 3: 780 * 110}  # screen pixels: area of a sheet, by channels, since colour costs most bytes


def use_style() -> None:
    """Give the figures of this session the course's look, and store them in a notebook at a fraction of their usual size."""
    plt.style.use(STYLE)
    shell = get_ipython()
    if shell is not None:
        plt.close(plt.figure())  # the first figure sets the notebook's own formatter, which the next lines replace
        for form in ("PNG", "JPEG"):
            formatter = shell.display_formatter.formatters[f"image/{form.lower()}"]
            formatter.for_type(Figure, lambda figure, form=form: compact(figure, form))


def compact(figure: Figure, form: str) -> tuple[bytes, dict[str, int]] | None:
    """Return a figure as "JPEG", if it shows colour images, or else "PNG" with few colours, and its size; None for the other form.

    Of the ways to store it, from the finest on, the first below LIMIT bytes counts, else the smallest.
    """
    coloured = any(np.asarray(image.get_array()).ndim == 3 for ax in figure.axes for image in ax.images)
    if (form == "JPEG") != coloured:
        return None
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", dpi=2 * DPI)
    whole = Image.open(buffer).convert("RGB")
    width, height = whole.width // 2, whole.height // 2
    smallest = b""
    for density, quality in WAYS:
        size = round(density * width), round(density * height)
        data = encoded(whole.resize(size, Image.Resampling.LANCZOS) if density < 2 else whole, form, quality)
        smallest = min(smallest or data, data, key=len)
        if len(smallest) <= LIMIT:
            break
    return smallest, {"width": width, "height": height}


def encoded(image: Image.Image, form: str, quality: int) -> bytes:
    """Return an image as a "JPEG" of this quality, or as a "PNG" of 64 colours, or of 32 greys where it has no colour."""
    buffer = io.BytesIO()
    if form == "JPEG":
        image.save(buffer, form, quality=quality, optimize=True, progressive=True)
        return buffer.getvalue()
    grey = not ImageChops.difference(image, image.convert("L").convert("RGB")).getbbox()
    colours = 32 if grey else 64
    image.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(buffer, form, optimize=True)
    return buffer.getvalue()


def axes(ax: Axes | None, width: float = 7, height: float = 3.2) -> Axes:
    """Return `ax`, or the axes of a new figure of this size in inches."""
    return plt.subplots(figsize=(width, height))[1] if ax is None else ax


def tile(images: Tensor, columns: int, gap: int = 1) -> np.ndarray:
    """Return images (N, C, H, W), uint8 or in [0, 1], as one sheet (rows·H + gaps, columns·W + gaps, C) in [0, 1], on white."""
    if images.ndim != 4 or not len(images):
        alone = "; one alone is passed as it[None]" if images.ndim == 3 else ""
        raise ValueError(f"images to draw must be (N, C, H, W) with N of 1 or more, not {tuple(images.shape)}{alone}.")
    images = to_unit(images).clamp(0, 1)
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    sheet = torch.ones(channels, rows * (height + gap) - gap, columns * (width + gap) - gap)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[:, top : top + height, left : left + width] = image
    return sheet.permute(1, 2, 0).numpy()


def show(sheet: np.ndarray, ax: Axes) -> Axes:
    """Draw one image (H, W, C) in [0, 1] without ticks or frame: antialiased where it shrinks; enlarged, colours are smooth."""
    grey, pixels = sheet.shape[-1] == 1, ax.get_position().width * ax.figure.bbox.width
    enlarged = "nearest" if pixels >= sheet.shape[1] else "antialiased"
    ax.imshow(sheet.squeeze(-1) if grey else sheet, cmap="gray", vmin=0, vmax=1, interpolation=enlarged if grey else "bicubic")
    ax.set_axis_off()
    return ax


def fitting(images: Tensor, columns: int, room: float = PAGE) -> float:
    """Return how many screen pixels wide to draw each image (N, C, H, W): what fits, up to LARGE, and at least its own W."""
    count, channels, _, width = images.shape
    pixels = max(width, min(LARGE, room / columns, math.sqrt(SHEET[channels] / count)))
    return pixels // (width / 2) * (width / 2) if channels == 1 else pixels  # grey: whole pixels of a screen of double density


def sheet_axes(sheet: np.ndarray, scale: float, title: str, left: float = 0) -> Axes:
    """Return the axes of a new figure that draws each pixel of a sheet (H, W, C) `scale` screen pixels wide."""
    high, wide = (scale * side / DPI for side in sheet.shape[:2])
    figure = plt.figure(figsize=(left + wide, high + 0.4 * bool(title)), layout="none")
    return figure.add_axes((left / figure.get_figwidth(), 0, wide / figure.get_figwidth(), high / figure.get_figheight()))


def image_grid(images: Tensor, columns: int = 10, title: str = "", ax: Axes | None = None, pixels: float | None = None) -> Axes:
    """Draw images (N, C, H, W) as one sheet, row by row; pixels: width of each on the screen (default: what fits, up to 128)."""
    sheet = tile(images, columns)
    if ax is None:
        ax = sheet_axes(sheet, (pixels or fitting(images, columns)) / images.shape[-1], title)
    show(sheet, ax).set_title(title)
    return ax


def image_rows(rows: Mapping[str, Tensor], title: str = "", ax: Axes | None = None, pixels: float | None = None) -> Axes:
    """Draw one labelled row of images (N, C, H, W) for each entry, for example originals over reconstructions; pixels as above."""
    counts = {len(images) for images in rows.values()}
    if len(counts) != 1:
        raise ValueError(f"every row needs the same number of images, but they have {sorted(counts)}.")
    columns, images = counts.pop(), torch.cat([to_unit(images) for images in rows.values()])
    sheet = tile(images, columns, gap=2)
    if ax is None:
        left = 0.085 * max(len(line) for name in rows for line in name.split("\n")) + 0.1
        pixels = pixels or fitting(images, columns, PAGE - DPI * left)
        ax = sheet_axes(sheet, pixels / images.shape[-1], title, left)
    show(sheet, ax).set_title(title)
    height = (sheet.shape[0] + 2) / len(rows)
    for i, name in enumerate(rows):
        ax.annotate(name, (0, (i + 0.5) * height - 1), (-6, 0), textcoords="offset points", ha="right", va="center", fontsize=10)
    return ax


def to_unit(images: Tensor) -> Tensor:
    """Return images, uint8 or in [0, 1], as floats in [0, 1] that can be drawn: no gradient hangs on them."""
    return to_float(images.detach())


def colour(index: int) -> str:
    """Return the colour of class `index` in the course's palette."""
    palette = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    return palette[index % len(palette)]


def latent_scatter(z: Tensor, labels: Tensor | None = None, class_names: Sequence[str] = (), title: str = "") -> Axes:
    """Draw codes (N, 2) in the plane, coloured by label (N,), each class named at its middle."""
    ax = axes(None, 6, 5)
    labels = torch.zeros(len(z), dtype=torch.long) if labels is None else labels
    for value in labels.unique().tolist():
        ax.scatter(z[labels == value, 0], z[labels == value, 1], s=5, alpha=0.55, color=colour(value), linewidths=0)
    name_classes(ax, z, labels, class_names)
    ax.set(title=title, xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    return ax


def name_classes(ax: Axes, z: Tensor, labels: Tensor, class_names: Sequence[str]) -> None:
    """Write each class's name at the middle of its codes (N, 2), on small white labels that keep clear of each other."""
    if not class_names:
        return
    values = labels.unique().tolist()
    places = torch.stack([z[labels == value].median(0).values for value in values]).double()
    wide, high = 0.18 * (z[:, 0].max() - z[:, 0].min()), 0.06 * (z[:, 1].max() - z[:, 1].min())
    for _ in range(60):  # push labels that touch apart, up and down
        gap = places[:, None] - places[None]
        touch = (gap[..., 0].abs() < wide) & (gap[..., 1].abs() < high) & ~torch.eye(len(values), dtype=torch.bool)
        places[:, 1] += (touch * torch.where(gap[..., 1] >= 0, 0.15, -0.15) * high).sum(1)
    for value, (x, y) in zip(values, places.tolist(), strict=True):
        box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": colour(value), "alpha": 0.85, "lw": 1}
        ax.text(x, y, class_names[value], fontsize=8.5, ha="center", va="center", bbox=box, zorder=5)


def posteriors(
    mu: Tensor, logvar: Tensor, labels: Tensor, class_names: Sequence[str] = (), title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw each posterior N(mu, exp(logvar)) in the plane, (N, 2) each, as the ellipse of two standard deviations."""
    ax = axes(ax, 6, 5)
    for centre, spread, value in zip(mu.tolist(), (4 * torch.exp(0.5 * logvar)).tolist(), labels.tolist(), strict=True):
        ax.add_patch(Ellipse(centre, *spread, fc=colour(value), alpha=0.3, ec=colour(value), lw=0.8))
    name_classes(ax, mu, labels, class_names)
    ax.autoscale_view()
    ax.set(title=title, xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    return ax


def plane(extent: tuple[float, float, float, float], side: int) -> Tensor:
    """Return a grid of latent points (side², 2) over (left, right, bottom, top), row by row from the top left."""
    left, right, bottom, top = extent
    down, across = torch.linspace(top, bottom, side), torch.linspace(left, right, side)
    return torch.stack([across.repeat(side), down.repeat_interleave(side)], 1)


def decoded_plane(
    decode: Callable[[Tensor], Tensor],
    extent: tuple[float, float, float, float],
    side: int = 18,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw what every point of the plane decodes to: decode((side², 2)) → images, laid out where their points lie."""
    ax = axes(ax, 6, 6)
    sheet = tile(decode(plane(extent, side)), side, gap=0)
    left, right, bottom, top = extent
    half_x, half_y = (right - left) / (side - 1) / 2, (top - bottom) / (side - 1) / 2
    frame = (left - half_x, right + half_x, bottom - half_y, top + half_y)
    ax.imshow(sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet, extent=frame, cmap="gray", vmin=0, vmax=1, aspect="auto")
    ax.set(title=title, xlabel="$z_1$", ylabel="$z_2$")
    ax.grid(False)
    return ax


def training_curves(rows: Sequence[Mapping[str, float]]) -> Sequence[Axes]:
    """Draw recon and, where there is any, kl over the epochs, one axes each: train dashed, held out solid, nats per image."""
    parts = ["recon", "kl"] if any(row["kl"] for row in rows) else ["recon"]
    several = plt.subplots(1, len(parts), figsize=(3.5 * len(parts) + 0.5, 2.8), squeeze=False)[1][0]
    for one, part in zip(several, parts, strict=True):
        for name, style in ((part, "--"), (f"held_{part}", "-")):
            points = [(row["epoch"], row[name]) for row in rows if name in row]
            if points:
                one.plot(*zip(*points, strict=True), style, color=colour(0), label="train" if style == "--" else "held out")
        one.set(title=part, xlabel="epoch", ylabel="nats per image")
        one.xaxis.set_major_locator(MaxNLocator(integer=True))
        if one.lines:  # none where training was stopped in its first epoch
            one.legend()
    return several


def bars(values: Mapping[str, float], xlabel: str, title: str = "", form: str = "{:.2f}", ax: Axes | None = None) -> Axes:
    """Draw named numbers as horizontal bars of one colour, the first on top, each with its value written at its end."""
    ax = axes(ax, 7, 0.42 * len(values) + 1.1)
    places = range(len(values))[::-1]
    drawn = ax.barh(places, list(values.values()), color=colour(0), height=0.65)
    ax.bar_label(drawn, [form.format(value) for value in values.values()], padding=4, fontsize=10)
    ax.set_yticks(places, list(values))
    ax.set(title=title, xlabel=xlabel)
    ax.margins(x=0.12)
    ax.grid(False, axis="y")
    return ax


def computation_graph(
    nodes: Mapping[str, tuple[float, float, str]], edges: Sequence[tuple[str, str, str]], title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw what computes what (solid arrows), and how far gradients get on their way back (dashed arrows).

    nodes: name → (x, y, fill colour), x in 0 … 3.2 and y in 0 … 2.  edges: (from, to, what happens to the gradient there):
    "passes", "blocked", or "none" where no gradient is wanted.
    """
    ax = axes(ax, 3.7, 2.7)
    box = {"boxstyle": "round,pad=0.45", "ec": "#444444"}
    at: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 12}
    drawn = {name: ax.text(x, y, name, bbox=box | {"fc": fill}, **at).get_bbox_patch() for name, (x, y, fill) in nodes.items()}
    for start, end, gradient in edges:
        (x0, y0, _), (x1, y1, _) = nodes[start], nodes[end]
        arrow = {"arrowstyle": "-|>", "lw": 1.4, "shrinkA": 4, "shrinkB": 4, "color": "#444444"}
        ax.annotate("", (x1, y1), (x0, y0), arrowprops=arrow | {"patchA": drawn[start], "patchB": drawn[end]})
        if gradient != "none":
            arrow |= {"patchA": drawn[end], "patchB": drawn[start], "connectionstyle": "arc3,rad=0.35", "ls": "--"}
            ax.annotate("", (x0, y0), (x1, y1), arrowprops=arrow | {"color": "#D55E00" if gradient == "passes" else "#BBBBBB"})
        if gradient == "blocked":
            ax.text((x0 + x1) / 2, (y0 + y1) / 2, "✕", color="#D55E00", weight="bold", **at | {"fontsize": 17})
    ax.set(title=title, xlim=(-0.3, 3.5), ylim=(-0.4, 2.4))
    ax.set_axis_off()
    return ax


def heat_table(values: Tensor, rows: Sequence[str], columns: Sequence[str], title: str = "", ax: Axes | None = None) -> Axes:
    """Draw a table of numbers (R, C), the darker the larger, from 0 or less to 1 or more, each written into its field."""
    table = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, dtype=float)
    ax = axes(ax, 0.75 * len(columns) + 1.8, 0.32 * len(rows) + 0.9)
    ax.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(table.shape):
        ink = "white" if table[row, column] > 0.6 else "#222222"
        ax.text(column, row, f"{table[row, column]:.2f}", ha="center", va="center", fontsize=9, color=ink)
    ax.set_xticks(range(len(columns)), columns, fontsize=9)
    ax.set_yticks(range(len(rows)), rows, fontsize=9)
    ax.tick_params(length=0)
    ax.set_title(title)
    ax.grid(False)
    return ax


def response_matrix(
    values: Tensor, rows: Sequence[str], columns: Sequence[str], title: str = "", limit: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a signed matrix (R, C) as squares with their values, blue below zero, red above; limit: where the colours end."""
    ax = axes(ax, 0.52 * len(columns) + 2.2, 0.42 * len(rows) + 1.7)
    values = values.detach().cpu().double()
    limit = float(values.abs().max()) if limit is None else limit
    ax.pcolormesh(values.flip(0).numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit, edgecolors="white", linewidth=1.5)
    for (i, j), value in np.ndenumerate(values.numpy()):
        ink = "white" if abs(value) > 0.65 * limit else "#333333"
        text = f"{value:.1f}".replace("-0.0", "0.0")
        ax.text(j + 0.5, len(rows) - i - 0.5, text, ha="center", va="center", fontsize=8.5, color=ink)
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(len(rows) - np.arange(len(rows)) - 0.5, rows)
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    return ax
