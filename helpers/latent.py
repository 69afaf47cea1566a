"""Points in latent space: ways to pick them, paths between them, and a measure of whether what they decode to resembles anything.

Codes (N, Z) go in, points (n, Z) come out; pictures go in, distances to the nearest real picture come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from helpers.data import to_float
from helpers.objective import ShapeError, same_shape


class PathError(ValueError):
    """There is no path between two points: one is no number, has no direction, or lies opposite; the message says which."""


def box_picks(codes: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, Z), uniform in the smallest box that holds all codes (N, Z). Built in notebook 01."""
    low, high = codes.min(0).values, codes.max(0).values
    return low + (high - low) * torch.rand(n, codes.shape[1], generator=generator)


def prior_picks(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, size) from the standard normal N(0, I), the prior of a VAE. Built in notebook 05."""
    return torch.randn(n, size, generator=generator)


def nearest_distance(pictures: Tensor, reference: Tensor) -> Tensor:
    """Return how far each picture (n, C, H, W) is from the nearest reference picture (N, C, H, W), (n,).

    The distance is the root mean square over pixels in [0, 1]: 0 is a copy, and 0.1 an error of a tenth of the range in the
    typical pixel. Built in notebook 01.
    """
    a, b = to_float(pictures).flatten(1), to_float(reference).flatten(1)
    return torch.cdist(a, b).min(1).values / a.shape[1] ** 0.5


def glitch_line(reconstructions: Tensor, reference: Tensor) -> float:
    """Return the distance to the nearest reference picture that 95 % of the reconstructions of held-out pictures stay below.

    A picture further from everything real than that counts as a glitch: a faithful decoder makes 5 % of them, by definition.
    """
    return nearest_distance(reconstructions, reference).quantile(0.95).item()


def glitch_rate(pictures: Tensor, reference: Tensor, line: float) -> float:
    """Return the share of pictures (n, C, H, W) that lie further than `line` from every reference picture."""
    return (nearest_distance(pictures, reference) > line).float().mean().item()


def gaussian_picks(codes: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, Z) from the normal distribution with the mean and covariance of codes (N, Z). Built in notebook 05."""
    root = torch.linalg.cholesky(torch.cov(codes.T) + 1e-6 * torch.eye(codes.shape[1]))
    return codes.mean(0) + torch.randn(n, codes.shape[1], generator=generator) @ root.T


def steps(a: Tensor, t: float | Sequence[float] | Tensor) -> Tensor:
    """Return t, a number or (T,), as float64 that broadcasts against points a (..., Z): a scalar, or (T, 1, …, 1)."""
    t = torch.as_tensor(t, dtype=torch.float64, device=a.device)
    if t.ndim > 1 or not t.isfinite().all():
        raise PathError(f"t must be a finite number or a row of them, (T,); yours has shape {tuple(t.shape)}.")
    return t.reshape(-1, *[1] * a.ndim) if t.ndim else t


