"""The magic wardrobe, ten drawn garment classes: parameters (B,) go in, images (B, 1, 28, 28) uint8 come out.

Most outlines are curves of one coordinate, the width at a height or the height along a sole: they cost one row or column
of an image, which makes them fast. All classes share six factors; each garment's function says what it makes of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from standins.drawing import Canvas, capsule, columns, ellipse, in_groups, labelled, rounded, scattered, smooth_union

SOURCE = "the magic wardrobe (drawn stand-in)"
SHAPE = (1, 28, 28)
CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
ATTRIBUTE_NAMES: tuple[str, ...] = ()
FACTORS = {
    "length": (0.0, 1.0),  # clothes: rail to hem; sneaker, sandal: heel to toe; boot: height of the shaft; bag: height
    "width": (0.0, 1.0),  # clothes, bag: across; sneaker: height of the upper; boot: across the shaft; sandal: straps
    "sleeve": (0.0, 1.0),  # tops and dresses: none to long (within what the class allows); trouser: the turned-up cuff;
    #                        sandal: height of the ankle strap; sneaker: height of the collar; bag: handle; boot: cuff
    "flare": (0.0, 1.0),  # clothes: hem against waist; sneaker: thickness of the sole; sandal, boot: heel; bag: taper
    "brightness": (0.6, 1.0),  # of the plain cloth, 1 is white
    "pattern": (0.0, 1.0),  # contrast of the knit, stripes, check, dots or print; the laces and stripes of shoes
}
STYLE = {
    "shift_x": (-0.04, 0.04),  # frame units (the frame is 2 wide)
    "shift_y": (-0.03, 0.03),
    "zoom": (0.95, 1.02),  # how near the camera stands
    "pattern_kind": (0.0, 1.0),  # which pattern: see PATTERNS
    "pattern_scale": (0.0, 1.0),  # distance of stripes and dots, fine to coarse
    "detail": (0.0, 1.0),  # how clearly buttons, zips, seams and edges show
    "shape": (0.0, 1.0),  # neck round to pointed; heel of a sandal thin to wedge; toe of a shoe round to sharp
    "pose": (0.0, 1.0),  # how far sleeves stand out; where the flap of a bag ends
    "noise_seed": (0.0, 1.0),  # the grain of the cloth and the place of its pattern
}
PATTERNS = {"plain": 0.48, "across": 0.62, "down": 0.72, "check": 0.79, "dots": 0.87, "print": 1.0}  # kind is below …
PRINTED = ("T-shirt/top", "Pullover")  # the only classes with a print on the chest; on others it is plain cloth
TOP = -0.89  # height of the rail
PIXEL = 2 / 28


def sample(n: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the parameters of n garments, each (n,): the label and every factor and style uniform and independent."""
    return labelled(n, FACTORS | STYLE, generator)


def draw(parameters: dict[str, Tensor]) -> Tensor:
    """Return the images (B, 1, 28, 28) uint8 of parameters as `sample` gives them; each depends on its own alone."""
    return in_groups(_draw_class, parameters, parameters["label"])


def _draw_class(label: int, parameters: dict[str, Tensor]) -> Tensor:
    piece = Piece(parameters, badge=CLASS_NAMES[label] in PRINTED)
    GARMENTS[label](piece)
    return piece.canvas.to_uint8()


class Piece:
    """One batch of garments of one class in the making: a canvas, its coordinates and its parameters as (B, 1, 1)."""

    def __init__(self, parameters: dict[str, Tensor], badge: bool) -> None:
        self.canvas = Canvas(len(parameters["label"]), *SHAPE[:2])
        vars(self).update(columns(parameters))
        self.x = (self.canvas.x - self.shift_x) / self.zoom  # (B, 1, W)
        self.y = (self.canvas.y - self.shift_y) / self.zoom  # (B, H, 1)
        self.side = self.x.abs()  # clothes are mirror images
        self.noise = scattered(parameters["noise_seed"], SHAPE[1] * SHAPE[2]).view(-1, *SHAPE[1:])
        self.phase = self.noise[:, :1, :1], self.noise[:, 1:2, :1]
        self.cloth = self.brightness * _pattern(self, badge)  # (B, H, W)

    if TYPE_CHECKING:  # the parameters

        def __getattr__(self, name: str) -> Tensor: ...

    def paint(self, distance: Tensor, tone: Tensor | float) -> None:
        """Lay cloth of this tone where the distance is negative."""
        mask = self.canvas.coverage(distance)
        pixels = self.canvas.pixels[:, 0]
        pixels += mask * (tone - pixels)

    def shade(self, distance: Tensor, depth: Tensor | float) -> None:
        """Darken what is already there by the share `depth` where the distance is negative."""
        self.canvas.pixels[:, 0] *= 1 - depth * self.canvas.coverage(distance)


