"""What becomes of a point when a rule is applied over and over: a map goes in, orbits, exponents, fixed points and basins come out.

A map, here `step`, takes states (B, d), one a row, to the next states (B, d), and treats every row alone. `lyapunov_spectrum` says
how fast neighbours part, `fixed_points` where nothing moves, `settle` where starts end, `box_dimension` how a set fills space, and
`chaotic_normal` makes noise out of orbits. Known systems (logistic, tent, Hénon, Lorenz) stand beside `reconstruction_map`, the
map z → E(D(z)) of a trained model. Results are float64 on the CPU.
"""

from __future__ import annotations

import copy
import functools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import cKDTree
from torch import Tensor

from helpers.models import LatentModel, device_of, mean_code
from helpers.objective import ShapeError, check_count, check_number

Step = Callable[[Tensor], Tensor]


def states(z: Tensor, what: str = "the starts") -> Tensor:
    """Return states (B, d) as float64. Raises ShapeError on any other shape, ValueError on NaN or infinity."""
    if z.ndim != 2 or not z.numel():
        raise ShapeError(f"{what} must be (B, d), one state a row; yours have shape {tuple(z.shape)}.")
    if not z.isfinite().all():
        raise ValueError(f"{what} hold NaN or infinity.")
    return z.detach().double()


def check_bounded(z: Tensor, at: int) -> Tensor:
    """Return states; raise ValueError when one is infinite or NaN."""
    if not z.isfinite().all():
        raise ValueError(f"an orbit left for infinity (or became NaN) by step {at}: start elsewhere, or take shorter steps.")
    return z


def logistic(x: Tensor, r: float | Tensor = 4.0) -> Tensor:
    """Return r x (1 − x), of any shape: [0, 1] into itself for r in [0, 4]. Its exponent at r = 4 is ln 2. (May 1976)"""
    return r * x * (1 - x)


def tent(u: Tensor, slope: float = 2.0) -> Tensor:
    """Return slope · min(u, 1 − u), of any shape: [0, 1] into itself for slopes in [0, 2]. Its exponent is ln slope.

    At slope 2 every step shifts the binary digits by one, so that a float64 orbit lies at 0, exactly, after some 55 steps.
    """
    return slope * torch.minimum(u, 1 - u)


def henon(z: Tensor) -> Tensor:
    """Return (1 − 1.4 x² + y, 0.3 x) for states (B, 2). The determinant of its Jacobian is −0.3 everywhere. (Hénon 1976)"""
    x, y = z.unbind(-1)
    return torch.stack([1 - 1.4 * x * x + y, 0.3 * x], -1)


def lorenz(z: Tensor) -> Tensor:
    """Return the velocity (10 (y − x), x (28 − z) − y, x y − 8/3 z) of states (B, 3). (Lorenz 1963, equations 25 to 27)

    Its divergence is −(10 + 1 + 8/3) everywhere: volumes shrink at that rate.
    """
    x, y, up = z.unbind(-1)
    return torch.stack([10 * (y - x), x * (28 - up) - y, x * y - 8 / 3 * up], -1)


def runge_kutta(field: Step, dt: float) -> Step:
    """Return the map that follows dz/dt = field(z) for a time dt: one classical Runge–Kutta step, of error O(dt⁵)."""
    check_number("dt", dt)

    def step(z: Tensor) -> Tensor:
        k1 = field(z)
        k2 = field(z + 0.5 * dt * k1)
        k3 = field(z + 0.5 * dt * k2)
        k4 = field(z + dt * k3)
        return z + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return step


def reconstruction_map(model: LatentModel, *, double: bool = True) -> Step:
    """Return z → E(D(z)), (B, Z) → (B, Z): decode, and encode again (mu of a VAE), without noise.

    It has the non-zero Jacobian eigenvalues, along corresponding orbits, and so the finite Lyapunov exponents, of the map
    x → D(E(x)) on images, at Z numbers a state. double: in float64, on a copy of the model (on the processor where the device,
    Apple's, has no float64). Built in notebook 14.
    """
    kept = copy.deepcopy(model).eval().requires_grad_(False)
    if double:
        kept = (kept.cpu() if device_of(kept).type == "mps" else kept).double()
    kind = torch.float64 if double else torch.float32

    def step(z: Tensor) -> Tensor:
        if z.shape[-1] != model.config.latent:
            raise ShapeError(f"this model has {model.config.latent} latents; the states are {tuple(z.shape)}.")
        return mean_code(kept, kept.decode(z.to(device_of(kept), kind))).to(z)

    return step


