"""Drawn faces, the stand-in for CelebA: parameters (B,) go in, portraits (B, 3, 64, 64) and attributes come out.

Each portrait is painted back to front (background, hair behind, clothes, neck, head, features, hair in front,
glasses, hat) on a head that is turned, nodded and tilted, and is lit from a known side. Factors are independent of
each other; attributes have the frequencies, and some of the correlations, of CelebA.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace

import torch
import torch.nn.functional as functional
from torch import Tensor

from standins.drawing import Canvas, box, capsule, columns, ellipse, hashed, hsv, in_chunks, ramp, rgb, turned, window

SOURCE = "drawn faces (drawn stand-in)"
SHAPE = (3, 64, 64)
CLASS_NAMES: tuple[str, ...] = ()
ATTRIBUTE_NAMES = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Bald", "Bangs", "Big_Lips", "Black_Hair", "Blond_Hair", "Brown_Hair",
    "Bushy_Eyebrows", "Eyeglasses", "Goatee", "Gray_Hair", "Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes",
    "No_Beard", "Pale_Skin", "Receding_Hairline", "Rosy_Cheeks", "Smiling", "Straight_Hair", "Wavy_Hair",
    "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick", "Young",
)  # fmt: skip
FACTORS: dict[str, tuple[float, float]] = {
    "yaw": (-1.0, 1.0),  # the head turns left … right, by 29° at most
    "nod": (-1.0, 1.0),  # looks up … down
    "tilt": (-0.12, 0.12),  # leans, in radians
    "light": (-1.0, 1.0),  # comes from the left … right
    "smile": (-1.0, 1.0),
    "mouth_open": (0.0, 1.0),
    "gaze": (-1.0, 1.0),  # looks to the left … right
    "eye_size": (-1.0, 1.0),
    "brow_height": (-1.0, 1.0),
    "face_width": (-1.0, 1.0),
    "hair_length": (0.0, 1.0),
    "hair_volume": (0.0, 1.0),
    "skin_tone": (0.0, 1.0),  # light … deep
    "age": (0.0, 1.0),
    "background_hue": (0.0, 0.85),  # red, yellow, green, cyan, blue, violet
    "background_light": (0.0, 1.0),
}

BLACK, BROWN, BLOND, GRAY, AUBURN = range(5)  # hair_colour
CROPPED, LONG, NO_HAIR = range(3)  # hair_style
SHAVEN, STUBBLE, MUSTACHE, GOATEE, BEARD = range(5)  # facial_hair

SKIN = torch.tensor([[250, 226, 212], [245, 208, 184], [236, 190, 157], [224, 168, 128],
                     [196, 134, 94], [156, 98, 66], [116, 70, 48], [84, 50, 38]]) / 255  # fmt: skip
HAIR = torch.tensor([[[20, 17, 20], [46, 37, 37]], [[70, 44, 28], [120, 80, 48]], [[206, 160, 88], [246, 218, 150]],
                     [[138, 138, 142], [222, 222, 222]], [[104, 44, 26], [164, 84, 46]]]) / 255  # fmt: skip
IRIS = torch.tensor([[78, 46, 26], [104, 66, 34], [110, 104, 50], [66, 112, 84], [74, 122, 168], [96, 116, 136]]) / 255
ZOOM, LIFT = 0.92, 0.03  # the frame shows this much of the square [-1, 1]², a little above its middle


def sample(n: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the parameters of `n` faces: FACTORS, uniform in their ranges, and the traits below, (n,) float32."""
    chances = torch.rand(len(FACTORS) + 40, n, generator=generator)
    p = {name: low + (high - low) * chances[i] for i, (name, (low, high)) in enumerate(FACTORS.items())}
    u = iter(chances[len(FACTORS) :])
    p["male"] = (next(u) < 0.42).float()
    traits = _sample_hair(p, u) | _sample_features(p, u)
    traits |= {"background_seed": next(u).mul(2**20).floor(), "bokeh": next(u)}
    traits |= {"cloth_hue": next(u), "cloth_light": next(u), "cloth_kind": (next(u) * 3).floor()}
    return p | {name: values.float() for name, values in traits.items()}


def _sample_hair(p: dict[str, Tensor], u) -> dict[str, Tensor]:
    """Return the traits of the hair: gray comes with age, blond rarely with deep skin, Bald excludes all others."""
    male, old = p["male"] > 0, p["age"] > 0.77
    bald = male & (next(u) < torch.where(old, 0.15, 0.05))
    long = next(u) < torch.where(male, 0.10, 0.80)
    style = torch.where(bald, NO_HAIR, torch.where(long, LONG, CROPPED))
    hat = ~bald & (next(u) < torch.where(male, 0.08, 0.03))
    bangs = ~bald & ~hat & (next(u) < torch.where(male, 0.09, 0.21))
    receding = ~bald & ~hat & ~bangs & (next(u) < torch.where(male & old, 0.45, torch.where(male, 0.10, 0.05)))
    wavy = ~bald & (next(u) < torch.where(male, 0.18, 0.46))
    straight = ~bald & ~wavy & (next(u) < 0.32)
    fair, shade, u_old = next(u), next(u), next(u)
    blond = torch.where(male, 0.08, 0.34) * (1.45 - 1.6 * p["skin_tone"]).clamp(0.04, 1)
    dark, red = 0.26 + 0.34 * p["skin_tone"], 0.80 + 0.18 * p["skin_tone"]
    colour = torch.where(fair < blond, BLOND, torch.where(shade < dark, BLACK, torch.where(shade < red, BROWN, AUBURN)))
    colour = torch.where(old & (u_old < 0.22), GRAY, colour)
    hair = {"hair_style": style, "hair_colour": colour, "bangs": bangs, "receding": receding, "wavy": wavy, "straight": straight}
    hair |= {"hat": hat, "hair_shade": next(u), "part": next(u) * 2 - 1, "hair_seed": next(u).mul(2**20).floor()}
    return hair | {"hat_kind": (next(u) * 3).floor(), "hat_hue": next(u), "hat_light": next(u)}