def mix(low: float, high: float, share: Tensor) -> Tensor:
    """Return the value a share of the way from low to high."""
    return low + (high - low) * share


def wave(t: Tensor) -> Tensor:
    """Return a parabola of height 1 over every unit of t, 0 at whole numbers."""
    t = t - t.floor()
    return 4 * t * (1 - t)


def line(distance: Tensor, half_width: float) -> Tensor:
    """Return 1 on a line, falling to 0 at `half_width` and half a pixel beyond."""
    return ((half_width + PIXEL / 2 - distance.abs()) * (1 / PIXEL)).clamp(0, 1)


def curve(axis: Tensor, knots: list[tuple], soft: float = 0.1) -> tuple[Tensor, Tensor]:
    """Return the heights of a bent line through knots (place, height) along an axis, corners rounded over `soft`.

    Returns (height, scale): a vertical gap to the line times `scale` is about the distance to it.
    """
    before, here, after = (_bent(axis + offset, knots) for offset in (-soft, 0.0, soft))
    slope = (after - before) * (0.5 / soft)
    return (before + here + after) * (1 / 3), 1 / torch.sqrt(1 + slope * slope)


def _bent(axis: Tensor, knots: list[tuple]) -> Tensor:
    height = knots[0][1]
    for (x0, y0), (x1, y1) in zip(knots, knots[1:], strict=False):
        height = height + (y1 - y0) * ((axis - x0) / (x1 - x0)).clamp(0, 1)
    return height


def inside(*distances: Tensor) -> Tensor:
    """Return the distance to what all shapes share."""
    return reduce(torch.maximum, distances)


def _pattern(h: Piece, badge: bool) -> Tensor:
    """Return the pattern of the cloth, 1 where it is plain: (B, H, W)."""
    per_unit = 14 / mix(3.0, 6.0, h.pattern_scale)
    across = (wave(h.y * per_unit + h.phase[0]) * 2 - 0.5).clamp(0, 1)  # (B, H, 1)
    down = (wave(h.x * per_unit + h.phase[1]) * 2 - 0.5).clamp(0, 1)  # (B, 1, W)
    kind, low = {}, 0.0
    for name, high in PATTERNS.items():
        kind[name] = ((h.pattern_kind >= low) & (h.pattern_kind < high)).float() * h.pattern
        low = high
    grain = 0.04 + 0.16 * (kind["plain"] + kind["print"])
    dark = across * (kind["across"] + 0.6 * kind["check"]) + down * (kind["down"] + 0.6 * kind["check"])
    dark = dark + (kind["dots"] * across) * down
    if badge:
        dark = dark + (line(h.x, 0.2) * kind["print"]) * line(h.y + 0.22, 0.15) * (2 * h.noise - 0.2).clamp(0, 1)
    return (1 - 0.5 * dark) * (1 - grain * h.noise)


@dataclass
class Cut:
    """How a top is cut, all in frame units; numbers or (B, 1, 1)."""

    bottom: Tensor | float  # height of the hem
    shoulder: Tensor | float  # half widths, from here …
    chest: Tensor | float
    waist: Tensor | float
    hem: Tensor | float
    neck: Tensor | float  # … to here
    depth: Tensor | float  # of the neckline
    reach: Tensor | float  # length of the sleeve along its axis
    spread: Tensor | float  # angle of the sleeve from straight down, radians
    arm: Tensor | float  # half width of the sleeve at the shoulder
    wrist: Tensor | float  # and at its end


SLOPE = 0.28  # of a shoulder