@torch.no_grad()
def orbit(step: Step, start: Tensor, n: int, *, skip: int = 0) -> Tensor:
    """Return n states of the orbits of `start` (B, d), (n, B, d): the start itself first, or its image after `skip` steps.

    Raises ShapeError, ValueError (also when an orbit runs away). Built in notebook 14.
    """
    check_count("n", n)
    check_count("skip", skip, 0)
    z, found = states(start), []
    for at in range(skip + n):
        if at >= skip:
            found.append(z)
        if at < skip + n - 1:
            z = step(z)
    return check_bounded(torch.stack(found), skip + n)


@functools.cache
def quiet_forward_mode() -> None:
    """Let torch load its forward derivatives, once: that makes it warn about another part of torch."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
        torch.func.jvp(torch.sigmoid, (torch.ones(1),), (torch.ones(1),))


def push(step: Step, z: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
    """Return step(z) (B, d) and J(z) frame (B, d, k), J the Jacobian at z, by forward derivatives along the k columns."""
    B, d, k = frame.shape
    copies = z[:, None].expand(B, k, d).reshape(B * k, d).clone()
    along = frame.mT.reshape(B * k, d).clone()  # forward derivatives refuse memory that is used twice
    quiet_forward_mode()
    moved, along = torch.func.jvp(step, (copies,), (along,))[:2]
    return moved.view(B, k, d)[:, 0], along.view(B, k, d).mT


def jacobian(step: Step, z: Tensor) -> Tensor:
    """Return J[b, i, j] = ∂ step(z)_i / ∂ z_j at states z (B, d), (B, d, d) float64. Raises ShapeError, ValueError."""
    z = states(z, "the points")
    return push(step, z, torch.eye(z.shape[1], dtype=torch.float64).expand(len(z), -1, -1))[1].detach()


class Spectrum(NamedTuple):
    """Lyapunov exponents, largest first: their mean over the starts (k,), its standard error (k,), and each start's own (B, k)."""

    exponents: Tensor
    errors: Tensor
    each: Tensor


@torch.no_grad()
def lyapunov_spectrum(
    step: Step, start: Tensor, n: int, *, skip: int = 100, every: int = 1, k: int | None = None, dt: float = 1.0
) -> Spectrum:
    """Return the k largest Lyapunov exponents, in nats per unit of time, by QR.

    J(z_t) Q_t = Q_{t+1} R_{t+1},     λ_i = 1/(n dt) Σ_t log |R_t|_ii          (Benettin and others 1980; Shimada & Nagashima 1979)

    start: (B, d), independent starts in the basin of one attractor, which they reach in `skip` uncounted steps. every: steps
    between two QR decompositions. k: how many exponents (default: all d). dt: time of one step. Errors are NaN for one start;
    exponents −inf where a direction is lost. Raises ShapeError, ValueError. Built in notebook 14.
    """
    z = states(start)
    k = z.shape[1] if k is None else k
    for name, value, least in (("n", n, 1), ("skip", skip, 0), ("every", every, 1), ("k", k, 1)):
        check_count(name, value, least)
    if k > z.shape[1] or n % every:
        raise ValueError(f"k = {k} must not exceed the {z.shape[1]} dimensions, and n = {n} be a multiple of every = {every}.")
    check_number("dt", dt)
    frame = torch.eye(z.shape[1], dtype=torch.float64)[:, :k].expand(len(z), -1, -1)
    total = torch.zeros(len(z), k, dtype=torch.float64)
    for at in range(1, skip + n + 1):
        z, frame = push(step, z, frame)
        if (at - skip) % every == 0:
            frame, R = torch.linalg.qr(check_bounded(frame, at))
            if at > skip:
                total += R.diagonal(dim1=-2, dim2=-1).abs().log()
    check_bounded(z, skip + n)
    each = total / (n * dt)
    error = each.std(0) / len(z) ** 0.5 if len(z) > 1 else torch.full((k,), torch.nan, dtype=torch.float64)
    return Spectrum(each.mean(0), error, each)


class FixedPoints(NamedTuple):
    """Points that a map leaves where they are, (K, d), and its Jacobians there, (K, d, d)."""

    points: Tensor
    jacobians: Tensor

    @property
    def multipliers(self) -> Tensor:
        """The eigenvalues of each Jacobian, (K, d) complex, largest modulus first."""
        values = torch.linalg.eigvals(self.jacobians)
        return values.gather(1, values.abs().argsort(1, descending=True))

    @property
    def stable(self) -> Tensor:
        """Whether each is a sink, (K,) bool: all multipliers lie inside the unit circle, so neighbours are drawn in."""
        return (self.multipliers.abs() < 1).all(1)

    @property
    def index(self) -> Tensor:  # type: ignore[override]  # a named tuple has a method of this name
        """The Lefschetz index of each, (K,): the sign of det(I − J). +1 for a sink; −1 for a saddle with one multiplier above 1."""
        eye = torch.eye(self.points.shape[1], dtype=torch.float64)
        return torch.linalg.det(eye - self.jacobians).sign().long()


