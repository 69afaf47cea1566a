"""Drawn objects, the stand-in for CIFAR-10: parameters (B,) go in, images (B, 3, 32, 32) of ten classes come out.

An animal or a vehicle stands before a sky, a sea, a meadow, a road or a room. Light falls from a known side, and
everything carries a texture whose power falls with frequency as that of natural images does. Position, size,
colours and light are known factors, independent of the class and of each other. Inside this module every parameter is
a column (B, 1, 1) and every colour (B, 3, 1, 1); an object is drawn in its own coordinates, about -0.8 … 0.8, looking
to the right.
"""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor

from standins.drawing import (
    Canvas,
    box,
    capsule,
    ellipse,
    hashed,
    hsv,
    in_groups,
    polygon,
    ramp,
    smooth_union,
    turned,
)

SOURCE = "drawn objects (drawn stand-in)"
SHAPE = (3, 32, 32)
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ATTRIBUTE_NAMES: tuple[str, ...] = ()
FACTORS: dict[str, tuple[float, float]] = {
    "x": (-0.36, 0.36),  # of the object's middle, in units of half a frame
    "y": (-0.32, 0.30),
    "size": (0.66, 1.24),
    "angle": (-0.22, 0.22),  # radians
    "hue": (0.0, 0.88),  # of a vehicle; an animal takes its coat from it
    "shade": (0.0, 1.0),  # dark … light colour of the object
    "pose": (-1.0, 1.0),  # legs, tails and heads move
    "light": (-1.0, 1.0),  # from the left … right
    "background_hue": (-1.0, 1.0),  # cooler … warmer than usual
    "background_light": (0.0, 1.0),
    "horizon": (-0.15, 0.55),
    "texture": (0.4, 1.0),
}

SKY, SEA, GRASS, ROAD, ROOM = range(5)  # background
BACKGROUND_CHANCES = torch.tensor(
    [
        [0.72, 0.08, 0.05, 0.15, 0.00],
        [0.00, 0.05, 0.15, 0.70, 0.10],
        [0.45, 0.15, 0.30, 0.05, 0.05],
        [0.00, 0.00, 0.25, 0.15, 0.60],
        [0.10, 0.05, 0.75, 0.10, 0.00],
        [0.00, 0.08, 0.42, 0.15, 0.35],
        [0.00, 0.25, 0.45, 0.15, 0.15],
        [0.05, 0.08, 0.67, 0.20, 0.00],
        [0.12, 0.85, 0.00, 0.03, 0.00],
        [0.03, 0.02, 0.20, 0.70, 0.05],
    ]
)
ABOVE = torch.tensor([[0.57, 0.42], [0.56, 0.35], [0.54, 0.30], [0.58, 0.15], [0.09, 0.28]])  # hue and saturation
BELOW = torch.tensor([[0.56, 0.18], [0.52, 0.50], [0.25, 0.52], [0.10, 0.10], [0.07, 0.45]])
COATS = torch.tensor([[52, 42, 38], [126, 84, 52], [196, 132, 72], [222, 184, 136], [168, 160, 152], [236, 230, 222]]) / 255
DEER_COATS = torch.tensor([[104, 68, 42], [146, 96, 56], [188, 132, 84]]) / 255


# --- what is drawn: parameters ------------------------------------------------