def _neckline(h: Piece, cut: Cut) -> Tensor:
    """Return the height of the front neckline and shoulders over each column: (B, 1, W)."""
    inner = (1 - h.side / cut.neck).clamp(min=0)  # 1 in the middle
    dip = inner * (2 - inner) * (1 - h.shape) + inner * h.shape  # round to pointed
    return TOP + SLOPE * (h.side - cut.neck).clamp(min=0) + cut.depth * dip


def _sleeve(h: Piece, cut: Cut) -> tuple[Tensor, Tensor]:
    """Return the distance to both sleeves and how far along the sleeve each pixel lies: (B, H, W) each."""
    # in double precision, so that the last bit of a sine cannot depend on how many images are drawn together
    spread = torch.as_tensor(cut.spread).double()
    sin, cos = torch.sin(spread).float(), torch.cos(spread).float()
    x0 = cut.shoulder - 0.55 * cut.arm
    u, v = h.side - x0, h.y - (TOP + SLOPE * (x0 - cut.neck) + 0.95 * cut.arm)
    along, across = u * sin + v * cos, u * cos - v * sin
    start = along.clamp(max=0)
    half = cut.arm + (cut.wrist - cut.arm) * (along * (1 / 1.3)).clamp(0, 1)
    tube = torch.sqrt(across * across + start * start) - half
    return torch.maximum(tube, along - cut.reach), along


def _hang(h: Piece, cut: Cut, detail: Tensor) -> None:
    """Paint a top: the back of the neck, the sleeves, the shadow between sleeves and body, the body.

    detail: (B, H, W) in [0, 1], how much the front is darkened where it has buttons, seams, ribs.
    """
    top = _neckline(h, cut)
    half, scale = curve(h.y, [(TOP, cut.shoulder), (-0.5, cut.chest), (0.0, cut.waist), (cut.bottom, cut.hem)], soft=0.15)
    body = inside((h.side - half) * scale, top - h.y, h.y - (cut.bottom - 0.12 * h.side * h.side))
    sleeves, along = _sleeve(h, cut)
    h.paint(inside(h.side - cut.neck, TOP + 0.02 - h.y, h.y - top), 0.45 * h.brightness)
    fold = 0.16 * wave(along * 2.1 + h.phase[0]) * h.detail
    h.paint(sleeves, h.cloth * (0.93 - fold))
    h.shade(torch.maximum(body - 0.06, -0.45 - h.y), 0.6)
    round_off = (h.side / half).clamp(max=1)
    h.paint(body, h.cloth * (1 - 0.14 * round_off * round_off) * (1 - detail))


def tshirt(h: Piece) -> None:
    """Sleeve: none to elbow. Flare: straight to widening."""
    chest = mix(0.4, 0.55, h.width)
    cut = Cut(
        bottom=mix(0.5, 0.88, h.length), shoulder=chest + 0.03, chest=chest, waist=chest * mix(1.0, 0.95, h.flare),
        hem=chest * mix(0.93, 1.2, h.flare), neck=0.2, depth=mix(0.1, 0.24, h.pose),
        reach=mix(-0.08, 0.66, h.sleeve), spread=mix(0.75, 0.36, h.sleeve), arm=0.21, wrist=0.15,
    )  # fmt: skip
    collar = line(h.y - _neckline(h, cut) - 0.05, 0.03) * (h.side < cut.neck + 0.02)
    polo = (h.shape > 0.7).float()
    _hang(h, cut, 0.35 * h.detail * (collar + polo * line(h.x, 0.012) * (h.y < -0.3)).clamp(max=1))
    _collar(h, cut, 0.14, polo)


def pullover(h: Piece) -> None:
    """Sleeve: below the elbow … over the wrist. Flare: waist and hem."""
    chest = mix(0.38, 0.51, h.width)
    cut = Cut(
        bottom=mix(0.5, 0.88, h.length), shoulder=chest + 0.04, chest=chest, waist=chest * mix(1.0, 0.95, h.flare),
        hem=chest * mix(0.92, 1.16, h.flare), neck=0.185, depth=mix(0.07, 0.2, h.pose),
        reach=mix(0.85, 1.5, h.sleeve), spread=mix(0.14, 0.22, h.pose), arm=0.19, wrist=0.12,
    )  # fmt: skip
    rib = wave(h.x * 4.67) * (h.y > cut.bottom - 0.16)
    collar = line(h.y - _neckline(h, cut) - 0.05, 0.035) * (h.side < cut.neck + 0.04)
    opening = line(h.x, 0.015) * ((h.shape > 0.75) | ((h.shape > 0.5) & (h.y < -0.3)))  # cardigan; half zip
    _hang(h, cut, h.detail * (0.3 * rib + 0.3 * collar + 0.45 * opening).clamp(max=0.5))


