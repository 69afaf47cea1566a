"""Drawn objects, the stand-in for CIFAR-10: parameters (B,) go in, images (B, 3, 32, 32) of ten classes come out.

An animal or a vehicle stands before a sky, a sea, a meadow, a road or a room. Light falls from a known side, and
everything carries a texture whose power falls with frequency as that of natural images does. Factors are independent of
the class and of each other. An object is drawn in its own coordinates, about -0.8 … 0.8, looking to the right.
"""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor

from standins.drawing import (
    Canvas,
    box,
    capsule,
    columns,
    ellipse,
    hashed,
    hsv,
    in_groups,
    polygon,
    ramp,
    rgb,
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
DARK, GLASS, WHITE = rgb(0.07, 0.07, 0.08), rgb(0.42, 0.56, 0.66), rgb(0.93, 0.93, 0.91)


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


def _draw(label: int, parameters: dict[str, Tensor]) -> Tensor:
    canvas = Canvas(len(parameters["label"]), 3, SHAPE[1])
    o = Scene(canvas=canvas, **columns(parameters))
    o.grain, o.spots = _natural_noise(parameters["noise_seed"], SHAPE[1])
    _background(canvas, o)
    x, y = turned(canvas.x - o.x, canvas.y - o.y, o.angle)
    canvas.x, canvas.y, canvas.pixel = x * o.facing / o.size, y / o.size, canvas.pixel / o.size
    side = o.light * o.facing
    o.lit = 1.0 + 0.32 * side * canvas.x - 0.36 * canvas.y + 0.07 * o.texture * o.spots
    grounded = (o.label != 0) & (o.label != 8) & (o.background != SKY)
    shadow = ellipse(canvas.x, canvas.y, -0.12 * o.light * o.facing, 0.66, 0.72, 0.13)  # away from the light
    o.fill(shadow, rgb(0.04, 0.04, 0.07), 0.50 * grounded, 4.0)
    PAINTERS[label](o, canvas.x, canvas.y)
    canvas.pixels += (0.022 * o.texture * o.grain)[:, None]
    return canvas.to_uint8()


def _natural_noise(seeds: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return two textures (B, size, size) of unit variance: phases hashed from the seed, amplitudes as 1/frequency."""
    rate = torch.fft.fftfreq(size, 1 / size)
    radius = torch.sqrt(rate[:, None] ** 2 + rate[None, :] ** 2)
    amplitude = torch.where(radius > 0, 1 / radius.clamp(min=1), 0.0)
    amplitude = amplitude * (size * size / amplitude.square().sum().sqrt())
    phase = 6.2831853 * hashed(seeds[:, None], torch.arange(size * size)).view(-1, size, size)
    field = torch.fft.ifft2(torch.polar(amplitude.expand_as(phase), phase))
    return field.real * 2**0.5, field.imag * 2**0.5


def _background(canvas: Canvas, o: Scene) -> None:
    """Paint what is above and below the horizon, each a gradient, and the natural texture over both."""
    kind = o.background.flatten().long()
    light = 0.10 + 0.86 * o.background_light
    shift = 0.07 * o.background_hue
    above, below = ABOVE[kind][..., None, None], BELOW[kind][..., None, None]
    sky = hsv(above[:, 0] - shift, above[:, 1], (light * 1.12).clamp(max=1))
    ground = hsv(below[:, 0] - shift, below[:, 1], 0.06 + light * 0.70)
    canvas.pixels += sky
    height = 0.5 + 0.5 * canvas.y
    canvas.paint((0.60 * height) * (o.background != ROOM), 0.55 + 0.45 * sky)
    land = o.horizon + 0.9 * (o.background == SKY) + 0.06 * o.spots * (o.background != SEA) * (o.background != ROOM)
    o.fill(land - canvas.y, ground * (1.12 - 0.30 * (canvas.y - o.horizon))[:, None], soft=1.6)
    strength = o.texture * torch.where(o.background == SKY, 0.070, 0.112) * (0.5 + light)
    canvas.pixels += (strength * o.grain)[:, None] * rgb(1.05, 1.0, 0.92)
    canvas.pixels += (0.022 * o.texture * o.spots)[:, None] * rgb(1.0, 0.1, -1.0)


class Scene(SimpleNamespace):
    """Images of one class in the making: a canvas and the parameters as columns."""

    def fill(self, distance: Tensor, colour: Tensor | float, strength: Tensor | float = 1.0, soft: float = 1.0) -> None:
        """Paint a shape in one colour, in no light."""
        self.canvas.paint(strength * self.canvas.coverage(distance, soft), colour)

    def put(self, distance: Tensor, colour: Tensor) -> None:
        """Paint a part of the object in its light; parts have a darker rim, which tells neighbours apart."""
        cover = (0.5 - distance / (1.15 * self.canvas.pixel)).clamp_(0, 1)
        rim = 1 - 0.22 * (1 + distance / (1.6 * self.canvas.pixel)).clamp_(0, 1)
        self.canvas.paint(cover, (colour * (self.lit * rim)[:, None]).clamp_(0, 1.1))

    def paint(self) -> Tensor:
        """Return the colour of a vehicle."""
        return hsv(self.hue, 0.75 - 0.55 * (self.variant - 0.5).abs(), 0.30 + 0.62 * self.shade)

    def coat(self, stops: Tensor = COATS) -> Tensor:
        """Return the colour of an animal."""
        return ramp(self.hue / 0.88, stops) * (0.62 + 0.48 * self.shade[:, None])

    def eye(self, x, y, radius: float = 0.055) -> None:
        """Paint an eye and the light in it."""
        self.fill(ellipse(self.canvas.x, self.canvas.y, x, y, radius, radius) - 0.01, DARK)
        self.fill(ellipse(self.canvas.x, self.canvas.y, x + 0.015, y - 0.02, 0.025, 0.025), 1.0, 0.9)

    def wheels(self, places: tuple[float, ...], y: float, radius: float) -> None:
        """Paint wheels of one size on one line."""
        for x in places:
            wheel = ellipse(self.canvas.x, self.canvas.y, x, y, radius, radius)
            self.fill(wheel, DARK)
            self.fill(wheel + radius * 0.55, rgb(0.66, 0.67, 0.70))

    def legs(self, places: tuple[float, ...], top: float, radius: float, colour: Tensor) -> None:
        """Paint the far legs darker, then the near ones; `pose` swings them."""
        for k, x in enumerate(places):
            swing = 0.10 * self.pose * (1 if k % 2 else -1)
            leg = capsule(self.canvas.x, self.canvas.y, x, top, x + swing, 0.64, radius)
            self.put(leg, colour * (0.62 if k < len(places) // 2 else 0.92))


def _airplane(o: Scene, x: Tensor, y: Tensor) -> None:
    x, y, o.canvas.pixel = x / 1.15, y / 1.15, o.canvas.pixel / 1.15
    body, mark = torch.lerp(WHITE, o.paint(), 0.22), o.paint()
    o.put(polygon(x, y, [(0.10, -0.02), (-0.16, -0.02), (-0.42, -0.36), (-0.30, -0.36)]), body * 0.72)
    o.put(polygon(x, y, [(-0.48, -0.04), (-0.84, -0.46), (-0.66, -0.46), (-0.30, -0.06)]), mark)
    o.put(smooth_union(capsule(x, y, -0.66, -0.04, 0.58, 0.02, 0.125), ellipse(x, y, 0.6, 0.03, 0.24, 0.10), 0.1), body)
    o.fill(capsule(x, y, -0.45, -0.05, 0.45, -0.02, 0.026), GLASS * 0.45, 0.85)
    o.fill(ellipse(x, y, 0.66, -0.01, 0.07, 0.04), DARK)
    o.fill(capsule(x, y, -0.66, 0.055, 0.66, 0.09, 0.018), mark * 0.9, 0.8)
    o.put(polygon(x, y, [(0.20, 0.06), (-0.12, 0.07), (-0.50, 0.52), (-0.30, 0.52)]), body * 0.92)
    o.put(box(x, y, 0.02, 0.24, 0.11, 0.055, 0.05), mark * 0.8)


def _automobile(o: Scene, x: Tensor, y: Tensor) -> None:
    paint = o.paint()
    tall = 0.10 * o.pose
    roof = [(-0.56, 0.10), (-0.36 - tall, -0.26), (0.22, -0.28), (0.48, 0.10)]
    o.put(polygon(x, y, roof) - 0.03, paint)
    o.put(box(x, y, 0.0, 0.24, 0.82, 0.20, 0.12), paint)
    glass = [(-0.46, 0.08), (-0.31 - tall, -0.20), (0.17, -0.21), (0.36, 0.08)]
    o.fill(polygon(x, y, glass), GLASS * (0.9 - 0.5 * y[:, None]), 0.92)
    o.fill(box(x, y, -0.06, -0.06, 0.03, 0.16), paint * 0.85)
    o.fill(ellipse(x, y, 0.75, 0.20, 0.06, 0.06), rgb(1.0, 0.95, 0.72))
    o.fill(box(x, y, -0.78, 0.20, 0.035, 0.06), rgb(0.75, 0.10, 0.08))
    o.fill(box(x, y, 0.0, 0.41, 0.80, 0.035), DARK, 0.7)
    o.wheels((-0.47, 0.47), 0.44, 0.19)


def _bird(o: Scene, x: Tensor, y: Tensor) -> None:
    coat = hsv(o.hue, 0.30 + 0.45 * o.variant, 0.28 + 0.55 * o.shade)
    beak = rgb(0.90, 0.58, 0.16)
    for leg in (-0.02, 0.10):
        o.fill(capsule(x, y, leg, 0.30, leg + 0.03, 0.63, 0.028), beak * 0.62)
    o.put(polygon(x, y, [(-0.28, 0.06), (-0.86, 0.24 - 0.14 * o.pose), (-0.80, 0.40 - 0.14 * o.pose), (-0.20, 0.30)]), coat * 0.66)
    o.put(polygon(x, y, [(0.58, -0.40), (0.84, -0.28), (0.56, -0.22)]), beak)
    head = ellipse(x, y, 0.42, -0.32, 0.23, 0.22)
    o.put(smooth_union(ellipse(x, y, 0.03, 0.12, 0.45, 0.30), head, 0.25), coat)
    o.fill(ellipse(x, y, 0.20, 0.22, 0.27, 0.17), torch.lerp(coat, WHITE, 0.75), 0.75, 3.0)
    wing = polygon(x, y, [(0.16, -0.04), (-0.10, 0.26), (-0.66, 0.10 - 0.45 * o.pose.clamp(min=0)), (-0.20, -0.10)])
    o.put(wing - 0.03, coat * 0.58)
    o.eye(0.48, -0.36)


def _cat(o: Scene, x: Tensor, y: Tensor) -> None:
    coat, pale = o.coat(), torch.lerp(o.coat(), WHITE, 0.6)
    o.put(capsule(x, y, -0.30, 0.52, -0.66, 0.30, 0.075), coat * 0.8)
    o.put(capsule(x, y, -0.66, 0.30, -0.62 - 0.12 * o.pose, -0.14, 0.07), coat * 0.8)
    body = smooth_union(ellipse(x, y, -0.10, 0.34, 0.38, 0.33), ellipse(x, y, 0.06, 0.08, 0.24, 0.30), 0.2)
    stripes = (torch.sin(19 * x + 7 * y) > 0.35) * (o.variant > 0.5)
    o.put(body, coat * (1 - 0.38 * stripes)[:, None])
    o.fill(ellipse(x, y, 0.16, 0.26, 0.12, 0.24), pale, 0.7, 2.5)
    for paw in (0.04, 0.24):
        o.put(ellipse(x, y, paw, 0.62, 0.12, 0.075), pale)
    hx = 0.16 + 0.08 * o.pose
    for side in (-1, 1):
        ear = [(hx + 0.08 * side, -0.46), (hx + 0.27 * side, -0.80), (hx + 0.32 * side, -0.26)]
        o.put(polygon(x, y, ear), coat * 0.85)
        o.fill(ellipse(x, y, hx + 0.225 * side, -0.52, 0.05, 0.10), rgb(0.80, 0.50, 0.48), 0.7)
    o.put(ellipse(x, y, hx, -0.27, 0.36, 0.29), coat)
    o.fill(ellipse(x, y, hx, -0.15, 0.17, 0.12), pale, 0.75, 2.0)
    for side in (-1, 1):
        eye = ellipse(x, y, hx + 0.15 * side, -0.31, 0.075, 0.07)
        o.fill(eye, hsv(0.13 + 0.25 * o.second_hue, 0.65, 0.85))
        o.fill(ellipse(x, y, hx + 0.15 * side, -0.31, 0.03, 0.065), DARK)
    o.fill(ellipse(x, y, hx, -0.185, 0.05, 0.035), rgb(0.72, 0.36, 0.36))


def _deer(o: Scene, x: Tensor, y: Tensor) -> None:
    coat = o.coat(DEER_COATS)
    o.legs((-0.40, 0.24, -0.32, 0.32), 0.20, 0.042, coat)
    o.fill(ellipse(x, y, -0.54, 0.04, 0.08, 0.12), WHITE)
    body = smooth_union(ellipse(x, y, -0.06, 0.12, 0.46, 0.20), capsule(x, y, 0.28, 0.06, 0.46, -0.34, 0.10), 0.12)
    o.put(body, coat)
    dots = (torch.sin(24 * x) * torch.sin(24 * y + 12 * x) > 0.55) * (o.variant > 0.6)
    o.fill(ellipse(x, y, -0.10, 0.05, 0.34, 0.10), WHITE, 0.7 * dots)
    o.fill(ellipse(x, y, -0.02, 0.28, 0.34, 0.05), torch.lerp(coat, WHITE, 0.6), 0.6, 2.0)
    antler = rgb(0.80, 0.70, 0.52)
    for lean in (-0.14, 0.10):
        o.fill(capsule(x, y, 0.46, -0.48, 0.46 + lean, -0.86, 0.028), antler)
        o.fill(capsule(x, y, 0.46 + 0.55 * lean, -0.68, 0.46 + 2.1 * lean, -0.82, 0.026), antler)
    o.put(ellipse(x, y, 0.32, -0.50, 0.12, 0.05), coat * 0.8)
    o.put(capsule(x, y, 0.48, -0.44, 0.68, -0.34, 0.095), coat)
    o.fill(ellipse(x, y, 0.77, -0.32, 0.04, 0.045), DARK)
    o.eye(0.52, -0.47, 0.035)


def _dog(o: Scene, x: Tensor, y: Tensor) -> None:
    coat = o.coat()
    patch = ramp(o.second_hue, COATS) * 0.8
    o.put(capsule(x, y, -0.50, 0.12, -0.78, -0.18 - 0.10 * o.pose, 0.065), coat * 0.85)
    o.legs((-0.42, 0.20, -0.32, 0.30), 0.25, 0.085, coat)
    body = smooth_union(capsule(x, y, -0.36, 0.18, 0.22, 0.16, 0.22), capsule(x, y, 0.26, 0.06, 0.38, -0.22, 0.17), 0.15)
    o.put(body, coat)
    spot = ellipse(x, y, -0.22, 0.08, 0.22, 0.16)
    o.fill(torch.maximum(spot, body), patch * o.lit[:, None], 0.9 * (o.variant > 0.5), 1.5)
    o.fill(capsule(x, y, 0.20, -0.04, 0.46, 0.06, 0.035), hsv(o.second_hue, 0.75, 0.75))
    head = smooth_union(ellipse(x, y, 0.42, -0.34, 0.25, 0.23), capsule(x, y, 0.50, -0.26, 0.70, -0.22, 0.105), 0.1)
    o.put(head, coat)
    o.fill(ellipse(x, y, 0.80, -0.28, 0.065, 0.055), DARK)
    o.fill(capsule(x, y, 0.60, -0.16, 0.76, -0.17, 0.014), DARK, 0.8)
    o.put(capsule(x, y, 0.28, -0.46, 0.20 - 0.05 * o.pose, -0.20, 0.095), torch.where(o.variant[:, None] > 0.5, patch, coat * 0.6))
    o.eye(0.51, -0.38, 0.042)


def _frog(o: Scene, x: Tensor, y: Tensor) -> None:
    skin = hsv(0.16 + 0.26 * o.hue, 0.50 + 0.25 * o.variant, 0.34 + 0.48 * o.shade)
    for side in (-1, 1):
        o.put(ellipse(x, y, 0.46 * side, 0.36, 0.32, 0.24), skin * 0.78)
        o.put(capsule(x, y, 0.40 * side, 0.58, 0.78 * side, 0.60, 0.055), skin * 0.70)
    o.put(smooth_union(ellipse(x, y, 0, 0.26, 0.46, 0.36), ellipse(x, y, 0, -0.08, 0.50, 0.28), 0.15), skin)
    o.fill(ellipse(x, y, 0, 0.34, 0.28, 0.23), torch.lerp(skin, rgb(0.95, 0.93, 0.72), 0.7), 0.75, 2.5)
    dots = (torch.sin(15 * x + 2) * torch.sin(15 * y) > 0.6) * (o.second_hue > 0.5)
    o.fill(ellipse(x, y, 0, -0.10, 0.44, 0.22), skin * 0.5, 0.6 * dots)
    for side in (-1, 1):
        o.put(capsule(x, y, 0.22 * side, 0.36, 0.24 * side, 0.60, 0.065), skin * 0.88)
        o.put(ellipse(x, y, 0.30 * side, -0.34, 0.17, 0.17), skin)
        o.fill(ellipse(x, y, 0.30 * side, -0.35, 0.11, 0.11), rgb(0.95, 0.86, 0.50))
        o.eye(0.30 * side + 0.04 * o.pose, -0.35, 0.055)
    smile = (y - 0.06 + 0.30 * x * x).abs() - 0.020
    o.fill(torch.maximum(smile, x.abs() - 0.38), skin * 0.32, 0.85)


def _horse(o: Scene, x: Tensor, y: Tensor) -> None:
    coat = o.coat()
    mane = ramp(o.second_hue, COATS) * 0.55
    o.put(capsule(x, y, -0.54, 0.0, -0.76 - 0.06 * o.pose, 0.42, 0.075), mane)
    o.legs((-0.42, 0.16, -0.34, 0.26), 0.16, 0.065, coat)
    neck = polygon(x, y, [(0.02, -0.02), (0.36, 0.16), (0.66, -0.44), (0.42, -0.64)]) - 0.03
    o.put(smooth_union(ellipse(x, y, -0.12, 0.08, 0.48, 0.26), neck, 0.10), coat)
    o.put(polygon(x, y, [(0.44, -0.62), (0.56, -0.84), (0.60, -0.58)]), coat * 0.9)
    o.put(capsule(x, y, 0.54, -0.52, 0.80, -0.22, 0.115), coat)
    o.fill(ellipse(x, y, 0.83, -0.18, 0.09, 0.08), coat * 0.5, 0.6, 2.0)
    o.put(capsule(x, y, 0.46, -0.66, 0.08, -0.10, 0.07), mane)
    saddle = torch.maximum(ellipse(x, y, -0.10, -0.10, 0.20, 0.18), -0.20 - y)
    o.fill(saddle, hsv(o.second_hue, 0.6, 0.55) * o.lit[:, None], o.variant > 0.7)
    for x_ in (-0.34, 0.26):
        hoof = x_ + 0.10 * o.pose * (1 if x_ > 0 else -1)
        o.fill(box(x, y, hoof, 0.66, 0.075, 0.045), DARK)
    o.eye(0.60, -0.50, 0.04)


def _ship(o: Scene, x: Tensor, y: Tensor) -> None:
    paint = o.paint()
    sails = o.variant < 0.45
    sheet = torch.lerp(WHITE, hsv(o.second_hue, 0.5, 0.95), 0.35)
    for part, shade in (
        ([(0.0, -0.86), (0.0, 0.16), (-0.50, 0.16)], 1.0),
        ([(0.06, -0.72), (0.06, 0.16), (0.54, 0.16)], 0.86),
    ):
        colour = torch.where(sails[:, None], sheet * shade, sheet)
        o.put(polygon(x, y, part) + 9.0 * ~sails, colour)
    o.fill(capsule(x, y, 0.03, -0.86, 0.03, 0.25, 0.02), rgb(0.30, 0.22, 0.16))
    for bx, by, hw, hh in ((-0.06, 0.08, 0.46, 0.11), (-0.10, -0.12, 0.30, 0.11), (-0.30, -0.40, 0.09, 0.19)):
        colour = paint * 0.9 if hw < 0.1 else WHITE * 0.96
        o.put(box(x, y, bx, by, hw, hh, 0.02) + 9.0 * sails, colour)
    rows = (y - 0.07).abs().minimum((y + 0.13).abs()) - 0.03
    windows = torch.maximum(rows, torch.maximum(0.3 - torch.sin(26 * x), (x + 0.08).abs() - 0.27)) * 1.0
    o.fill(windows, GLASS * 0.5, 0.8 * ~sails)
    hull = polygon(x, y, [(-0.80, 0.18), (0.90, 0.12), (0.62, 0.52), (-0.64, 0.52)])
    o.put(hull, paint)
    o.fill(torch.maximum(hull, (y - 0.24).abs() - 0.03), WHITE, 0.85)
    o.fill(ellipse(x, y, 0, 0.56, 0.90, 0.07 + 0.03 * o.pose), rgb(0.86, 0.92, 0.94), 0.65, 2.5)


def _truck(o: Scene, x: Tensor, y: Tensor) -> None:
    paint = o.paint()
    load = torch.lerp(WHITE * 0.92, hsv(o.second_hue, 0.55, 0.75), 0.75 * (o.variant[:, None] > 0.5))
    high = -0.46 - 0.10 * o.pose
    o.put(box(x, y, -0.02, 0.40, 0.80, 0.055), DARK * 2)
    o.put(box(x, y, -0.30, 0.5 * (high + 0.34), 0.52, 0.5 * (0.34 - high), 0.03), load)
    o.fill(box(x, y, -0.30, 0.5 * (high + 0.34), 0.50, 0.045), paint, 0.75)
    cab = smooth_union(box(x, y, 0.48, 0.06, 0.21, 0.34, 0.07), box(x, y, 0.60, 0.24, 0.24, 0.17, 0.05), 0.05)
    o.put(cab, paint)
    window = polygon(x, y, [(0.38, 0.02), (0.38, -0.20), (0.60, -0.20), (0.68, 0.02)])
    o.fill(window, GLASS * (0.85 - 0.6 * y[:, None]), 0.92)
    o.fill(ellipse(x, y, 0.80, 0.24, 0.045, 0.06), rgb(1.0, 0.95, 0.72))
    o.wheels((-0.58, -0.20, 0.54), 0.48, 0.165)


PAINTERS = (_airplane, _automobile, _bird, _cat, _deer, _dog, _frog, _horse, _ship, _truck)