def _sample_features(p: dict[str, Tensor], u) -> dict[str, Tensor]:
    """Return the traits of the face: beard and lipstick depend on `male`, as CelebA's labels do."""
    male = p["male"] > 0
    return {
        "facial_hair": torch.bucketize(next(u), torch.tensor([0.58, 0.76, 0.80, 0.89])) * male,
        "lipstick": ~male & (next(u) < 0.78),
        "lip_hue": next(u),
        "big_lips": next(u) < torch.where(male, 0.16, 0.30),
        "rosy": next(u) < torch.where(male, 0.01, 0.12),
        "bushy": next(u) < torch.where(male, 0.26, 0.07),
        "arched": next(u) < torch.where(male, 0.06, 0.42),
        "narrow": next(u) < 0.115,
        "eye_colour": next(u) * (1.1 - 1.1 * p["skin_tone"]).clamp(0.15, 1),
        "undertone": next(u) * 2 - 1,
        "glasses": next(u) < torch.where(male, 0.14, 0.06),
        "glasses_kind": (next(u) * 4).floor(),
        "earrings": next(u) < torch.where(male, 0.02, 0.32),
        "earring_kind": (next(u) * 3).floor(),
    }


def attributes(parameters: dict[str, Tensor]) -> Tensor:
    """Return (B, A) bool: the attributes of ATTRIBUTE_NAMES, with CelebA's meaning, that the parameters draw."""
    p, colour, beard = parameters, parameters["hair_colour"], parameters["facial_hair"]
    hairy = p["hair_style"] != NO_HAIR
    known = {
        "5_o_Clock_Shadow": beard == STUBBLE, "Arched_Eyebrows": p["arched"] > 0, "Bald": ~hairy,
        "Bangs": p["bangs"] > 0, "Big_Lips": p["big_lips"] > 0, "Black_Hair": hairy & (colour == BLACK),
        "Blond_Hair": hairy & (colour == BLOND), "Brown_Hair": hairy & (colour == BROWN),
        "Bushy_Eyebrows": p["bushy"] > 0, "Eyeglasses": p["glasses"] > 0, "Goatee": beard == GOATEE,
        "Gray_Hair": hairy & (colour == GRAY), "Male": p["male"] > 0, "Mouth_Slightly_Open": p["mouth_open"] > 0.5,
        "Mustache": (beard == MUSTACHE) | (beard == GOATEE), "Narrow_Eyes": p["narrow"] > 0,
        "No_Beard": (beard == SHAVEN) | (beard == MUSTACHE), "Pale_Skin": p["skin_tone"] < 0.045,
        "Receding_Hairline": p["receding"] > 0, "Rosy_Cheeks": p["rosy"] > 0, "Smiling": p["smile"] > 0.04,
        "Straight_Hair": p["straight"] > 0, "Wavy_Hair": p["wavy"] > 0, "Wearing_Earrings": p["earrings"] > 0,
        "Wearing_Hat": p["hat"] > 0, "Wearing_Lipstick": p["lipstick"] > 0, "Young": p["age"] < 0.77,
    }  # fmt: skip
    return torch.stack([known[name] for name in ATTRIBUTE_NAMES], dim=1)


class FaceCanvas(Canvas):
    """A canvas with the outline of a face, its coordinates u, v (-1 … 1 across and down), and its light, per pixel."""

    outline: Tensor
    u: Tensor
    v: Tensor
    light: Tensor


def draw(parameters: dict[str, Tensor]) -> Tensor:
    """Return the portraits (B, 3, 64, 64) uint8 of parameters (B,); each depends on its own parameters alone."""
    return in_chunks(_draw, parameters, chunk=64)


def _draw(parameters: dict[str, Tensor]) -> Tensor:
    f = SimpleNamespace(**columns(parameters))
    canvas = FaceCanvas(len(f.yaw), 3, SHAPE[1])
    _background(canvas, f)
    canvas.x, canvas.y = turned(canvas.x * ZOOM, canvas.y * ZOOM + LIFT - 0.5, f.tilt)
    canvas.y, canvas.pixel = canvas.y + 0.5, canvas.pixel * ZOOM
    _measure(canvas, f)
    _hair_behind(canvas, f)
    _neck_and_clothes(canvas, f)
    _ears(canvas, f)
    _head(canvas, f)
    for side in (-1, 1):
        _eye(canvas, f, side)
    _nose(canvas, f)
    _where(f.age > 0.45, _lines_of_age, canvas, f)
    _where(f.facial_hair != SHAVEN, _beard, canvas, f)
    _mouth(canvas, f)
    _hair_in_front(canvas, f)
    _where(f.earrings > 0, _earrings, canvas, f)
    _where(f.glasses > 0, _glasses, canvas, f)
    _where(f.hat > 0, _hat, canvas, f)
    return canvas.to_uint8()