def shirt(h: Piece) -> None:
    """Sleeve: short … long. Flare: waist and hem."""
    chest = mix(0.39, 0.51, h.width)
    cut = Cut(
        bottom=mix(0.5, 0.88, h.length), shoulder=chest + 0.04, chest=chest, waist=chest * mix(1.0, 0.93, h.flare),
        hem=chest * mix(0.93, 1.18, h.flare), neck=0.185, depth=mix(0.08, 0.2, h.pose),
        reach=mix(0.1, 1.5, h.sleeve), spread=mix(0.55, 0.17, h.sleeve), arm=0.19, wrist=0.12,
    )  # fmt: skip
    buttons = line(h.x, 0.02) * (wave(h.y * 3.5) - 0.3).clamp(0, 1)
    _hang(h, cut, (0.25 * line(h.x, 0.012) + 0.5 * buttons) * h.detail)
    _collar(h, cut, 0.16)


def coat(h: Piece) -> None:
    """Sleeve: below the elbow … long. Flare: waist and hem."""
    chest = mix(0.39, 0.52, h.width)
    cut = Cut(
        bottom=mix(0.52, 0.88, h.length), shoulder=chest + 0.04, chest=chest, waist=chest * mix(1.0, 0.95, h.flare),
        hem=chest * mix(0.93, 1.18, h.flare), neck=0.185, depth=mix(0.08, 0.22, h.pose),
        reach=mix(0.85, 1.5, h.sleeve), spread=mix(0.14, 0.22, h.pose), arm=0.195, wrist=0.125,
    )  # fmt: skip
    front = line(h.x - 0.02, 0.02)
    pocket = line(h.y - 0.25 - 0.4 * (h.side - 0.25), 0.02) * line(h.side - 0.26, 0.09)
    _hang(h, cut, (0.6 * front + 0.5 * pocket).clamp(max=0.6) * mix(0.1, 1.0, h.detail))
    _collar(h, cut, mix(0.16, 0.28, h.shape))


def _collar(h: Piece, cut: Cut, drop: Tensor | float, present: Tensor | float = 1.0) -> None:
    """Lay two collar leaves beside the neck where `present`; their shadow fades with the other details."""
    leaf = capsule(h.side, h.y, cut.neck * 0.95, TOP + 0.05, 0.1, TOP + 0.05 + drop, 0.055)
    leaf = leaf + 9 * (1 - present)  # an absent collar is far away
    h.shade(leaf - 0.05, 0.5 * h.detail)
    h.paint(leaf, h.cloth)


def dress(h: Piece) -> None:
    """Sleeve: straps … long. Flare: a sheath to a bell."""
    bust = mix(0.29, 0.42, h.width)
    waist = bust * 0.86
    cut = Cut(
        bottom=mix(0.5, 0.88, h.length), shoulder=bust + 0.01, chest=bust, waist=waist,
        hem=waist + mix(0.02, 0.4, h.flare), neck=bust * 0.58, depth=mix(0.12, 0.36, h.pose),
        reach=mix(-0.13, 1.2, h.sleeve), spread=mix(0.45, 0.16, h.sleeve), arm=0.13, wrist=0.08,
    )  # fmt: skip
    pleats = wave(h.x / (cut.hem + 0.2) * 3.5) * (h.y * 2).clamp(0, 1)
    _hang(h, cut, 0.5 * line(h.y, 0.03) * h.detail + 0.25 * pleats * h.flare)


