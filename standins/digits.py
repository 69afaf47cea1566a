"""Stroke-drawn digits with known thickness, slant, size: parameters (B,) go in, images (B, 1, 28, 28) uint8 come out.

A stroke is a smooth curve (Catmull–Rom) through a few points, which every writer places a little differently, cut into
short capsules; a pixel is as bright as the nearest capsule covers it. Digits are scaled to a known height and centred, as
in MNIST; thickness, slant and size are therefore exact.
"""

from __future__ import annotations

import torch
from torch import Tensor

from standins.drawing import Canvas, column, in_groups, labelled, scattered

SOURCE = "stroke-drawn digits (drawn stand-in)"
SHAPE = (1, 28, 28)
CLASS_NAMES = tuple("0123456789")
ATTRIBUTE_NAMES: tuple[str, ...] = ()
FACTORS = {
    "thickness": (1.5, 3.9),  # width of the stroke, pixels
    "slant": (-0.25, 0.5),  # pixels to the right per pixel upwards
    "size": (15.0, 20.0),  # height of the ink, pixels
}
STYLE = {
    "aspect": (0.85, 1.25),  # width of the digit against the drawn one
    "balance": (-0.25, 0.25),  # the middle of the digit sits above (low) or below (high) its usual height
    "bend": (-0.2, 0.2),  # bow of the whole digit, its middle pushed to the right (low) or left (high)
    "wobble": (0.3, 1.0),  # how freely the hand places its points
    "variant": (0.0, 1.0),  # which of the two ways of writing the digit: the second above one half
    "noise_seed": (0.0, 1.0),  # where exactly the points fall
}
HAND = 0.06  # the farthest a point strays at wobble 1, in heights of the digit
CUTS = 3  # capsules between two points of a curve

# The two ways to write each digit, in hundredths of its height: x,y to the right and downwards, strokes apart by |.
GLYPHS = (
    "44,2 20,5 4,27 0,54 8,83 29,100 51,91 64,66 66,40 58,14 40,1 26,4",
    "30,0 8,14 0,42 2,72 20,98 42,97 60,74 62,42 52,13 30,0",
    "10,0 10,50 10,100",
    "-14,22 2,13 12,0 | 12,0 12,50 12,100 | -12,100 12,100 38,100",
    "3,22 14,4 37,0 56,14 53,37 34,64 2,98 | 2,98 32,97 66,98",
    "5,16 24,1 46,6 52,28 40,56 20,84 3,94 4,80 20,82 42,98 68,90",
    "4,12 26,0 50,9 50,31 24,45 | 24,45 48,52 60,74 46,95 22,100 0,88",
    "4,3 30,2 55,2 | 55,2 40,24 24,45 | 24,45 48,52 60,74 46,95 22,100 0,88",
    "13,0 8,30 0,58 | 0,58 32,58 66,56 | 53,6 49,50 46,100",
    "46,0 24,34 0,66 | 0,66 32,66 68,64 | 46,0 45,50 44,100",
    "12,2 10,22 7,44 | 12,2 36,2 60,0 | 7,44 30,37 52,47 60,70 47,93 23,100 0,90",
    "62,3 38,2 15,3 | 15,3 10,22 14,39 40,45 57,62 50,88 26,100 0,93",
    "46,0 25,16 8,42 2,70 13,94 34,100 53,88 55,68 39,55 20,60 5,78",
    "58,10 40,0 18,12 4,40 2,72 16,96 40,99 57,82 52,60 30,52 6,66",
    "0,4 30,2 62,2 | 62,2 44,42 27,100",
    "0,4 30,2 62,2 | 62,2 44,42 27,100 | 16,52 36,51 60,50",
    "55,13 32,0 10,12 13,33 34,47 54,64 56,86 32,100 6,86 9,64 33,46 52,31 55,13",
    "33,0 12,7 10,28 31,44 53,28 52,8 33,0 | 31,44 6,60 4,86 30,100 57,87 56,60 31,44",
    "57,16 40,0 14,6 2,28 14,50 36,48 52,34 57,16 | 57,16 55,55 46,100",
    "57,16 40,0 14,6 2,28 14,50 36,48 52,34 57,16 | 57,16 58,55 50,87 28,100 3,92",
)