@torch.no_grad()
def fixed_points(step: Step, starts: Tensor, *, rounds: int = 30, reach: float = 1.0) -> FixedPoints:
    """Return the fixed points that Newton's method finds from `starts` (B, d), each once, by rising first coordinate.

    z ← z − (J(z) − I)⁻¹ (step(z) − z)

    Steps longer than `reach` are cut to it. A point counts when |step(z) − z| is below 1e-9; two that lie closer than 1e-5 count
    once. What no start leads to is not found (the sum of `index` helps to notice). K may be 0. Raises ShapeError, ValueError.
    Built in notebook 14.
    """
    z = states(starts)
    check_count("rounds", rounds)
    check_number("reach", reach)
    eye = torch.eye(z.shape[1], dtype=torch.float64)
    converged = []
    for _ in range(rounds):
        moved, J = push(step, z, eye.expand(len(z), -1, -1))
        change, failed = torch.linalg.solve_ex(eye - J, (moved - z)[..., None])
        change = change[..., 0] / (change[..., 0].norm(dim=1, keepdim=True) / reach).clamp(min=1)
        fine = change.isfinite().all(1) & (failed == 0)
        z, small = (z + change)[fine], change[fine].norm(dim=1) < 1e-12
        converged.append(z[small])
        z = z[~small]
        if not len(z):
            break
    z = torch.cat([*converged, z])
    z = z[(step(z) - z).norm(dim=1) < 1e-9] if len(z) else z
    points = z[torch.from_numpy(np.lexsort(z.T.flip(0).numpy()))]
    twins = cKDTree(points.numpy()).query_pairs(1e-5, output_type="ndarray")  # (M, 2), the smaller index first
    points = points[torch.from_numpy(~np.isin(np.arange(len(points)), twins[:, 1]))]
    return FixedPoints(points, jacobian(step, points) if len(points) else z.new_zeros(0, *eye.shape))


@torch.no_grad()
def tabulated(step: Step, extent: tuple[float, float, float, float], side: int) -> Step:
    """Return a fast approximation of a map of the plane: its values on a grid of side², joined by cubic splines.

    extent: (left, right, bottom, top); points beyond it are answered as the nearest point of the border. The error falls with the
    fourth power of the spacing, where the map is smooth: compare it with the map before you rely on it. Raises ValueError.
    """
    left, right, bottom, top = extent
    check_count("side", side, 4)
    if not (left < right and bottom < top):
        raise ValueError(f"extent is {extent}; it must be (left, right, bottom, top) with left < right and bottom < top.")
    x, y = torch.linspace(left, right, side, dtype=torch.float64), torch.linspace(bottom, top, side, dtype=torch.float64)
    grid = torch.stack([x.repeat(side), y.repeat_interleave(side)], 1)  # row by row, y rising
    values = torch.cat([step(part) for part in grid.split(4096)]).double()
    splines = [ndimage.spline_filter(values[:, i].view(side, side).numpy(), order=3, mode="mirror") for i in (0, 1)]
    low, span = np.array([bottom, left]), np.array([top - bottom, right - left])

    def quick(z: Tensor) -> Tensor:
        at = ((z.numpy()[:, ::-1] - low) / span * (side - 1)).clip(0, side - 1).T  # (2, B): row, column
        found = [ndimage.map_coordinates(spline, at, order=3, mode="mirror", prefilter=False) for spline in splines]
        return torch.from_numpy(np.stack(found, 1))

    return quick


class Basins(NamedTuple):
    """Which sink each start reached, (N,), -1 for none, and after how many steps, (N,)."""

    sink: Tensor
    steps: Tensor