def trouser(h: Piece) -> None:
    """Width: of hip and legs. Flare: tapered to bell-bottomed. Sleeve: the turned-up cuff."""
    hip, bottom, crotch = mix(0.33, 0.48, h.width), mix(0.55, 0.88, h.length), -0.36
    leg, split = hip * mix(0.5, 0.95, h.flare), hip * 0.32
    outer, scale = curve(h.y, [(TOP, hip * 0.84), (-0.4, hip), (0.2, hip * 0.98), (bottom, split + leg)])
    inner = (h.y - crotch) / (bottom - crotch) * split - 0.01
    legs = inside((h.side - outer) * scale, inner - h.side, TOP - h.y, h.y - bottom)
    middle = (outer + inner.clamp(min=0)) * 0.5
    gap = (h.side - middle) / (outer - middle + 0.05)
    above = h.y < TOP + 0.13
    band = line(h.y - TOP - 0.13, 0.02) + line(h.x, 0.01) * ((h.y < crotch) & ~above)
    cuff = line(h.y - bottom + 0.04 + 0.24 * h.sleeve, 0.02)
    h.paint(legs, h.cloth * (1 - 0.24 * gap * gap) * (1 - (0.4 * band * h.detail + 0.5 * cuff).clamp(max=0.6)))


def bag(h: Piece) -> None:
    """Length: height of the body. Sleeve: of the handle. Flare: a box to a shape that narrows upwards."""
    floor, wide = 0.8, mix(0.6, 0.87, h.width)
    top = floor - mix(0.75, 1.2, h.length)
    half, scale = curve(h.y, [(top, wide * mix(1.0, 0.68, h.flare)), (floor, wide)])
    body = rounded((h.side - half) * scale + 0.1, (h.y - (top + floor) * 0.5).abs() - (floor - top) * 0.5 + 0.1, 0.1)
    ring = ellipse(h.x, h.y - top - 0.05, 0.0, 0.0, wide * mix(0.38, 0.6, h.shape), mix(0.02, 0.48, h.sleeve) + 0.05)
    h.paint(inside(ring.abs() - 0.055, h.y - top - 0.1), h.brightness * 0.8)
    flap = h.y - top - (floor - top) * mix(0.2, 0.6, h.pose) * (1 - 0.35 * (h.x / half) ** 2)
    seam = (0.55 * line(flap, 0.02) + 0.3 * line(body + 0.12, 0.012)) * h.detail
    round_off = (h.side / half).clamp(max=1)
    h.paint(body, h.cloth * (1 - 0.16 * round_off * round_off) * (1 - seam) * (1 - 0.12 * h.detail * (flap > 0)))
    clasp = torch.sqrt(h.x * h.x + (flap + 0.02) ** 2) - 0.07 * h.detail
    h.paint(clasp, 0.3 * h.brightness)


def sneaker(h: Piece) -> None:
    """Length: heel to toe. Width: height of the upper. Sleeve: height of the collar. Flare: thickness of the sole."""
    reach, floor, sole = mix(0.7, 0.88, h.length), 0.44, mix(0.1, 0.2, h.flare)
    tall, collar = mix(1.0, 1.4, h.width), mix(0.0, 0.2, h.sleeve)
    x = h.x / reach
    knots: list[tuple[float, Tensor | float]]
    knots = [(-1.04, 0.0), (-0.95, 0.15), (-0.8, 0.2), (-0.45, 0.27), (-0.05, 0.44), (0.14, 0.52 + collar),
             (0.34, 0.42 + collar), (0.65, 0.4 + collar), (0.9, 0.47 + collar), (1.02, 0.4 + collar)]  # fmt: skip
    height, scale = curve(x, [(place, tall * value) for place, value in knots], soft=0.06)
    top, rise = floor - sole - height, floor - sole - h.y  # rise: over the sole
    shoe = inside((top - h.y) * scale, h.side - reach + 0.1 * (rise - 0.1).abs(), h.y - floor)
    lean = x - 0.5 * h.y
    stripes = (wave(lean * 4.5) * 2 - 0.8).clamp(0, 1) * line(lean - 0.12, 0.26) * (rise > 0.06)
    laces = wave((h.x + h.y) * 7) * line(h.y - top - 0.07, 0.07) * line(x + 0.2, 0.24)
    rim = line(h.y - top - 0.03, 0.03) * (x > 0.22)
    upper = h.brightness * (1 - 0.1 * h.noise) * (1 - 0.65 * h.pattern * stripes)
    h.paint(shoe, upper * (1 - (0.5 * laces + 0.35 * rim) * h.detail) * (0.85 + 0.15 * x.abs()))
    h.paint(torch.maximum(shoe, rise), mix(0.55, 1.0, h.shape))
    h.shade(torch.maximum(shoe, rise.abs() - 0.02), 0.6)


