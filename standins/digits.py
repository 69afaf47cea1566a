"""Stroke-drawn digits with known thickness, slant, size: parameters (B,) go in, images (B, 1, 28, 28) uint8 come out.

A digit is a list of pen strokes; a stroke is a smooth curve (Catmull–Rom) through a few points, which every writer
places a little differently. The curve is cut into short capsules, and a pixel is as bright as the nearest capsule
covers it. As the makers of MNIST did, each digit is scaled to a known height and centred; thickness, slant and size
are therefore exact.
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

# Strokes in a box of height 1: (x, y), x to the right, y downwards. Strokes that share a point stay joined there.
_SEVEN = [[(0.0, 0.04), (0.3, 0.02), (0.62, 0.02)], [(0.62, 0.02), (0.44, 0.42), (0.27, 1.0)]]
_BOWL = [(0.24, 0.45), (0.48, 0.52), (0.6, 0.74), (0.46, 0.95), (0.22, 1.0), (0.0, 0.88)]
_HEAD = [(0.57, 0.16), (0.4, 0.0), (0.14, 0.06), (0.02, 0.28), (0.14, 0.5), (0.36, 0.48), (0.52, 0.34), (0.57, 0.16)]
DIGITS = (
    (
        [[(0.44, 0.02), (0.2, 0.05), (0.04, 0.27), (0.0, 0.54), (0.08, 0.83), (0.29, 1.0), (0.51, 0.91), (0.64, 0.66),
          (0.66, 0.4), (0.58, 0.14), (0.4, 0.01), (0.26, 0.04)]],
        [[(0.3, 0.0), (0.08, 0.14), (0.0, 0.42), (0.02, 0.72), (0.2, 0.98), (0.42, 0.97), (0.6, 0.74), (0.62, 0.42),
          (0.52, 0.13), (0.3, 0.0)]],
    ),
    (
        [[(0.1, 0.0), (0.1, 0.5), (0.1, 1.0)]],
        [[(-0.14, 0.22), (0.02, 0.13), (0.12, 0.0)], [(0.12, 0.0), (0.12, 0.5), (0.12, 1.0)],
         [(-0.12, 1.0), (0.12, 1.0), (0.38, 1.0)]],
    ),
    (
        [[(0.03, 0.22), (0.14, 0.04), (0.37, 0.0), (0.56, 0.14), (0.53, 0.37), (0.34, 0.64), (0.02, 0.98)],
         [(0.02, 0.98), (0.32, 0.97), (0.66, 0.98)]],
        [[(0.05, 0.16), (0.24, 0.01), (0.46, 0.06), (0.52, 0.28), (0.4, 0.56), (0.2, 0.84), (0.03, 0.94), (0.04, 0.8),
          (0.2, 0.82), (0.42, 0.98), (0.68, 0.9)]],
    ),
    (
        [[(0.04, 0.12), (0.26, 0.0), (0.5, 0.09), (0.5, 0.31), (0.24, 0.45)], _BOWL],
        [[(0.04, 0.03), (0.3, 0.02), (0.55, 0.02)], [(0.55, 0.02), (0.4, 0.24), (0.24, 0.45)], _BOWL],
    ),
    (
        [[(0.13, 0.0), (0.08, 0.3), (0.0, 0.58)], [(0.0, 0.58), (0.32, 0.58), (0.66, 0.56)],
         [(0.53, 0.06), (0.49, 0.5), (0.46, 1.0)]],
        [[(0.46, 0.0), (0.24, 0.34), (0.0, 0.66)], [(0.0, 0.66), (0.32, 0.66), (0.68, 0.64)],
         [(0.46, 0.0), (0.45, 0.5), (0.44, 1.0)]],
    ),
    (
        [[(0.12, 0.02), (0.1, 0.22), (0.07, 0.44)], [(0.12, 0.02), (0.36, 0.02), (0.6, 0.0)],
         [(0.07, 0.44), (0.3, 0.37), (0.52, 0.47), (0.6, 0.7), (0.47, 0.93), (0.23, 1.0), (0.0, 0.9)]],
        [[(0.62, 0.03), (0.38, 0.02), (0.15, 0.03)],
         [(0.15, 0.03), (0.1, 0.22), (0.14, 0.39), (0.4, 0.45), (0.57, 0.62), (0.5, 0.88), (0.26, 1.0), (0.0, 0.93)]],
    ),
    (
        [[(0.46, 0.0), (0.25, 0.16), (0.08, 0.42), (0.02, 0.7), (0.13, 0.94), (0.34, 1.0), (0.53, 0.88), (0.55, 0.68),
          (0.39, 0.55), (0.2, 0.6), (0.05, 0.78)]],
        [[(0.58, 0.1), (0.4, 0.0), (0.18, 0.12), (0.04, 0.4), (0.02, 0.72), (0.16, 0.96), (0.4, 0.99), (0.57, 0.82),
          (0.52, 0.6), (0.3, 0.52), (0.06, 0.66)]],
    ),
    (_SEVEN, [*_SEVEN, [(0.16, 0.52), (0.36, 0.51), (0.6, 0.5)]]),
    (
        [[(0.55, 0.13), (0.32, 0.0), (0.1, 0.12), (0.13, 0.33), (0.34, 0.47), (0.54, 0.64), (0.56, 0.86), (0.32, 1.0),
          (0.06, 0.86), (0.09, 0.64), (0.33, 0.46), (0.52, 0.31), (0.55, 0.13)]],
        [[(0.33, 0.0), (0.12, 0.07), (0.1, 0.28), (0.31, 0.44), (0.53, 0.28), (0.52, 0.08), (0.33, 0.0)],
         [(0.31, 0.44), (0.06, 0.6), (0.04, 0.86), (0.3, 1.0), (0.57, 0.87), (0.56, 0.6), (0.31, 0.44)]],
    ),
    (
        [_HEAD, [(0.57, 0.16), (0.55, 0.55), (0.46, 1.0)]],
        [_HEAD, [(0.57, 0.16), (0.58, 0.55), (0.5, 0.87), (0.28, 1.0), (0.03, 0.92)]],
    ),
)  # fmt: skip


def sample(n: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the parameters of n digits, each (n,): the label and every factor and style uniform and independent."""
    return labelled(n, FACTORS | STYLE, generator)