def sample(n: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the parameters of `n` images: "label" int64, FACTORS, uniform in their ranges, and traits, (n,)."""
    chances = torch.rand(len(FACTORS) + 8, n, generator=generator)
    p = {name: low + (high - low) * chances[i] for i, (name, (low, high)) in enumerate(FACTORS.items())}
    u = iter(chances[len(FACTORS) :])
    label = (next(u) * 10).long().clamp(max=9)
    usual = BACKGROUND_CHANCES.cumsum(1)[label]
    p["background"] = (next(u)[:, None] > usual).sum(1).clamp(max=4).float()
    p["facing"] = (next(u) < 0.5).float() * 2 - 1
    p["variant"], p["second_hue"] = next(u), next(u)
    p["noise_seed"] = (next(u) * 2**22).floor()
    return {"label": label, **p}


def draw(parameters: dict[str, Tensor]) -> Tensor:
    """Return the images (B, 3, 32, 32) uint8 of parameters (B,); each depends on its own parameters alone."""
    return in_groups(_draw, parameters, parameters["label"])


def attributes(parameters: dict[str, Tensor]) -> Tensor:
    """Return (B, 0): objects have no attributes."""
    return torch.zeros(len(parameters["label"]), 0, dtype=torch.bool)


def _draw(label: int, parameters: dict[str, Tensor]) -> Tensor:
    o = SimpleNamespace(**{name: values.float()[:, None, None] for name, values in parameters.items()})
    canvas = Canvas(len(o.x), 3, SHAPE[1])
    o.grain, o.spots = _natural_noise(parameters["noise_seed"], SHAPE[1])
    _background(canvas, o)
    x, y = turned(canvas.x - o.x, canvas.y - o.y, o.angle)
    canvas.x, canvas.y, canvas.pixel = x * o.facing / o.size, y / o.size, canvas.pixel / o.size
    side = o.light * o.facing
    o.lit = 1.0 + 0.32 * side * canvas.x - 0.36 * canvas.y + 0.07 * o.texture * o.spots
    _shadow(canvas, o)
    PAINTERS[label](canvas, o)
    canvas.pixels += (0.022 * o.texture * o.grain)[:, None]
    return canvas.to_uint8()


# --- colours, texture, background ------------------------------------------------


def _natural_noise(seeds: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return two textures (B, size, size) of unit variance: phases hashed from the seed, amplitudes as 1/frequency."""
    rate = torch.fft.fftfreq(size, 1 / size)
    radius = torch.sqrt(rate[:, None] ** 2 + rate[None, :] ** 2)
    amplitude = torch.where(radius > 0, 1 / radius.clamp(min=1), 0.0)
    amplitude = amplitude * (size * size / amplitude.square().sum().sqrt())
    phase = 6.2831853 * hashed(seeds[:, None], torch.arange(size * size)).view(-1, size, size)
    field = torch.fft.ifft2(torch.polar(amplitude.expand_as(phase), phase))
    return field.real * 2**0.5, field.imag * 2**0.5


def _colour(hue: Tensor, saturation, value) -> Tensor:
    """Return the colours (B, 3, 1, 1) of columns of hue, saturation and value."""
    return hsv(hue.flatten(), saturation, value)[:, :, None, None]


def _rgb(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1)


def _background(canvas: Canvas, o: SimpleNamespace) -> None:
    """Paint what is above and below the horizon, each a gradient, and the natural texture over both."""
    kind = o.background.flatten().long()
    light = 0.10 + 0.86 * o.background_light
    shift = 0.07 * o.background_hue
    above, below = ABOVE[kind][..., None, None], BELOW[kind][..., None, None]
    sky = _colour(above[:, 0] - shift, above[:, 1], (light * 1.12).clamp(max=1))
    ground = _colour(below[:, 0] - shift, below[:, 1], 0.06 + light * 0.70)
    canvas.pixels += sky
    height = 0.5 + 0.5 * canvas.y
    canvas.paint((0.60 * height) * (o.background != ROOM), 0.55 + 0.45 * sky)
    land = o.horizon + 0.9 * (o.background == SKY) + 0.06 * o.spots * (o.background != SEA) * (o.background != ROOM)
    canvas.paint(canvas.coverage(land - canvas.y, 1.6), ground * (1.12 - 0.30 * (canvas.y - o.horizon))[:, None])
    strength = o.texture * torch.where(o.background == SKY, 0.070, 0.112) * (0.5 + light)
    canvas.pixels += (strength * o.grain)[:, None] * _rgb(1.05, 1.0, 0.92)
    canvas.pixels += (0.022 * o.texture * o.spots)[:, None] * _rgb(1.0, 0.1, -1.0)


def _shadow(canvas: Canvas, o: SimpleNamespace) -> None:
    """Paint the shadow that an object on the ground throws, away from the light."""
    grounded = (o.label != 0) & (o.label != 8) & (o.background != SKY)
    distance = ellipse(canvas.x, canvas.y, -0.12 * o.light * o.facing, 0.66, 0.72, 0.13)
    canvas.paint(0.50 * canvas.coverage(distance, 4.0) * grounded, _rgb(0.04, 0.04, 0.07))


def _put(canvas: Canvas, o: SimpleNamespace, distance: Tensor, colour: Tensor) -> None:
    """Paint a part of the object in its light; parts have a darker rim, which tells neighbours apart."""
    pixel = canvas.pixel
    cover = (0.5 - distance / (1.15 * pixel)).clamp_(0, 1)
    rim = 1 - 0.22 * (1 + distance / (1.6 * pixel)).clamp_(0, 1)
    canvas.paint(cover, (colour * (o.lit * rim)[:, None]).clamp_(0, 1.1))


def _paint_of(o: SimpleNamespace) -> Tensor:
    """Return the colour of a vehicle."""
    return _colour(o.hue, 0.75 - 0.55 * (o.variant - 0.5).abs(), 0.30 + 0.62 * o.shade)


def _coat_of(o: SimpleNamespace, stops: Tensor = COATS) -> Tensor:
    """Return the colour of an animal."""
    return ramp(o.hue.flatten() / 0.88, stops)[:, :, None, None] * (0.62 + 0.48 * o.shade[:, None])


DARK, GLASS, WHITE = _rgb(0.07, 0.07, 0.08), _rgb(0.42, 0.56, 0.66), _rgb(0.93, 0.93, 0.91)


def _eye(canvas: Canvas, o: SimpleNamespace, x, y, radius: float = 0.055) -> None:
    canvas.paint(canvas.coverage(ellipse(canvas.x, canvas.y, x, y, radius, radius) - 0.01), DARK)
    canvas.paint(0.9 * canvas.coverage(ellipse(canvas.x, canvas.y, x + 0.015, y - 0.02, 0.025, 0.025)), 1.0)


def _wheels(canvas: Canvas, o: SimpleNamespace, places: tuple[float, ...], y: float, radius: float) -> None:
    for x in places:
        wheel = ellipse(canvas.x, canvas.y, x, y, radius, radius)
        canvas.paint(canvas.coverage(wheel), DARK)
        canvas.paint(canvas.coverage(wheel + radius * 0.55), _rgb(0.66, 0.67, 0.70))


def _legs(canvas: Canvas, o: SimpleNamespace, places: tuple[float, ...], top: float, radius: float, colour: Tensor) -> None:
    """Paint the far legs darker, then the near ones; `pose` swings them."""
    for k, x in enumerate(places):
        swing = 0.10 * o.pose * (1 if k % 2 else -1)
        leg = capsule(canvas.x, canvas.y, x, top, x + swing, 0.64, radius)
        _put(canvas, o, leg, colour * (0.62 if k < len(places) // 2 else 0.92))


# --- the ten classes ------------------------------------------------


def _airplane(canvas: Canvas, o: SimpleNamespace) -> None:
    canvas.x, canvas.y, canvas.pixel = canvas.x / 1.15, canvas.y / 1.15, canvas.pixel / 1.15
    x, y, body, mark = canvas.x, canvas.y, torch.lerp(WHITE, _paint_of(o), 0.22), _paint_of(o)
    _put(canvas, o, polygon(x, y, [(0.10, -0.02), (-0.16, -0.02), (-0.42, -0.36), (-0.30, -0.36)]), body * 0.72)
    _put(canvas, o, polygon(x, y, [(-0.48, -0.04), (-0.84, -0.46), (-0.66, -0.46), (-0.30, -0.06)]), mark)
    _put(
        canvas,
        o,
        smooth_union(capsule(x, y, -0.66, -0.04, 0.58, 0.02, 0.125), ellipse(x, y, 0.6, 0.03, 0.24, 0.10), 0.1),
        body,
    )
    canvas.paint(0.85 * canvas.coverage(capsule(x, y, -0.45, -0.05, 0.45, -0.02, 0.026)), GLASS * 0.45)
    canvas.paint(canvas.coverage(ellipse(x, y, 0.66, -0.01, 0.07, 0.04)), DARK)
    canvas.paint(0.8 * canvas.coverage(capsule(x, y, -0.66, 0.055, 0.66, 0.09, 0.018)), mark * 0.9)
    _put(canvas, o, polygon(x, y, [(0.20, 0.06), (-0.12, 0.07), (-0.50, 0.52), (-0.30, 0.52)]), body * 0.92)
    _put(canvas, o, box(x, y, 0.02, 0.24, 0.11, 0.055, 0.05), mark * 0.8)


def _automobile(canvas: Canvas, o: SimpleNamespace) -> None:
    x, y, paint = canvas.x, canvas.y, _paint_of(o)
    tall = 0.10 * o.pose
    roof = [(-0.56, 0.10), (-0.36 - tall, -0.26), (0.22, -0.28), (0.48, 0.10)]
    _put(canvas, o, polygon(x, y, roof) - 0.03, paint)
    _put(canvas, o, box(x, y, 0.0, 0.24, 0.82, 0.20, 0.12), paint)
    glass = [(-0.46, 0.08), (-0.31 - tall, -0.20), (0.17, -0.21), (0.36, 0.08)]
    canvas.paint(0.92 * canvas.coverage(polygon(x, y, glass)), GLASS * (0.9 - 0.5 * canvas.y[:, None]))
    canvas.paint(canvas.coverage(box(x, y, -0.06, -0.06, 0.03, 0.16)), paint * 0.85)
    canvas.paint(canvas.coverage(ellipse(x, y, 0.75, 0.20, 0.06, 0.06)), _rgb(1.0, 0.95, 0.72))
    canvas.paint(canvas.coverage(box(x, y, -0.78, 0.20, 0.035, 0.06)), _rgb(0.75, 0.10, 0.08))
    canvas.paint(0.7 * canvas.coverage(box(x, y, 0.0, 0.41, 0.80, 0.035)), DARK)
    _wheels(canvas, o, (-0.47, 0.47), 0.44, 0.19)


def _bird(canvas: Canvas, o: SimpleNamespace) -> None:
    x, y = canvas.x, canvas.y
    coat = _colour(o.hue, 0.30 + 0.45 * o.variant, 0.28 + 0.55 * o.shade)
    beak = _rgb(0.90, 0.58, 0.16)
    for leg in (-0.02, 0.10):
        canvas.paint(canvas.coverage(capsule(x, y, leg, 0.30, leg + 0.03, 0.63, 0.028)), beak * 0.62)
    _put(
        canvas,
        o,
        polygon(x, y, [(-0.28, 0.06), (-0.86, 0.24 - 0.14 * o.pose), (-0.80, 0.40 - 0.14 * o.pose), (-0.20, 0.30)]),
        coat * 0.66,
    )
    _put(canvas, o, polygon(x, y, [(0.58, -0.40), (0.84, -0.28), (0.56, -0.22)]), beak)
    head = ellipse(x, y, 0.42, -0.32, 0.23, 0.22)
    _put(canvas, o, smooth_union(ellipse(x, y, 0.03, 0.12, 0.45, 0.30), head, 0.25), coat)
    canvas.paint(0.75 * canvas.coverage(ellipse(x, y, 0.20, 0.22, 0.27, 0.17), 3.0), torch.lerp(coat, WHITE, 0.75))
    wing = polygon(x, y, [(0.16, -0.04), (-0.10, 0.26), (-0.66, 0.10 - 0.45 * o.pose.clamp(min=0)), (-0.20, -0.10)])
    _put(canvas, o, wing - 0.03, coat * 0.58)
    _eye(canvas, o, 0.48, -0.36)


def _cat(canvas: Canvas, o: SimpleNamespace) -> None:
    x, y, coat, pale = canvas.x, canvas.y, _coat_of(o), torch.lerp(_coat_of(o), WHITE, 0.6)
    _put(canvas, o, capsule(x, y, -0.30, 0.52, -0.66, 0.30, 0.075), coat * 0.8)
    _put(canvas, o, capsule(x, y, -0.66, 0.30, -0.62 - 0.12 * o.pose, -0.14, 0.07), coat * 0.8)
    body = smooth_union(ellipse(x, y, -0.10, 0.34, 0.38, 0.33), ellipse(x, y, 0.06, 0.08, 0.24, 0.30), 0.2)
    stripes = (torch.sin(19 * x + 7 * y) > 0.35) * (o.variant > 0.5)
    _put(canvas, o, body, coat * (1 - 0.38 * stripes)[:, None])
    canvas.paint(0.7 * canvas.coverage(ellipse(x, y, 0.16, 0.26, 0.12, 0.24), 2.5), pale)
    for paw in (0.04, 0.24):
        _put(canvas, o, ellipse(x, y, paw, 0.62, 0.12, 0.075), pale)
    hx = 0.16 + 0.08 * o.pose
    for side in (-1, 1):
        ear = [(hx + 0.08 * side, -0.46), (hx + 0.27 * side, -0.80), (hx + 0.32 * side, -0.26)]
        _put(canvas, o, polygon(x, y, ear), coat * 0.85)
        canvas.paint(0.7 * canvas.coverage(ellipse(x, y, hx + 0.225 * side, -0.52, 0.05, 0.10)), _rgb(0.80, 0.50, 0.48))
    _put(canvas, o, ellipse(x, y, hx, -0.27, 0.36, 0.29), coat)
    canvas.paint(0.75 * canvas.coverage(ellipse(x, y, hx, -0.15, 0.17, 0.12), 2.0), pale)
    for side in (-1, 1):
        eye = ellipse(x, y, hx + 0.15 * side, -0.31, 0.075, 0.07)
        canvas.paint(canvas.coverage(eye), _colour(0.13 + 0.25 * o.second_hue, 0.65, 0.85))
        canvas.paint(canvas.coverage(ellipse(x, y, hx + 0.15 * side, -0.31, 0.03, 0.065)), DARK)
    canvas.paint(canvas.coverage(ellipse(x, y, hx, -0.185, 0.05, 0.035)), _rgb(0.72, 0.36, 0.36))


def _deer(canvas: Canvas, o: SimpleNamespace) -> None:
    x, y, coat = canvas.x, canvas.y, _coat_of(o, DEER_COATS)
    _legs(canvas, o, (-0.40, 0.24, -0.32, 0.32), 0.20, 0.042, coat)
    canvas.paint(canvas.coverage(ellipse(x, y, -0.54, 0.04, 0.08, 0.12)), WHITE)
    body = smooth_union(ellipse(x, y, -0.06, 0.12, 0.46, 0.20), capsule(x, y, 0.28, 0.06, 0.46, -0.34, 0.10), 0.12)
    _put(canvas, o, body, coat)
    dots = (torch.sin(24 * x) * torch.sin(24 * y + 12 * x) > 0.55) * (o.variant > 0.6)
    canvas.paint(0.7 * dots * canvas.coverage(ellipse(x, y, -0.10, 0.05, 0.34, 0.10)), WHITE)
    canvas.paint(0.6 * canvas.coverage(ellipse(x, y, -0.02, 0.28, 0.34, 0.05), 2.0), torch.lerp(coat, WHITE, 0.6))
    antler = _rgb(0.80, 0.70, 0.52)
    for lean in (-0.14, 0.10):
        canvas.paint(canvas.coverage(capsule(x, y, 0.46, -0.48, 0.46 + lean, -0.86, 0.028)), antler)
        canvas.paint(canvas.coverage(capsule(x, y, 0.46 + 0.55 * lean, -0.68, 0.46 + 2.1 * lean, -0.82, 0.026)), antler)
    _put(canvas, o, ellipse(x, y, 0.32, -0.50, 0.12, 0.05), coat * 0.8)
    _put(canvas, o, capsule(x, y, 0.48, -0.44, 0.68, -0.34, 0.095), coat)
    canvas.paint(canvas.coverage(ellipse(x, y, 0.77, -0.32, 0.04, 0.045)), DARK)
    _eye(canvas, o, 0.52, -0.47, 0.035)


def _dog(canvas: Canvas, o: SimpleNamespace) -> None:
    x, y, coat = canvas.x, canvas.y, _coat_of(o)
    patch = ramp(o.second_hue.flatten(), COATS)[:, :, None, None] * 0.8
    _put(canvas, o, capsule(x, y, -0.50, 0.12, -0.78, -0.18 - 0.10 * o.pose, 0.065), coat * 0.85)
    _legs(canvas, o, (-0.42, 0.20, -0.32, 0.30), 0.25, 0.085, coat)
    body = smooth_union(capsule(x, y, -0.36, 0.18, 0.22, 0.16, 0.22), capsule(x, y, 0.26, 0.06, 0.38, -0.22, 0.17), 0.15)
    _put(canvas, o, body, coat)
    spot = ellipse(x, y, -0.22, 0.08, 0.22, 0.16)
    canvas.paint(0.9 * canvas.coverage(torch.maximum(spot, body), 1.5) * (o.variant > 0.5), patch * o.lit[:, None])
    canvas.paint(canvas.coverage(capsule(x, y, 0.20, -0.04, 0.46, 0.06, 0.035)), _colour(o.second_hue, 0.75, 0.75))
    head = smooth_union(ellipse(x, y, 0.42, -0.34, 0.25, 0.23), capsule(x, y, 0.50, -0.26, 0.70, -0.22, 0.105), 0.1)
    _put(canvas, o, head, coat)
    canvas.paint(canvas.coverage(ellipse(x, y, 0.80, -0.28, 0.065, 0.055)), DARK)
    canvas.paint(0.8 * canvas.coverage(capsule(x, y, 0.60, -0.16, 0.76, -0.17, 0.014)), DARK)
    _put(
        canvas,
        o,
        capsule(x, y, 0.28, -0.46, 0.20 - 0.05 * o.pose, -0.20, 0.095),
        torch.where(o.variant[:, None] > 0.5, patch, coat * 0.6),
    )
    _eye(canvas, o, 0.51, -0.38, 0.042)


def _frog(canvas: Canvas, o: SimpleNamespace) -> None:
    x, y = canvas.x, canvas.y
    skin = _colour(0.16 + 0.26 * o.hue, 0.50 + 0.25 * o.variant, 0.34 + 0.48 * o.shade)
    for side in (-1, 1):
        _put(canvas, o, ellipse(x, y, 0.46 * side, 0.36, 0.32, 0.24), skin * 0.78)
        _put(canvas, o, capsule(x, y, 0.40 * side, 0.58, 0.78 * side, 0.60, 0.055), skin * 0.70)
    _put(canvas, o, smooth_union(ellipse(x, y, 0, 0.26, 0.46, 0.36), ellipse(x, y, 0, -0.08, 0.50, 0.28), 0.15), skin)
    canvas.paint(0.75 * canvas.coverage(ellipse(x, y, 0, 0.34, 0.28, 0.23), 2.5), torch.lerp(skin, _rgb(0.95, 0.93, 0.72), 0.7))
    dots = (torch.sin(15 * x + 2) * torch.sin(15 * y) > 0.6) * (o.second_hue > 0.5)
    canvas.paint(0.6 * dots * canvas.coverage(ellipse(x, y, 0, -0.10, 0.44, 0.22)), skin * 0.5)
    for side in (-1, 1):
        _put(canvas, o, capsule(x, y, 0.22 * side, 0.36, 0.24 * side, 0.60, 0.065), skin * 0.88)
        _put(canvas, o, ellipse(x, y, 0.30 * side, -0.34, 0.17, 0.17), skin)
        canvas.paint(canvas.coverage(ellipse(x, y, 0.30 * side, -0.35, 0.11, 0.11)), _rgb(0.95, 0.86, 0.50))
        _eye(canvas, o, 0.30 * side + 0.04 * o.pose, -0.35, 0.055)
    smile = (y - 0.06 + 0.30 * x * x).abs() - 0.020
    canvas.paint(0.85 * canvas.coverage(torch.maximum(smile, x.abs() - 0.38)), skin * 0.32)


def _horse(canvas: Canvas, o: SimpleNamespace) -> None:
    x, y, coat = canvas.x, canvas.y, _coat_of(o)
    mane = ramp(o.second_hue.flatten(), COATS)[:, :, None, None] * 0.55
    _put(canvas, o, capsule(x, y, -0.54, 0.0, -0.76 - 0.06 * o.pose, 0.42, 0.075), mane)
    _legs(canvas, o, (-0.42, 0.16, -0.34, 0.26), 0.16, 0.065, coat)
    neck = polygon(x, y, [(0.02, -0.02), (0.36, 0.16), (0.66, -0.44), (0.42, -0.64)]) - 0.03
    _put(canvas, o, smooth_union(ellipse(x, y, -0.12, 0.08, 0.48, 0.26), neck, 0.10), coat)
    _put(canvas, o, polygon(x, y, [(0.44, -0.62), (0.56, -0.84), (0.60, -0.58)]), coat * 0.9)
    _put(canvas, o, capsule(x, y, 0.54, -0.52, 0.80, -0.22, 0.115), coat)
    canvas.paint(0.6 * canvas.coverage(ellipse(x, y, 0.83, -0.18, 0.09, 0.08), 2.0), coat * 0.5)
    _put(canvas, o, capsule(x, y, 0.46, -0.66, 0.08, -0.10, 0.07), mane)
    saddle = torch.maximum(ellipse(x, y, -0.10, -0.10, 0.20, 0.18), -0.20 - y)
    canvas.paint(canvas.coverage(saddle) * (o.variant > 0.7), _colour(o.second_hue, 0.6, 0.55) * o.lit[:, None])
    for x_ in (-0.34, 0.26):
        hoof = x_ + 0.10 * o.pose * (1 if x_ > 0 else -1)
        canvas.paint(canvas.coverage(box(x, y, hoof, 0.66, 0.075, 0.045)), DARK)
    _eye(canvas, o, 0.60, -0.50, 0.04)


def _ship(canvas: Canvas, o: SimpleNamespace) -> None:
    x, y, paint = canvas.x, canvas.y, _paint_of(o)
    sails = o.variant < 0.45
    sheet = torch.lerp(WHITE, _colour(o.second_hue, 0.5, 0.95), 0.35)
    for part, shade in (
        ([(0.0, -0.86), (0.0, 0.16), (-0.50, 0.16)], 1.0),
        ([(0.06, -0.72), (0.06, 0.16), (0.54, 0.16)], 0.86),
    ):
        colour = torch.where(sails[:, None], sheet * shade, sheet)
        _put(canvas, o, polygon(x, y, part) + 9.0 * ~sails, colour)
    canvas.paint(canvas.coverage(capsule(x, y, 0.03, -0.86, 0.03, 0.25, 0.02)), _rgb(0.30, 0.22, 0.16))
    for bx, by, hw, hh in ((-0.06, 0.08, 0.46, 0.11), (-0.10, -0.12, 0.30, 0.11), (-0.30, -0.40, 0.09, 0.19)):
        colour = paint * 0.9 if hw < 0.1 else WHITE * 0.96
        _put(canvas, o, box(x, y, bx, by, hw, hh, 0.02) + 9.0 * sails, colour)
    rows = (y - 0.07).abs().minimum((y + 0.13).abs()) - 0.03
    windows = torch.maximum(rows, torch.maximum(0.3 - torch.sin(26 * x), (x + 0.08).abs() - 0.27)) * 1.0
    canvas.paint(0.8 * canvas.coverage(windows) * ~sails, GLASS * 0.5)
    hull = polygon(x, y, [(-0.80, 0.18), (0.90, 0.12), (0.62, 0.52), (-0.64, 0.52)])
    _put(canvas, o, hull, paint)
    canvas.paint(0.85 * canvas.coverage(torch.maximum(hull, (y - 0.24).abs() - 0.03)), WHITE)
    canvas.paint(0.65 * canvas.coverage(ellipse(x, y, 0, 0.56, 0.90, 0.07 + 0.03 * o.pose), 2.5), _rgb(0.86, 0.92, 0.94))


def _truck(canvas: Canvas, o: SimpleNamespace) -> None:
    x, y, paint = canvas.x, canvas.y, _paint_of(o)
    load = torch.lerp(WHITE * 0.92, _colour(o.second_hue, 0.55, 0.75), 0.75 * (o.variant[:, None] > 0.5))
    high = -0.46 - 0.10 * o.pose
    _put(canvas, o, box(x, y, -0.02, 0.40, 0.80, 0.055), DARK * 2)
    _put(canvas, o, box(x, y, -0.30, 0.5 * (high + 0.34), 0.52, 0.5 * (0.34 - high), 0.03), load)
    canvas.paint(0.75 * canvas.coverage(box(x, y, -0.30, 0.5 * (high + 0.34), 0.50, 0.045)), paint)
    cab = smooth_union(box(x, y, 0.48, 0.06, 0.21, 0.34, 0.07), box(x, y, 0.60, 0.24, 0.24, 0.17, 0.05), 0.05)
    _put(canvas, o, cab, paint)
    window = polygon(x, y, [(0.38, 0.02), (0.38, -0.20), (0.60, -0.20), (0.68, 0.02)])
    canvas.paint(0.92 * canvas.coverage(window), GLASS * (0.85 - 0.6 * canvas.y[:, None]))
    canvas.paint(canvas.coverage(ellipse(x, y, 0.80, 0.24, 0.045, 0.06)), _rgb(1.0, 0.95, 0.72))
    _wheels(canvas, o, (-0.58, -0.20, 0.54), 0.48, 0.165)


PAINTERS = (_airplane, _automobile, _bird, _cat, _deer, _dog, _frog, _horse, _ship, _truck)