def ends(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return both ends of a path as float64. Raises ShapeError when their shapes differ, PathError on NaN or infinity."""
    same_shape(a=a, b=b)
    if not (a.isfinite().all() and b.isfinite().all()):
        raise PathError("an end of the path holds NaN or infinity; look at the codes before you connect them.")
    return a.double(), b.double()


def lerp(a: Tensor, b: Tensor, t: float | Sequence[float] | Tensor) -> Tensor:
    """Return the points at t on the straight lines from a to b (linear interpolation).

    z(t) = (1 − t) a + t b          |z(t)|² = (1 − t)² |a|² + t² |b|² + 2 t (1 − t) |a| |b| cos ω

    a, b: (..., Z), one end or a batch of them; t: a number, or (T,); 0 is a and 1 is b, to the last bit, and beyond them the
    line goes on. Returns (..., Z), or (T, ..., Z), in a's type. Raises ShapeError, and PathError on NaN or infinity.
    Built in notebook 08.
    """
    (start, stop), t = ends(a, b), steps(a, t)
    return ((1 - t) * start + t * stop).to(a.dtype)


def angle(a: Tensor, b: Tensor) -> Tensor:
    """Return the angle ω between points a and b (..., Z), seen from the origin: (...,) float64 in [0, π].

    ω = 2 atan2(|u − v|, |u + v|) with u = a / |a|, v = b / |b|          (Kahan 2006)

    which keeps its digits at 0 and at π, where arccos of a cosine loses half of them. Raises ShapeError, and PathError on NaN,
    infinity, or a point at the origin, which has no direction. Built in notebook 08.
    """
    start, stop = ends(a, b)
    if not (start.norm(dim=-1).all() and stop.norm(dim=-1).all()):
        raise PathError("a point at the origin has no direction, so there is no angle; use lerp, or another end.")
    u, v = (point / point.norm(dim=-1, keepdim=True) for point in (start, stop))
    return 2 * torch.atan2((u - v).norm(dim=-1), (u + v).norm(dim=-1))


def slerp(a: Tensor, b: Tensor, t: float | Sequence[float] | Tensor) -> Tensor:
    """Return the points at t on the arcs from a to b around the origin (spherical linear interpolation).

    z(t) = r(t) (sin((1 − t) ω) u + sin(t ω) v) / sin ω          r(t) = (1 − t) |a| + t |b|, u = a / |a|, v = b / |b|

    The direction turns by equal angles in equal times (Shoemake 1985); the radius goes evenly from |a| to |b|. (White 2016 applies
    the weights to a and b themselves: the same where |a| = |b|, but beyond both radii where they differ and ω is wide.)
    Where ω < 1e-7 the weights are their limits, 1 − t and t.

    a, b: (..., Z), none at the origin; t: a number, or (T,). Returns (..., Z), or (T, ..., Z), in a's type. Raises ShapeError;
    PathError on NaN, infinity, a point at the origin, or points opposite each other (within 1e-5 rad), between which
    there is no one shortest arc. Built in notebook 08.
    """
    omega, (start, stop), t = angle(a, b)[..., None], ends(a, b), steps(a, t)
    if (torch.pi - omega < 1e-5).any():
        raise PathError("two ends lie opposite each other: every great circle joins them, so slerp cannot choose; use lerp there.")
    near = omega < 1e-7
    wide = torch.where(near, 1.0, omega)  # where the ends coincide, any angle will do: its result is not used
    first = torch.where(near, 1 - t, torch.sin((1 - t) * wide) / torch.sin(wide))
    second = torch.where(near, t.expand_as(first), torch.sin(t * wide) / torch.sin(wide))
    r_a, r_b = start.norm(dim=-1, keepdim=True), stop.norm(dim=-1, keepdim=True)
    return (((1 - t) * r_a + t * r_b) * (first * start / r_a + second * stop / r_b)).to(a.dtype)


def corner_grid(corners: Tensor, side: int, between: Callable[[Tensor, Tensor, Tensor], Tensor] = lerp) -> Tensor:
    """Return a sheet of side × side points that turns four codes into each other, row by row from the top left.

    z(s, t) = (1 − s)(1 − t) z₁ + (1 − s) t z₂ + s (1 − t) z₃ + s t z₄          (for lerp; s down, t across)

    corners: (4, Z), top left, top right, bottom left, bottom right; between: lerp or slerp, which first connects the corners
    downwards, then each row across (for slerp the order matters). Returns (side², Z). Raises ShapeError, PathError.
    Built in notebook 08.
    """
    if corners.ndim != 2 or len(corners) != 4:
        raise ShapeError(f"a sheet needs four corners, (4, Z); yours are {tuple(corners.shape)}.")
    if side < 2:
        raise ShapeError(f"side is {side}; a sheet with four corners has a side of 2 or more.")
    t = torch.linspace(0, 1, side, dtype=torch.float64)
    left, right = between(corners[0], corners[2], t), between(corners[1], corners[3], t)  # (side, Z), downwards
    return between(left, right, t).transpose(0, 1).flatten(0, 1)  # (across, down, Z) → (side², Z)