def sample(n: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the parameters of n digits, each (n,): the label and every factor and style uniform and independent."""
    return labelled(n, FACTORS | STYLE, generator)


def draw(parameters: dict[str, Tensor]) -> Tensor:
    """Return the images (B, 1, 28, 28) uint8 of parameters as `sample` gives them; each depends on its own alone."""
    return in_groups(_draw_glyph, parameters, 2 * parameters["label"] + (parameters["variant"] > 0.5))


def _draw_glyph(glyph: int, p: dict[str, Tensor]) -> Tensor:
    """Return images (B, 1, 28, 28) of one way (glyph = 2 · label + variant) of writing one digit."""
    curves = _fit([_spline(*stroke) for stroke in _written(GLYPHS[glyph], p)], p)
    canvas = Canvas(len(p["label"]), *SHAPE[:2])
    square = torch.full_like(canvas.pixels[:, 0], 4.0)
    for x, y in curves:
        for i in range(x.shape[1] - 1):
            _nearer(square, canvas, x[:, i], y[:, i], x[:, i + 1], y[:, i + 1])
    distance = square.sqrt_().sub_(column(p["thickness"]) * (canvas.pixel / 2))
    canvas.pixels[:, 0] = canvas.coverage(distance)
    return canvas.to_uint8()


def _written(glyph: str, p: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return each stroke as (x, y), each (B, points), as this writer places its points; one that strokes share stays shared."""
    strokes = [[tuple(int(v) / 100 for v in point.split(",")) for point in stroke.split()] for stroke in glyph.split("|")]
    places = sorted({point for stroke in strokes for point in stroke})
    x, y = torch.tensor(places).T  # (P,) each
    stray = (scattered(p["noise_seed"], 2 * len(places)) * 2 - 1) * (HAND * p["wobble"][:, None])  # (B, 2P)
    x = x * p["aspect"][:, None] + stray[:, ::2]
    y = y + stray[:, 1::2]
    x = x + p["bend"][:, None] * (y * (y - 1))
    y = y - p["balance"][:, None] * (y * (y - 1))
    return [(x[:, which], y[:, which]) for which in ([places.index(point) for point in stroke] for stroke in strokes)]


def _spline(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the Catmull–Rom curve through points (B, P), as a polyline (B, CUTS · (P − 1) + 1); ends are repeated."""
    t = torch.arange(CUTS) / CUTS
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    lines = []
    for v in (x, y):
        padded = torch.cat([v[:, :1], v, v[:, -1:]], 1)
        spans = padded.shape[1] - 3
        terms = [padded[:, k : k + spans, None] * (w / 2) for k, w in enumerate(weights)]
        inner = terms[0] + terms[1] + terms[2] + terms[3]  # (B, P − 1, CUTS)
        lines.append(torch.cat([inner.flatten(1), v[:, -1:]], 1))
    return lines[0], lines[1]


def _fit(curves: list[tuple[Tensor, Tensor]], p: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return the curves scaled so that the ink is `size` pixels high, slanted, and centred in the frame."""
    top, bottom = _reach([y for _, y in curves])
    scale = (p["size"] - p["thickness"])[:, None] / (bottom - top) * (2 / SHAPE[1])
    curves = [(x * scale, (y - (top + bottom) / 2) * scale) for x, y in curves]
    curves = [(x - p["slant"][:, None] * y, y) for x, y in curves]
    left, right = _reach([x for x, _ in curves])
    return [(x - (left + right) / 2, y) for x, y in curves]


def _reach(lines: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest coordinate of each image's lines, (B, 1) each."""
    together = torch.cat(lines, 1)
    return together.amin(1, keepdim=True), together.amax(1, keepdim=True)


def _nearer(square: Tensor, canvas: Canvas, x0: Tensor, y0: Tensor, x1: Tensor, y1: Tensor) -> None:
    """Lower `square` (B, H, W), in place, to the squared distance to the segments from (x0, y0) to (x1, y1)."""
    dx, dy = x1 - x0, y1 - y0
    length = torch.sqrt(dx * dx + dy * dy + 1e-9)
    ux, uy = column(dx / length), column(dy / length)
    wx, wy = canvas.x - column(x0), canvas.y - column(y0)  # (B, 1, W), (B, H, 1)
    along, across = wx * ux + wy * uy, wx * uy - wy * ux
    beyond = along - along.clamp(min=0).clamp_(max=column(length))
    torch.minimum(square, across.mul_(across).add_(beyond.mul_(beyond)), out=square)