def _where(chosen: Tensor, paint: Callable, canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint a feature on those portraits only that have it: chosen (B, 1, 1) bool."""
    which = chosen.flatten().nonzero().flatten()
    few = copy.copy(canvas)
    for name, grid in vars(canvas).items():
        if isinstance(grid, Tensor):
            setattr(few, name, grid[which])
    rows = {name: values[which] if isinstance(values, Tensor) else values for name, values in vars(f).items()}
    paint(few, SimpleNamespace(**rows))
    canvas.pixels[which] = few.pixels


def _measure(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Add to `f` the sizes and colours that several features share, and to the canvas the outline and coordinates of the head."""
    angle = 0.5 * f.yaw
    f.sin, f.cos = torch.sin(angle), torch.cos(angle)
    f.width = 0.50 + 0.058 * f.face_width + 0.015 * f.male
    f.lx, f.ly, f.lz = 0.85 * f.light, -0.42, 0.62  # rightwards, downwards, towards us
    f.skin = ramp(f.skin_tone, SKIN) * (1 + f.undertone[:, None] * rgb(0.015, 0.0, -0.03))
    kind = f.hair_colour.flatten().long()
    f.hair = torch.lerp(HAIR[kind, 0], HAIR[kind, 1], f.hair_shade[:, 0])[:, :, None, None]
    f.bald, f.long = (f.hair_style == NO_HAIR).float(), (f.hair_style == LONG).float()
    f.volume = f.hair_volume * (1 - f.hat)
    f.strand = 6.2832 * hashed(f.hair_seed, 0)
    middle = _down(f, 0.06, 0.2)
    canvas.v = (canvas.y - middle) / torch.where(canvas.y < middle, 0.86, 0.74)
    low = canvas.v.clamp(min=0).square()
    slim = f.width * (1 - (0.25 - 0.09 * f.male) * low)
    canvas.u = (canvas.x - f.sin * (0.05 + 0.14 * low)) / slim
    square = canvas.u * canvas.u + canvas.v * canvas.v
    canvas.outline = (torch.sqrt(square + 1e-6) - 1) * (0.88 * f.width + 0.04)


def _across(f: SimpleNamespace, x: float | Tensor, depth: float) -> Tensor:
    """Return where the turned head shows a point that lies at `x`, `depth` in front of its axis."""
    return x * f.cos + depth * f.sin


def _down(f: SimpleNamespace, y: float | Tensor, depth: float) -> Tensor:
    """Return the height at which the nodding head shows a point at `y`, `depth` in front of its axis."""
    return y + 0.12 * f.nod * depth


def _part(canvas: FaceCanvas, top: float, bottom: float, left: float = -1.0, right: float = 1.0) -> FaceCanvas:
    """Return the window that shows at least this part of the head's own coordinates, however the head is tilted."""
    lean = 0.13 * max(abs(left), abs(right)) if right < 1 or left > -1 else 0.09
    edges = (top - lean - LIFT, bottom + lean - LIFT, left - 0.08, right + 0.08)
    return window(canvas, *(min(max(edge / ZOOM, -1.0), 1.0) for edge in edges))


def _spot(canvas: Canvas, cx, cy, rx, ry) -> Tensor:
    """Return a soft round spot: 1 in its middle, 0 from its edge on."""
    u, v = (canvas.x - cx) / rx, (canvas.y - cy) / ry
    return (1 - u * u - v * v).clamp_(min=0).square_()


def _relief(canvas: FaceCanvas, f: SimpleNamespace, cx, cy, rx, ry) -> Tensor:
    """Return the light that a soft bump on the face gains on the lit side and loses on the other."""
    u, v = (canvas.x - cx) / rx, (canvas.y - cy) / ry
    return (1 - u * u - v * v).clamp_(min=0) * (f.lx * u + f.ly * v)


def _shine(canvas: FaceCanvas, amount: Tensor) -> None:
    """Lighten the image where `amount` (B, H, W) is positive and darken it, towards warm, where it is negative."""
    canvas.paint(amount.clamp(min=0), rgb(1.0, 0.96, 0.90))
    canvas.paint((-amount).clamp_(min=0), rgb(0.22, 0.07, 0.06))


def _background(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint a wall of one hue, lighter in the middle, and the discs of far lights, at half resolution."""
    half = Canvas(len(f.yaw), 3, SHAPE[1] // 2)
    light = 0.20 + 0.62 * f.background_light
    vivid = 0.20 + 0.34 * hashed(f.background_seed, 91)
    top, low = (hsv(f.background_hue + d, vivid, light * s) for d, s in ((0, 1.0), (0.05, 0.6)))
    half.pixels += torch.lerp(top, low, (0.5 + 0.5 * half.y)[:, None])
    glow = 0.20 * _spot(half, -0.3 + 0.6 * hashed(f.background_seed, 90), -0.35, 1.5, 1.3)
    for i in range(5):
        at = [hashed(f.background_seed, 4 * i + k) for k in range(4)]
        square = (half.x - (2.2 * at[0] - 1.1)) ** 2 + (half.y - (1.9 * at[1] - 1.1)) ** 2
        distance = square.sqrt_() - (0.08 + 0.17 * at[2])
        glow += half.coverage(distance, 2.0) * (0.08 + 0.30 * at[3]) * f.bokeh
    half.paint(glow, hsv(f.background_hue + 0.07, 0.22, 1.0))
    canvas.pixels = functional.interpolate(half.pixels, scale_factor=2, mode="bilinear", align_corners=False)


def _neck_and_clothes(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint the neck with the shadow of the chin, and shoulders in a jumper, an open collar or a jacket."""
    part = _part(canvas, 0.3, 1.0)
    x, y = part.x, part.y
    half = f.width * (0.52 + 0.10 * f.male)
    neck = (x - 0.04 * f.sin).abs() - half - 0.5 * (y - 0.78).clamp(min=0) ** 2
    under = (1 - part.outline * 4.5).clamp_(0, 1)
    side = 0.42 * f.lx * (x / half).clamp(-1, 1) - 0.16 - 0.46 * under
    part.paint(part.coverage(neck), f.skin)
    shoulders = ellipse(x, y, 0, 1.32 - 0.04 * f.male, 1.0 + 0.12 * f.male, 0.55)
    neckline = torch.where(
        f.cloth_kind < 1, ellipse(x, y, 0, 0.70, half + 0.06, 0.19), (x.abs() - half * 1.05) * 0.8 + (y - 0.82) * 0.6
    )
    cloth = part.coverage(torch.maximum(shoulders, -neckline))
    part.paint(part.coverage(torch.maximum(shoulders, neckline)), f.skin)
    _shine(part, side * part.coverage(torch.minimum(neck, torch.maximum(shoulders, neckline))))
    part.paint(cloth, hsv(f.cloth_hue, 0.55, 0.18 + 0.70 * f.cloth_light))
    edge = part.coverage((neckline - 0.03).abs() - 0.035) * cloth
    part.paint(edge * (f.cloth_kind > 0), hsv(f.cloth_hue + 0.5 * (f.cloth_kind > 1), 0.12, 0.90))
    _shine(part, cloth * (0.35 * f.lx * x - 0.12 - 0.3 * (1 - (neckline * 5).clamp(max=1)).clamp(0, 1)))


def _ears(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint both ears; the head is painted over the inner half, and over all of the ear that is turned away."""
    for side in (-1, 1):
        part = _part(canvas, -0.3, 0.55)
        cx, cy = _across(f, side * (f.width + 0.015), -0.10), _down(f, 0.09, -0.1)
        part.paint(part.coverage(ellipse(part.x, part.y, cx, cy, 0.075, 0.15)), f.skin * rgb(0.93, 0.84, 0.82))
        hollow = _spot(part, cx + 0.005 * side, cy - 0.01, 0.055, 0.11)
        part.paint(0.5 * hollow, f.skin * rgb(0.62, 0.46, 0.42))
        part.paint((0.35 * f.lx * side).clamp(min=0) * hollow, f.skin)


def _head(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint the head: the skin, its roundness under the light, and the relief of cheeks, brow, sockets and chin."""
    toward = (1 - 0.75 * (canvas.u * canvas.u + canvas.v * canvas.v)).clamp_(min=0.04).sqrt_()
    light = 0.80 * f.lx * canvas.u + 0.72 * f.ly * canvas.v + f.lz * toward
    canvas.light = light
    for side in (-1, 1):
        part = _part(canvas, -0.26, 0.60, *((-0.72, 0.20) if side < 0 else (-0.20, 0.72)))
        cheek = _across(f, 0.27 * side, 0.40), _down(f, 0.30 - 0.04 * f.smile, 0.4)
        part.light += 0.45 * _relief(part, f, *cheek, 0.24, 0.20)
        part.light -= 0.22 * _spot(part, _across(f, 0.25 * side, 0.42), _down(f, -0.03, 0.4), 0.24, 0.17)
    part = _part(canvas, 0.50, 0.95, -0.45, 0.45)
    part.light += 0.35 * _relief(part, f, _across(f, 0, 0.42), _down(f, 0.72, 0.4), 0.20, 0.13)
    light += 0.10 * _spot(canvas, _across(f, 0, 0.42), _down(f, -0.34, 0.4), 0.42, 0.22)
    dark, bright = f.skin * rgb(0.50, 0.37, 0.36), f.skin + (1 - f.skin) * rgb(0.30, 0.25, 0.18)
    level = light[:, None]
    skin = torch.lerp(dark, f.skin, ((level + 0.30) * 1.35).clamp(0, 1))
    skin = torch.lerp(skin, bright, ((level - 0.48) * 1.5).clamp_(0, 1))
    canvas.paint(canvas.coverage(canvas.outline), skin)
    for side in (-1, 1):
        part = _part(canvas, 0.05, 0.50, *((-0.72, 0.14) if side < 0 else (-0.14, 0.72)))
        blush = _spot(part, _across(f, 0.29 * side, 0.38), _down(f, 0.28, 0.4), 0.20, 0.16)
        part.paint(blush * (0.10 + 0.42 * f.rosy), f.skin * rgb(1.0, 0.52, 0.50))


def _eye(canvas: FaceCanvas, f: SimpleNamespace, side: int) -> None:
    """Paint one eye with its brow: white, iris, pupil, glint, lids and lashes."""
    part = _part(canvas, -0.42, 0.22, *((-0.72, 0.24) if side < 0 else (-0.24, 0.72)))
    cx, cy = _across(f, 0.235 * side, 0.42), _down(f, 0.0, 0.42)
    wide = 0.135 * (1 - 0.20 * side * f.sin) * (1 + 0.11 * f.eye_size)
    tall = (0.078 + 0.022 * f.eye_size) * (1 - 0.42 * f.narrow)
    s = (part.x - cx) / wide
    arc = (1 - s * s).clamp(min=-0.6)
    y = part.y - cy - 0.012 * side * s
    upper, lower = -tall * arc - y, y - 0.72 * tall * arc
    white = part.coverage(torch.maximum(upper, lower), 1.3)
    part.paint(white, torch.lerp(f.skin, rgb(0.97, 0.96, 0.95), 0.86))
    ix, iy = cx + 0.056 * f.gaze + 0.01 * f.sin, cy - 0.004  # the middle of the iris
    iris = ramp(f.eye_colour, IRIS)
    distance = torch.sqrt((part.x - ix) ** 2 + (part.y - iy) ** 2 + 1e-9)
    inner = (1 - ((part.y - iy) * 7 + 0.55).clamp(0, 1))[:, None]
    part.paint(part.coverage(distance - 0.066, 1.2) * white, torch.lerp(iris * 1.35, iris * 0.62, inner))
    part.paint(part.coverage(distance - 0.030, 1.2) * white, rgb(0.05, 0.04, 0.05))
    part.paint((0.38 * (1 - (upper * -9).clamp(0.35, 1))) * white, rgb(0.14, 0.08, 0.08))
    glint = torch.sqrt((part.x - ix - 0.026 * f.light) ** 2 + (part.y - iy + 0.024) ** 2 + 1e-9)
    part.paint(0.95 * part.coverage(glint - 0.017, 1.2) * white, 1.0)
    inside = (1 - s.abs() ** 4).clamp(min=0)
    lash = part.coverage(upper.abs() - (0.014 + 0.012 * f.lipstick), 1.4) * inside.sqrt()
    part.paint(0.95 * lash, torch.lerp(f.skin, rgb(0.09, 0.05, 0.05), 0.90))
    part.paint(0.45 * part.coverage(lower.abs() - 0.006, 1.6) * inside, f.skin * rgb(0.50, 0.36, 0.34))
    part.paint(0.42 * part.coverage((upper - 0.042).abs() - 0.005, 1.6) * inside, f.skin * rgb(0.52, 0.38, 0.36))
    _brow(part, f, side, cx + 0.012 * side, cy)


def _brow(part: FaceCanvas, f: SimpleNamespace, side: int, cx: Tensor, cy: Tensor) -> None:
    """Paint one brow: a tapered arc in the colour of the hair, a little darker."""
    s = side * (part.x - cx) / (0.175 * (1 - 0.20 * side * f.sin))
    rise = 0.030 + 0.036 * f.arched
    y = part.y - (cy - 0.155 - 0.032 * f.brow_height) + rise * (1 - (s - 0.25) ** 2) - 0.012
    thick = (0.020 + 0.006 * f.male + 0.018 * f.bushy) * (1.1 - 0.45 * s).clamp(0.2, 1.4)
    along = ((1.02 - s.abs()) * 6).clamp(0, 1)
    ink = torch.lerp(f.hair * 0.55, f.skin * rgb(0.42, 0.28, 0.24), 0.35)
    part.paint((0.78 + 0.17 * f.bushy) * part.coverage(y.abs() - thick, 1.5) * along, ink)


def _nose(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint the nose: the ridge and tip catch the light, the far side and the nostrils lie in shadow."""
    part = _part(canvas, -0.22, 0.52, -0.50, 0.50)
    tip, tip_y = _across(f, 0, 0.66), _down(f, 0.265, 0.62)
    base, base_y = _across(f, 0, 0.50), _down(f, 0.325, 0.5)
    root = _across(f, 0, 0.44)
    down = ((part.y + 0.12) / (tip_y + 0.12)).clamp(0, 1.15)
    away = part.x - torch.lerp(root, tip, down)
    ridge = (1 - (away / (0.07 + 0.05 * down)) ** 2).clamp(min=0) * (down * (1.15 - down) * 4).clamp(0, 1)
    light = ridge * (0.42 * f.lx * (away * 14).clamp(-1, 1) + 0.09) - 0.16 * ridge * (f.yaw * away * 12).clamp(0, 1)
    light += 0.60 * _relief(part, f, tip, tip_y, 0.105, 0.085) + 0.20 * _spot(part, tip + 0.02 * f.lx, tip_y - 0.02, 0.05, 0.05)
    light -= 0.42 * _spot(part, base - 0.05 * f.lx, base_y + 0.035, 0.16, 0.065)
    _shine(part, light)
    for side in (-1, 1):
        hole = _spot(part, base + side * 0.056 * f.cos + 0.06 * f.sin, base_y, 0.042, 0.030)
        part.paint((0.85 * hole).clamp_(max=1), f.skin * rgb(0.28, 0.16, 0.15))
        wing = _spot(part, _across(f, 0.105 * side, 0.47), base_y - 0.025, 0.030, 0.065)
        part.paint(0.45 * wing, f.skin * rgb(0.46, 0.31, 0.29))


def _lines_of_age(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint what years draw: lines on the forehead, under the eyes and from the nose to the mouth, deeper with age."""
    depth = 0.55 * ((f.age - 0.45) * 1.9).clamp(0, 1)
    part = _part(canvas, -0.60, 0.62, -0.70, 0.70)
    line = torch.zeros_like(part.x)
    middle = _across(f, 0, 0.42)
    for side in (-1, 1):
        nose, mouth = (_across(f, 0.125 * side, 0.48), _down(f, 0.30, 0.45)), (_across(f, 0.235 * side, 0.42), _down(f, 0.50, 0.42))
        line += 0.8 * part.coverage(capsule(part.x, part.y, *nose, *mouth, 0.004), 1.7)
        bag = ellipse(part.x, part.y, _across(f, 0.235 * side, 0.42), _down(f, 0.045, 0.42), 0.12, 0.075).abs()
        line += 0.6 * part.coverage(bag - 0.004, 1.7) * (part.y > _down(f, 0.08, 0.42))
    for height in (-0.37, -0.29):
        curve = part.y - _down(f, height, 0.4) - 0.35 * (part.x - middle) ** 2
        line += 0.6 * part.coverage(curve.abs() - 0.004, 1.7) * (1 - ((part.x - middle) / 0.27) ** 2).clamp(min=0)
    part.paint((line * depth).clamp_(max=0.7), f.skin * rgb(0.50, 0.34, 0.31))


def _mouth(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint the mouth: lips, the dark between them, teeth and tongue, and the shadow below the lower lip."""
    part = _part(canvas, 0.28, 0.84, -0.62, 0.62)
    feel = 0.36 + 0.64 * torch.tanh(1.5 * f.smile)
    cx, cy = _across(f, 0, 0.46), _down(f, 0.495, 0.46)
    s = (part.x - cx) / ((0.185 + 0.045 * feel + 0.01 * f.male) * (1 - 0.10 * f.sin.abs()))  # −1 … 1 along the mouth
    arc = (1 - s * s).clamp(min=-0.4)
    y = part.y - cy - (0.058 * feel + 0.006) * (arc - 0.45)
    gap = 0.085 * torch.sigmoid(9 * (f.mouth_open - 0.5)) + 0.015 * (feel > 0) * feel * f.mouth_open
    gap, full = gap * arc.clamp(min=0), 1 + 0.45 * f.big_lips
    bow = arc - 0.30 * (1 - 5 * s.abs()).clamp(min=0)
    top, low = -0.042 * full * bow - 0.45 * gap, 0.055 * full * arc + 0.75 * gap
    shade = (1 - ((y - low - 0.03) / 0.045) ** 2).clamp(min=0) * (1 - (s * 1.4) ** 2).clamp(min=0)
    part.paint(0.30 * shade, f.skin * rgb(0.45, 0.30, 0.28))
    plain = f.skin * torch.lerp(rgb(0.86, 0.58, 0.56), rgb(0.80, 0.62, 0.60), f.male[:, None])
    stick = hsv(0.93 + 0.10 * f.lip_hue, 0.72, 0.84) * (0.78 + 0.22 * f.skin[:, :1])
    lip = torch.lerp(plain, stick, 0.88 * f.lipstick[:, None])
    body = part.coverage(torch.maximum(top - y, y - low), 1.3)
    part.paint(body, torch.where((y < 0)[:, None], lip * 0.84, lip))
    gleam = (1 - ((y - 0.60 * low - 0.30 * gap) / 0.022) ** 2).clamp(min=0) * (1 - ((s - 0.25 * f.light) * 2) ** 2).clamp(min=0)
    part.paint((0.20 + 0.25 * f.lipstick) * gleam * body, 1.0)
    hollow = torch.maximum(-0.45 * gap - y, y - 0.75 * gap)
    inside = part.coverage(hollow, 1.3) * (gap * 40).clamp(0, 1)
    part.paint(inside, rgb(0.30, 0.06, 0.07))
    part.paint(inside * 0.8 * ((y - 0.36 * gap) * 30).clamp(0, 1), rgb(0.74, 0.32, 0.32))
    part.paint(inside * ((0.30 * gap - y) * 32 + 0.3).clamp(0, 1), rgb(0.96, 0.95, 0.92))
    crease = part.coverage(y.abs() - 0.006, 1.5) * (1 - s.abs() ** 6).clamp(min=0) * (1 - (gap * 40).clamp(0, 1))
    part.paint(0.75 * crease, f.skin * rgb(0.34, 0.14, 0.14))
    for side in (-1, 1):
        corner = (1 - ((s - 1.02 * side) / 0.16) ** 2 - ((y + 0.004) / 0.035) ** 2).clamp(min=0)
        part.paint(0.45 * corner, f.skin * rgb(0.42, 0.24, 0.23))


def _beard(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint stubble, moustache, goatee or full beard, which follow the jaw and the mouth."""
    part = _part(canvas, 0.0, 1.0)
    u, v, outline = part.u, part.v, part.outline
    cx = _across(f, 0, 0.46)
    full = (f.facial_hair == BEARD) | (f.facial_hair == STUBBLE)
    grown = 0.045 * (f.facial_hair == BEARD) - 0.01
    cheek = ellipse(part.x, part.y, _across(f, 0, 0.36), _down(f, 0.10, 0.4), f.width * 0.88, 0.40)
    jaw = torch.maximum(outline - grown, torch.maximum(-cheek, 0.02 - part.y))
    chin = ellipse(part.x, part.y, cx, _down(f, 0.70, 0.44), 0.17, 0.15)
    above = ellipse(part.x, part.y, cx, _down(f, 0.46, 0.46), 0.215, 0.105)
    above = torch.maximum(above, part.y - _down(f, 0.52, 0.46))
    lip = part.coverage(above, 3.0) * (f.facial_hair > STUBBLE)
    mask = torch.maximum(part.coverage(jaw, 3.5) * full, part.coverage(chin, 2.5) * (f.facial_hair == GOATEE))
    mask = torch.maximum(mask, torch.maximum(lip, part.coverage(above, 4.0) * full))
    strength = torch.where(f.facial_hair == STUBBLE, 0.30, 0.88)
    fur = 0.93 + 0.07 * torch.sin(58 * part.x + f.strand) * torch.sin(23 * part.y - 9 * u * v)
    light = (0.62 + 0.30 * (f.lx * u + 0.25)).clamp(0.3, 1.1)
    part.paint(mask * strength, f.hair * 0.85 * (fur * light)[:, None])


def _hair_behind(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint the hair that falls behind the head and the neck, in shadow; remember outline and colour for the front."""
    x = canvas.x + 0.07 * f.sin
    f.wave = f.wavy * torch.sin((7.5 + f.strand * 0.5) * canvas.y + f.strand)
    lock = torch.sin((21 - 9 * f.wavy) * x + 2 * f.strand)
    curl = lock * torch.cos(12 * f.wavy * canvas.y + f.strand * f.wavy)  # only wavy hair curls downwards, too
    x = torch.where(canvas.x > 0, 0.022, -0.022).mul_(f.wave).add_(x)
    rx, ry = f.width + 0.035 + (0.07 + 0.06 * f.wavy) * f.volume + 0.10 * f.long, 0.80 + 0.09 * f.volume
    u, v = (x / rx).square_(), ((canvas.y + 0.10) / ry).square_()
    radius = (u + v - (0.26 * (1 - f.long)) * u * v).clamp_(min=1e-6).sqrt_()
    crown = (radius - 1).mul_(0.7).add_((0.010 + 0.018 * f.wavy) * (1 - f.hat) * curl)
    end = torch.where(f.long > 0, 0.42 + 0.80 * f.hair_length, 0.02 + 0.26 * f.hair_length)
    flare = rx + (0.05 + 0.08 * f.volume) * canvas.y.clamp(min=0)
    fall = torch.maximum(x.abs() - flare, -0.10 - canvas.y)
    shape = crown - f.long * (crown - fall).clamp_(min=0)
    f.hair_edge = torch.maximum(shape, (canvas.y - end - 0.022 * lock) * 0.8)
    root = canvas.x - 0.30 * f.part * f.width + 0.07 * f.sin
    along = root / (0.42 + 0.42 * (canvas.y + 1.0).clamp(min=0)) + 0.045 * f.wave
    locks = torch.sin(13 * along + f.strand) + torch.sin(29 * along + 2 * f.strand + 1.5 * canvas.y) * (0.6 + 0.4 * f.wave)
    gloss = (1 - ((radius - 0.80) / 0.13) ** 2).clamp_(min=0) * (1.1 * f.lx * canvas.x + 0.45 - canvas.y).clamp_(0, 1)
    level = 0.78 + 0.34 * f.lx * canvas.x.clamp(-0.7, 0.7) - 0.12 * canvas.y + (0.055 + 0.03 * f.wavy) * locks
    sheen = gloss * (0.20 + 0.06 * locks)
    f.hair_paint = f.hair * level[:, None] + (f.hair * 0.55 + 0.12) * sheen[:, None]
    canvas.paint(canvas.coverage(f.hair_edge, 1.4) * (1 - f.bald), f.hair_paint * 0.62)


def _hair_in_front(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint the hair around the face, its shadow on the forehead, and for the old and bald a fringe above the ears."""
    u = (canvas.x - f.sin * 0.17) / f.width
    aside = (u - 0.35 * f.part).abs()
    parted = -0.57 + (0.24 + 0.18 * f.long) * aside * aside + 0.16 * f.long * aside
    temple = -0.67 - 0.055 * torch.cos(5.5 * u.abs() - 2.9) + 0.5 * (u.abs() - 0.72).clamp(min=0)
    fringe = -0.215 + 0.14 * u * u + 0.018 * torch.sin(17 * u + f.strand)
    height = torch.where(f.bangs > 0, fringe, torch.where(f.receding > 0, temple, parted))
    height = _down(f, height, 0.3)
    side = f.width * (0.93 - 0.05 * f.long + 0.13 * (1 - f.long) * ((canvas.y + 0.22) * 5).clamp(0, 1))
    free = torch.maximum(height - canvas.y, (canvas.x - f.sin * 0.09).abs() - side)  # below the hairline, between the temples
    hair = canvas.coverage(f.hair_edge, 1.3) * canvas.coverage(-free, 1.6)
    rim = canvas.coverage(canvas.outline) * canvas.coverage(canvas.y.sub(0.10).abs() - 0.24, 5.0) * (canvas.u.abs() > 0.86)
    hair = torch.where(f.bald > 0, 0.55 * rim * (f.age > 0.6), hair)
    shadow = (1 + free * 9).clamp_(0, 1) * canvas.coverage(canvas.outline) * (1 - f.bald)
    canvas.paint(0.30 * shadow * (1 - hair), f.skin * rgb(0.30, 0.18, 0.16))
    canvas.paint(hair, f.hair_paint)


def _earrings(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint a stud, a hoop or a drop under the ear that shows, and under both on a face seen from the front."""
    metal = torch.where((f.earring_kind > 1)[:, None], rgb(0.88, 0.90, 0.95), rgb(0.96, 0.78, 0.32))
    for side in (-1, 1):
        part = _part(canvas, 0.10, 0.62, *((-0.95, -0.25) if side < 0 else (0.25, 0.95)))
        cx, cy = _across(f, side * (f.width + 0.03), -0.08), _down(f, 0.27, -0.1)
        shown = f.earrings * ((0.42 + side * -f.yaw) * 5).clamp(0, 1)
        ring = torch.sqrt((part.x - cx) ** 2 + (part.y - cy - 0.07) ** 2 + 1e-9)
        hoop = part.coverage((ring - 0.075).abs() - 0.014, 1.3) * (f.earring_kind < 1)
        drop = part.coverage(ellipse(part.x, part.y, cx, cy + 0.05, 0.034, 0.065), 1.2) * (f.earring_kind > 1)
        stud = part.coverage(torch.sqrt((part.x - cx) ** 2 + (part.y - cy) ** 2 + 1e-9) - 0.040, 1.2)
        mask = torch.maximum(torch.maximum(hoop, drop), stud * (f.earring_kind != 0))
        part.paint(mask * shown, metal)
        part.paint(0.8 * _spot(part, cx - 0.012, cy + 0.02, 0.03, 0.03) * shown * (f.earring_kind != 0), 1.0)


def _glasses(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint round or square frames, clear or dark glass with a reflection, the bridge and the arms."""
    part = _part(canvas, -0.30, 0.32, -0.85, 0.85)
    frame = torch.where((f.glasses_kind == 1)[:, None], rgb(0.55, 0.40, 0.22), rgb(0.08, 0.07, 0.09))
    cy, dark = _down(f, 0.01, 0.45), (f.glasses_kind == 3).float()
    rims = torch.full_like(part.x, 9.0)
    for side in (-1, 1):
        cx, rx = _across(f, 0.245 * side, 0.47), 0.185 * (1 - 0.16 * side * f.sin)
        round_, square = ellipse(part.x, part.y, cx, cy, rx, 0.165), box(part.x, part.y, cx, cy, rx + 0.01, 0.135, 0.06)
        lens = torch.where(f.glasses_kind < 2, round_, square)
        glass = part.coverage(lens) * f.glasses
        tint = rgb(0.10, 0.10, 0.14) * dark[:, None] + rgb(0.8, 0.9, 1.0) * (1 - dark[:, None])
        part.paint(glass * (0.06 + 0.80 * dark), tint)
        streak = (1 - ((part.x - cx + 0.9 * (part.y - cy) + 0.05) / 0.05) ** 2).clamp(min=0)
        part.paint(0.22 * streak * glass, 1.0)
        rims = torch.minimum(rims, lens.abs() - 0.017)
        arm = capsule(part.x, part.y, cx + side * rx, cy - 0.05, _across(f, side * (f.width + 0.02), -0.1), cy - 0.03, 0.014)
        rims = torch.minimum(rims, torch.maximum(arm, part.outline - 0.03))
    bridge = capsule(part.x, part.y, _across(f, -0.07, 0.56), cy - 0.03, _across(f, 0.07, 0.56), cy - 0.03, 0.014)
    part.paint(0.95 * part.coverage(torch.minimum(rims, bridge), 1.3) * f.glasses, frame)


def _hat(canvas: FaceCanvas, f: SimpleNamespace) -> None:
    """Paint a woollen hat with a fold, a hat with a brim, or a cap with its peak."""
    part = _part(canvas, -1.0, 0.0)
    x, brow = part.x + 0.05 * f.sin, _down(f, -0.36, 0.3)
    cloth = hsv(f.hat_hue, 0.55, 0.22 + 0.65 * f.hat_light)
    dome = torch.maximum(ellipse(x, part.y, 0, brow, f.width + 0.115, 0.68), part.y - brow - 0.10 * (x * x))
    light = 0.82 + 0.40 * f.lx * x + 0.05 * torch.sin(30 * x / (1.2 + part.y)) * (f.hat_kind < 1)
    part.paint(part.coverage(dome) * f.hat, (cloth * light[:, None]))
    fold = box(x, part.y - 0.16 * x * x, 0, brow - 0.04, f.width + 0.14, 0.11, 0.07)
    brim = ellipse(x, part.y, 0, brow - 0.02, f.width + 0.42, 0.12)
    peak = ellipse(part.x, part.y, _across(f, 0, 0.42), brow + 0.02, f.width * 0.95, 0.13)
    rim = torch.where(f.hat_kind < 1, fold, torch.where(f.hat_kind < 2, brim, peak))
    shade = _spot(part, _across(f, 0, 0.3), brow + 0.10, f.width, 0.24)
    part.paint(0.5 * shade * f.hat * (1 - part.coverage(rim)), f.skin * rgb(0.30, 0.18, 0.16))
    band = part.coverage((part.y - brow + 0.14 - 0.12 * x * x).abs() - 0.06) * part.coverage(dome) * (f.hat_kind == 1)
    part.paint(band * f.hat, cloth * 0.35)
    ribs = 1.02 + 0.36 * f.lx * x + 0.07 * torch.sin(44 * x) * (f.hat_kind < 1)
    part.paint(part.coverage(rim) * f.hat, cloth * (ribs * (0.80 + 0.10 * f.hat_kind))[:, None])
