"""Search the plane of `fashion_vae` for fixed points and cycles of z → E(D(z)) for longer than notebook 14 does: a few minutes.

Prints how many fixed points there are at least, whether their indices add up, where random starts end, and whether Newton's
method finds cycles of period 2, 3 and 4. Everything is the map's, in float64; only the starts come from a table of it.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from helpers import pretrained
from helpers.dynamics import FixedPoints, Step, fixed_points, orbit, reconstruction_map, tabulated

HALF, SIDE = 4.5, 260


def sharp_cells_and_still_places(step: Step) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the middles of the cells around which z − step(z) turns by more than 1.5 in one step, and where it is shortest."""
    axis = torch.linspace(-HALF, HALF, SIDE, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    arrow = grid - step(grid.flatten(0, 1)).view(SIDE, SIDE, 2)
    corners = [arrow[:-1, :-1], arrow[:-1, 1:], arrow[1:, 1:], arrow[1:, :-1]]
    turns = [
        torch.atan2(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], (a * b).sum(-1))
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    sharp = torch.stack(turns).abs().amax(0) > 1.5
    short = -arrow.norm(dim=-1)
    return (grid[:-1, :-1] + HALF / (SIDE - 1))[sharp], grid[short == F.max_pool2d(short[None, None], 3, 1, 1)[0, 0]]


def beside(points: FixedPoints) -> torch.Tensor:
    """Return places on both sides of each fixed point with a real multiplier near 1, along its eigenvector."""
    values, vectors = torch.linalg.eig(points.jacobians)
    nearest = (values - 1).abs().argmin(1)
    value = values.gather(1, nearest[:, None])[:, 0]
    along = F.normalize(vectors.real.gather(2, nearest[:, None, None].expand(-1, 2, 1))[..., 0], dim=1)
    near = ((value - 1).abs() < 0.4) & (value.imag.abs() < 1e-9)
    return torch.cat([points.points[near] + reach * along[near] for reach in (-0.1, -0.03, 0.03, 0.1)])


def summary(what: str, found: FixedPoints) -> str:
    """Return one line on a search."""
    inside = (found.points.abs() < HALF).all(1)
    total = int(found.index[inside].sum())
    return f"{what}: {len(found.points)} fixed points, {int(found.stable.sum())} sinks, indices add up to {total}"


def main() -> None:
    """Print the findings, a line each."""
    step, generator = reconstruction_map(pretrained.load("fashion_vae")), torch.Generator().manual_seed(0)
    quick = tabulated(reconstruction_map(pretrained.load("fashion_vae"), double=False), (-HALF, HALF, -HALF, HALF), SIDE)
    sharp, still = sharp_cells_and_still_places(quick)
    print(summary("sharply turning cells alone", fixed_points(step, sharp, rounds=10, reach=0.1)), flush=True)
    rest = orbit(quick, pretrained.codes("fashion_vae").mu.double(), 1, skip=400)[0]
    first = fixed_points(step, torch.cat([sharp, still, torch.unique((50 * rest).round(), dim=0) / 50]), rounds=10, reach=0.1)
    more = fixed_points(step, beside(first), rounds=10, reach=0.1)
    found = fixed_points(step, torch.cat([first.points, more.points]), rounds=2, reach=0.1)
    print(summary("with the still places, where orbits end, and beside multipliers near 1", found), flush=True)
    sinks = found.points[found.stable]
    ends = orbit(step, 2 * HALF * torch.rand(2_000, 2, generator=generator, dtype=torch.float64) - HALF, 1, skip=460)[0]
    away = torch.cdist(ends, sinks).amin(1)
    print(f"2,000 random starts, after 460 rounds: {int((away < 0.01).sum())} within 0.01 of a sink; the farthest {away.max():.3f}")
    for period in (2, 3, 4):
        starts = 3 * torch.randn(140, 2, generator=generator, dtype=torch.float64)
        cycle = fixed_points(lambda z, k=period: orbit(step, z, 1, skip=k)[0], starts, rounds=30, reach=0.5)
        moving = (step(cycle.points) - cycle.points).norm(dim=1) > 1e-6
        print(f"period {period}: Newton's method came to rest at {len(moving)} points, {int(moving.sum())} of them no fixed points")
    ends = orbit(quick, 2 * HALF * torch.rand(20_000, 2, generator=generator, dtype=torch.float64) - HALF, 5, skip=1_000)
    moving = ends[:, (ends[1] - ends[0]).norm(dim=1) > 1e-3]  # (5, M, 2)
    again = int(((moving[4] - moving[0]).norm(dim=1) < 1e-6).sum())
    print(f"the table: of 20,000 random starts {moving.shape[1]} still move after 1,000 rounds, {again} in a cycle of period 4")


if __name__ == "__main__":
    with torch.no_grad():
        main()
