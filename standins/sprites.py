"""Drawn sprites over the five factors of dSprites, white on black: parameters (B,) go in, images (B, 1, 64, 64) uint8 come out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from standins.drawing import Canvas, column, in_groups, turned

SOURCE = "drawn sprites (drawn stand-in)"
SHAPE = (1, 64, 64)
CLASS_NAMES: tuple[str, ...] = ()
ATTRIBUTE_NAMES: tuple[str, ...] = ()
SHAPES = ("square", "ellipse", "heart")  # the values 1, 2, 3 of the factor shape
FACTORS = {"shape": (1.0, 3.0), "scale": (0.5, 1.0), "orientation": (0.0, 2 * math.pi), "x": (0.0, 1.0), "y": (0.0, 1.0)}
COUNTS = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}  # values of each factor, evenly spaced, both ends included
SQUARE, ELLIPSE, HEART = 0.268, (0.425, 0.216), 0.275  # half side, half axes, radius at scale 1, in a frame that is 2 wide


def sample(n: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the factors of n sprites, (n,) float32 each: every one of a factor's values equally likely, factors independent."""
    return {name: at(name, torch.randint(count, (n,), generator=generator)) for name, count in COUNTS.items()}


def at(name: str, index: Tensor) -> Tensor:
    """Return the values (n,) float32 of a factor at indices (n,) from 0 to COUNTS[name] − 1."""
    low, high = FACTORS[name]
    return torch.linspace(low, high, COUNTS[name])[index]


def draw(parameters: dict[str, Tensor]) -> Tensor:
    """Return the images (B, 1, 64, 64), 0 or 255, of factors (B,): a pixel is lit if its middle lies within the sprite.

    Factors between the archive's values are drawn where they are; a shape is rounded to the nearest.
    """
    return in_groups(_draw_shape, parameters, parameters["shape"].round().long())


def _draw_shape(shape: int, parameters: dict[str, Tensor]) -> Tensor:
    """Return the sprites of one shape."""
    canvas, size = Canvas(1, 1, SHAPE[1]), column(parameters["scale"])
    x, y = canvas.x - (column(parameters["x"]) - 0.5), canvas.y - (column(parameters["y"]) - 0.5)  # middles keep off the frame
    u, v = turned(x / size, y / size, parameters["orientation"])
    if shape == 1:
        lit = torch.maximum(u.abs(), v.abs()) < SQUARE
    elif shape == 2:
        lit = (u / ELLIPSE[0]).square() + (v / ELLIPSE[1]).square() < 1
    else:  # the sextic heart, tip downwards: (u² + v² − 1)³ < u² v³
        u, v = (u / HEART).square(), 0.1 - v / HEART
        square = v * v
        body = u + square - 1
        lit = body * body * body < u * square * v
    return lit[:, None].to(torch.uint8) * 255