def draw(parameters: dict[str, Tensor]) -> Tensor:
    """Return the images (B, 1, 28, 28) uint8 of parameters as `sample` gives them; each depends on its own alone."""
    return in_groups(_draw_glyph, parameters, 2 * parameters["label"] + (parameters["variant"] > 0.5))


def _draw_glyph(glyph: int, p: dict[str, Tensor]) -> Tensor:
    """Return images (B, 1, 28, 28) of one way (glyph = 2 · label + variant) of writing one digit."""
    strokes = DIGITS[glyph // 2][glyph % 2]
    curves = _fit([_spline(*stroke) for stroke in _written(strokes, p)], p)
    canvas = Canvas(len(p["label"]), *SHAPE[:2])
    square = torch.full_like(canvas.pixels[:, 0], 4.0)
    for x, y in curves:
        for i in range(x.shape[1] - 1):
            _nearer(square, canvas, x[:, i], y[:, i], x[:, i + 1], y[:, i + 1])
    distance = square.sqrt_().sub_(column(p["thickness"]) * (canvas.pixel / 2))
    canvas.pixels[:, 0] = canvas.coverage(distance)
    return canvas.to_uint8()


def _written(strokes: list, p: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return each stroke's points as (x, y), each (B, points), where this writer's hand put them."""
    places = sorted({point for stroke in strokes for point in stroke})
    x, y = torch.tensor(places).T  # (P,) each
    stray = (scattered(p["noise_seed"], 2 * len(places)) * 2 - 1) * (HAND * p["wobble"][:, None])  # (B, 2P)
    x = x * p["aspect"][:, None] + stray[:, ::2]
    y = y + stray[:, 1::2]
    x = x + p["bend"][:, None] * (y * (y - 1))
    y = y - p["balance"][:, None] * (y * (y - 1))
    index = [[places.index(point) for point in stroke] for stroke in strokes]
    return [(x[:, which], y[:, which]) for which in index]


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