def boot(h: Piece) -> None:
    """Length: height of the shaft. Width: of the shaft. Sleeve: the turned-down cuff. Flare: height of the heel."""
    floor, heel = 0.78, mix(0.04, 0.28, h.flare)
    half, top = mix(0.27, 0.38, h.width), mix(-0.3, -0.84, h.length)
    centre = 0.78 - half
    lift, _ = curve(h.x, [(-0.45, 0.0), (0.2, 0.75), (0.4, 1.0)])  # of the sole over the floor, in heels
    under = floor - 0.07 - heel * lift
    shaft = inside((h.x - centre).abs() - half + 0.05 * (h.y + 0.1), top - h.y)
    vamp, scale = curve(h.x, [(-0.92, 0.0), (-0.84, 0.24), (-0.66, 0.35), (-0.25, 0.45), (0.15, 0.7)], soft=0.06)
    foot = inside((under - vamp - h.y) * scale, h.side - 0.8 - 0.08 * (h.x < 0))
    upper = inside(smooth_union(foot, shaft, 0.2), h.y - under, top - h.y)
    front = h.x - centre + half - 0.1 + 0.25 * (h.y - 0.2).clamp(min=0)
    laces = wave(h.y * 4.67) * line(front, 0.07) * ((h.y > top + 0.15) & (h.y < 0.3))
    elastic = line(h.x - centre - 0.1, 0.02) * (h.y < 0.1)
    cuff = line(h.y - top - 0.1 - 0.3 * h.sleeve, 0.02)
    shine = 1 - 0.14 * ((h.x - centre) / half).square().clamp(max=1)
    marks = ((0.45 * laces + 0.35 * elastic) * h.detail + 0.5 * cuff).clamp(max=0.7)
    h.paint(upper, 0.5 * (h.cloth + h.brightness) * shine * (1 - marks))  # half the pattern of cloth
    block = inside((h.x - 0.58).abs() - 0.2 + 0.12 * (h.y - under), under - h.y, h.y - floor)
    plate = inside((h.y - under - 0.035).abs() - 0.035, -0.87 - h.x, h.x - 0.78)
    h.paint(torch.minimum(block, plate), 0.5 * h.brightness)


def sandal(h: Piece) -> None:
    """Length: heel to toe. Width: of the straps. Sleeve: height of the ankle strap. Flare: height of the heel."""
    reach, heel, floor = mix(0.7, 0.88, h.length), mix(0.04, 0.62, h.flare), 0.4 + 0.28 * h.flare
    lift, scale = curve(h.x / reach, [(-0.3, 0.0), (0.5, 0.9), (0.75, 1.0)], soft=0.15)
    bed = floor - 0.12 - heel * lift
    sole = inside((bed - h.y) * scale, (h.y - bed - 0.12) * scale, h.side - reach)
    front = reach * mix(0.78, -0.5, h.shape)
    wedge = inside(bed - h.y, h.y - floor, front - h.x - 0.2 * (h.y - floor), h.x - reach + 0.15 * (h.y - bed))
    h.paint(wedge, 0.75 * h.cloth)
    strap, toe, rear = mix(0.045, 0.09, h.width), floor - 0.12, floor - 0.12 - heel  # half width; heights of the foot's bed
    ankle = rear - mix(0.2, 0.52, h.sleeve)
    tone = h.brightness * (1 - 0.5 * h.pattern * wave(h.x * 4.67 + h.phase[0]))
    arch = ellipse(h.x, h.y, -0.5 * reach, toe + 0.03, 0.34 * reach, 0.32)
    h.paint(inside(arch.abs() - 1.5 * strap, h.y - toe - 0.03), tone)
    h.paint(capsule(h.x, h.y, 0.9 * reach, rear, 0.86 * reach, ankle, strap), tone)
    loop = ellipse(h.x, h.y - 0.2 * (h.x - 0.86 * reach), 0.6 * reach, ankle + 0.06, 0.28 * reach, 0.1)
    h.paint(loop.abs() - 0.8 * strap, tone)
    h.paint(sole, h.brightness * (1 - 0.15 * h.noise))


GARMENTS: tuple[Callable[[Piece], None], ...] = (
    tshirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, boot,
)  # fmt: skip