@torch.no_grad()
def settle(step: Step, starts: Tensor, sinks: Tensor, *, n: int, radius: float) -> Basins:
    """Return where starts (N, d) end: the first of the sinks (K, d) that the orbit comes closer to than `radius`, within n steps.

    radius must be so small that an orbit that is that near stays; less than half the distance between any two sinks, at least.
    Raises ShapeError, ValueError. Built in notebook 14.
    """
    z, sinks = states(starts), states(sinks, "the sinks")
    check_count("n", n)
    if sinks.shape[1] != z.shape[1]:
        raise ShapeError(f"starts are {tuple(z.shape)}, but sinks {tuple(sinks.shape)}: they need the same number of dimensions.")
    least = torch.pdist(sinks).min().item() / 2 if len(sinks) > 1 else math.inf
    if not 0 < radius <= least:
        raise ValueError(f"radius is {radius!r}; it must be positive and at most {least:.3g}, half the least distance of sinks.")
    sink, steps = torch.full((len(z),), -1), torch.full((len(z),), n)
    left, tree = torch.arange(len(z)), cKDTree(sinks.numpy())
    for at in range(n + 1):
        nearest = torch.from_numpy(tree.query(z.numpy(), distance_upper_bound=radius)[1])  # K where none is that near
        home = nearest < len(sinks)
        sink[left[home]], steps[left[home]] = nearest[home], at
        left, z = left[~home], z[~home]
        if not len(left) or at == n:
            break
        z = check_bounded(step(z), at + 1)
    return Basins(sink, steps)


class Dimension(NamedTuple):
    """The slope of log N against log 1/size, the box sides, and the counts N that it was fitted to."""

    value: float
    sizes: Tensor
    counts: Tensor


def box_counts(points: Tensor, sizes: Sequence[float] | Tensor) -> Tensor:
    """Return how many boxes of each side, laid edge to edge from the origin, hold at least one of the points (N, d): (S,) int64."""
    points, sizes = states(points, "the points"), torch.as_tensor(sizes, dtype=torch.float64).reshape(-1)
    if not len(sizes) or not sizes.isfinite().all() or (sizes <= 0).any():
        raise ValueError(f"box sides must be one or more positive numbers, not {sizes.tolist()}.")
    return torch.tensor([occupied((points / size).floor().long().numpy()) for size in sizes.tolist()])


def occupied(boxes: np.ndarray) -> int:
    """Return how many different rows there are in whole numbers (N, d)."""
    boxes = boxes - boxes.min(0)
    widths = [int(width) for width in boxes.max(0) + 1]
    if math.prod(widths) >= 2**62:  # no room for one number a box
        return len(np.unique(boxes, axis=0))
    return len(np.unique(np.ravel_multi_index(tuple(boxes.T), widths)))


def box_dimension(points: Tensor, sizes: Sequence[float] | Tensor) -> Dimension:
    """Return the box-counting dimension of a set from points (N, d) of it: the slope of log N(size) against log(1 / size).

    The least-squares line over the sides given, three or more: the answer depends on them. Raises ValueError where the smallest
    boxes hold fewer than four points on average: the slope would fall to 0. (Falconer 2014, chapter 2.) Built in notebook 14.
    """
    counts, sizes = box_counts(points, sizes), torch.as_tensor(sizes, dtype=torch.float64).reshape(-1)
    if len(sizes.unique()) < 3:
        raise ValueError(f"a slope needs three or more different box sides; there are {len(sizes.unique())}.")
    if counts.max() * 4 > len(points):
        raise ValueError(f"{int(counts.max())} boxes are too many for {len(points)} points: take larger boxes, or more points.")
    slope, _ = np.polyfit(-sizes.log().numpy(), counts.double().log().numpy(), 1)
    return Dimension(float(slope), sizes, counts)


def chaotic_uniform(n: int, size: Sequence[int] | int, generator: torch.Generator) -> Tensor:
    """Return n steps of independent orbits of the tent map of slope 2, each uniform on (0, 1) at every step: (n, *size) float64.

    u = (2/π) arcsin √x,          x ← 4 x (1 − x)          (Ulam & von Neumann 1947)

    Computed through the logistic map, since the tent map itself dies in floating point; x is kept at or below 1 − 2⁻⁵³, from
    where it would fall to 0. Raises ValueError.
    """
    check_count("n", n)
    shape = np.atleast_1d(size).tolist()
    for part in shape:
        check_count("a size", part)
    u0 = torch.rand(shape, generator=generator, dtype=torch.float64).clamp(1e-8, 1 - 1e-8)
    x, found = torch.sin(0.5 * math.pi * u0).square(), []
    for _ in range(n):
        x = x.clamp(max=1 - 2.0**-53)
        found.append(x)
        x = logistic(x)
    return torch.asin(torch.stack(found).sqrt()) * (2 / math.pi)


def chaotic_normal(n: int, size: Sequence[int] | int, generator: torch.Generator) -> Tensor:
    """Return eps = Φ⁻¹(u) of `chaotic_uniform`: N(0, 1) at every step, independent across orbits.

    (n, *size) float64, |eps| < 5.7. White (all its autocorrelations are 0) and yet wholly predictable. Raises ValueError.
    Built in notebook 14.
    """
    return torch.special.ndtri(chaotic_uniform(n, size, generator))
