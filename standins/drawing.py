"""Draw thousands of small antialiased images at once: parameters (B,) go in, coverage maps (B, H, W) in [0, 1] come out.

Every shape is a signed distance (negative inside, in units of the frame), and `coverage` turns a distance into the share of
a pixel that the shape covers. The frame is the square [-1, 1]²: x to the right, y downwards, pixel centres half a pixel in.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

DRAWING = threading.Lock()
SomeCanvas = TypeVar("SomeCanvas", bound="Canvas")


class Canvas:
    """A batch of images being painted back to front: `pixels` is (B, C, size, size) float32 in [0, 1]."""

    def __init__(self, batch: int, channels: int, size: int) -> None:
        centres = (torch.arange(size) + 0.5) * (2 / size) - 1
        self.x, self.y = centres.view(1, 1, size), centres.view(1, size, 1)  # (1, 1, W), (1, H, 1)
        self.pixel = 2 / size
        self.pixels = torch.zeros(batch, channels, size, size)

    def coverage(self, distance: Tensor, soft: float = 1.0) -> Tensor:
        """Return how much of each pixel lies inside: (B, H, W); `soft` is the width of the edge in pixels."""
        return (0.5 - distance * (1 / (soft * self.pixel))).clamp_(0, 1)

    def paint(self, mask: Tensor, colour: Tensor | float) -> None:
        """Blend a colour over the image where `mask` (B, H, W) says so; colour: a number, (B, C), or (B, C, H, W)."""
        if isinstance(colour, Tensor) and colour.ndim == 2:
            colour = colour[:, :, None, None]
        if not isinstance(colour, Tensor):
            colour = torch.tensor(colour)
        self.pixels.lerp_(colour, mask[:, None])

    def to_uint8(self) -> Tensor:
        """Return the images as (B, C, H, W) uint8."""
        return self.pixels.clamp(0, 1).mul_(255).round_().to(torch.uint8)


def column(values: Tensor | float) -> Tensor:
    """Return (B,) parameters as (B, 1, 1), ready to meet a grid; numbers pass."""
    return values[:, None, None] if isinstance(values, Tensor) and values.ndim == 1 else torch.as_tensor(values)


def turned(x: Tensor, y: Tensor, angle: Tensor | float) -> tuple[Tensor, Tensor]:
    """Return the coordinates seen by a shape that is turned by `angle` (radians, clockwise on screen)."""
    cos, sin = torch.cos(column(angle)), torch.sin(column(angle))
    return cos * x + sin * y, cos * y - sin * x


def ellipse(x: Tensor, y: Tensor, cx, cy, rx, ry) -> Tensor:
    """Return the distance to an ellipse, to first order (exact on its edge and for a circle)."""
    u, v = (x - column(cx)) / column(rx), (y - column(cy)) / column(ry)
    length = torch.sqrt(u * u + v * v + 1e-9)
    slope = torch.sqrt((u / column(rx)) ** 2 + (v / column(ry)) ** 2 + 1e-9)
    return (length - 1) * length / slope


def box(x: Tensor, y: Tensor, cx, cy, half_width, half_height, radius=0.0) -> Tensor:
    """Return the distance to a rectangle with rounded corners."""
    r = column(radius)
    dx = (x - column(cx)).abs() - (column(half_width) - r)
    dy = (y - column(cy)).abs() - (column(half_height) - r)
    return rounded(dx, dy, r)


def rounded(dx: Tensor, dy: Tensor, radius) -> Tensor:
    """Return the distance to a box with round corners from the distances to the sides of the box within its corners."""
    outside = torch.sqrt(dx.clamp(min=0) ** 2 + dy.clamp(min=0) ** 2)
    return outside + torch.maximum(dx, dy).clamp(max=0) - radius


def capsule(x: Tensor, y: Tensor, x0, y0, x1, y1, radius) -> Tensor:
    """Return the distance to a stroke with round ends from (x0, y0) to (x1, y1)."""
    x0, y0, x1, y1 = map(column, (x0, y0, x1, y1))
    dx, dy = x1 - x0, y1 - y0
    t = (((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy + 1e-9)).clamp(0, 1)
    return torch.sqrt((x - x0 - t * dx) ** 2 + (y - y0 - t * dy) ** 2 + 1e-12) - column(radius)


def polygon(x: Tensor, y: Tensor, corners: list[tuple]) -> Tensor:
    """Return the distance to a polygon (convex or not) with corners [(x, y), …], each a number or (B,)."""
    points = [(column(px), column(py)) for px, py in corners]
    distance, inside = torch.tensor(torch.inf), torch.tensor(False)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        ex, ey, wx, wy = bx - ax, by - ay, x - ax, y - ay
        t = ((wx * ex + wy * ey) / (ex * ex + ey * ey + 1e-9)).clamp(0, 1)
        square = (wx - t * ex) ** 2 + (wy - t * ey) ** 2
        crosses = ((ay > y) != (by > y)) & ((x - ax) * (by - ay) * torch.sign(by - ay) < ex * wy * torch.sign(by - ay))
        distance, inside = torch.minimum(distance, square), inside ^ crosses
    return torch.where(inside, -1.0, 1.0) * torch.sqrt(distance + 1e-12)


def smooth_union(a: Tensor, b: Tensor, blend: float) -> Tensor:
    """Return the union of two shapes with the crease between them filled over a width `blend`."""
    h = (0.5 + 0.5 * (b - a) / blend).clamp(0, 1)
    return b + (a - b) * h - blend * h * (1 - h)


def in_chunks(draw: Callable[..., Tensor], factors: dict[str, Tensor], chunk: int = 100) -> Tensor:
    """Return `draw(factors)` (B, C, H, W) computed a few images at a time, which keeps the work inside the cache.

    Each core draws its own chunks: sharing small operations between the cores would cost more than they do.
    """
    with DRAWING:  # two drawings at once would take each other's thread count of 1 for the machine's
        count, cores = len(next(iter(factors.values()))), torch.get_num_threads()
        chunk = max(8, min(chunk, -(-count // cores)))
        chunks = [{name: values[i : i + chunk] for name, values in factors.items()} for i in range(0, max(count, 1), chunk)]
        if cores == 1 or len(chunks) == 1:
            return torch.cat([draw(part) for part in chunks])
        try:
            with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return torch.cat(list(pool.map(draw, chunks)))
        finally:
            torch.set_num_threads(cores)  # a worker's setting reaches part of the main thread's


def scattered(seed: Tensor, count: int) -> Tensor:
    """Return `count` numbers in [0, 1) per image, fixed by its seed: seed (B,) in [0, 1) gives (B, count).

    Number k is the fraction of slope_k · seed + start_k with a fixed table of slopes; no random state is touched.
    """
    slope, start = torch.rand(2, count, generator=torch.Generator().manual_seed(28))
    return (seed[:, None] * (100 + 900 * slope) + start).frac_()


def labelled(n: int, ranges: dict[str, tuple[float, float]], generator: torch.Generator) -> dict[str, Tensor]:
    """Return a label from 0 to 9 and every named parameter, uniform in its range (low, high) and independent, each (n,)."""
    label = {"label": torch.randint(10, (n,), generator=generator)}
    return label | {name: low + (high - low) * torch.rand(n, generator=generator) for name, (low, high) in ranges.items()}


def in_groups(draw: Callable[[int, dict[str, Tensor]], Tensor], factors: dict[str, Tensor], group: Tensor) -> Tensor:
    """Return images (B, C, H, W) in the order of `factors`, drawn by `draw(g, rows of group g)`, one group at a time.

    group: (B,) int64, for example the label: an image then costs the work of its own class only.
    """
    if not len(group):
        return in_chunks(partial(draw, 0), factors)
    order = torch.argsort(group, stable=True)
    values, counts = torch.unique_consecutive(group[order], return_counts=True)
    images = []
    for value, rows in zip(values.tolist(), order.split(counts.tolist()), strict=True):
        images.append(in_chunks(partial(draw, value), {name: given[rows] for name, given in factors.items()}))
    drawn = torch.cat(images)
    return torch.empty_like(drawn).index_copy_(0, order, drawn)


def window(canvas: SomeCanvas, top: float, bottom: float, left: float = -1.0, right: float = 1.0) -> SomeCanvas:
    """Return the part of a canvas between two heights and two sides of the frame; painting on it paints the whole.

    A small feature painted on its own window costs a fraction of the frame.
    """
    size = canvas.pixels.shape[-1]
    first, above = (max(0, int((edge + 1) * size / 2)) for edge in (left, top))
    rows, columns = slice(above, int((bottom + 1) * size / 2) + 1), slice(first, int((right + 1) * size / 2) + 1)
    part = copy.copy(canvas)
    for name, grid in vars(canvas).items():
        if isinstance(grid, Tensor):  # x, y, and whatever else is kept per pixel; a side of length 1 fits any window
            grid = grid[..., columns] if grid.shape[-1] > 1 else grid
            setattr(part, name, grid[..., rows, :] if grid.shape[-2] > 1 else grid)
    return part


def hashed(seeds: Tensor, which: int | Tensor) -> Tensor:
    """Return the random number in [0, 1) that belongs to each seed (a whole number below 2²⁴) and to `which`."""
    state = (seeds.long() * 2654435761 + (which + 1) * 40503077) & 0xFFFFFFFF
    for _ in range(2):
        state = ((state ^ (state >> 16)) * 73244475) & 0xFFFFFFFF
    return ((state ^ (state >> 16)) >> 8).float() / 2**24


def columns(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return parameters (B,) as float32 columns (B, 1, 1), ready to meet a grid."""
    return {name: values.float()[:, None, None] for name, values in parameters.items()}


def rgb(red: float, green: float, blue: float) -> Tensor:
    """Return a colour as (1, 3, 1, 1)."""
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1)


def hsv(hue: Tensor, saturation: Tensor | float, value: Tensor | float) -> Tensor:
    """Return the colours (B, 3, 1, 1) of columns of hues, which wrap at 1, with saturations and values in [0, 1]."""
    k = (hue.view(-1, 1) * 6 + torch.tensor([5.0, 3.0, 1.0])) % 6
    fade = torch.minimum(k, 4 - k).clamp(0, 1)
    saturation, value = (torch.as_tensor(a, dtype=torch.float32).reshape(-1, 1) for a in (saturation, value))
    return (value * (1 - saturation * fade))[:, :, None, None]


def ramp(position: Tensor, stops: Tensor) -> Tensor:
    """Return the colours (B, 3, 1, 1) at a column of positions in [0, 1] along evenly spaced stops (S, 3)."""
    place = position.flatten().clamp(0, 1) * (len(stops) - 1)
    left = place.floor().long().clamp(max=len(stops) - 2)
    return torch.lerp(stops[left], stops[left + 1], (place - left)[:, None])[:, :, None, None]
