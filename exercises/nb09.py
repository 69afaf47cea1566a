"""The checks of notebook 09's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import torch
from scipy.stats import kstest
from torch.distributions import Normal

from exercises import StillThere, Wrong, close, exercise, returned


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(answer, *arguments, n: int, size: int) -> torch.Tensor:
    """Return an answer's points (n, size) as float64; raise Wrong where they are of another shape or hold NaN."""
    return returned(answer, *arguments, like=torch.zeros(n, size), what="the points")


@exercise("09.1", "nats_below_typical")
def nats(answer) -> None:
    """Against torch's normal density, at a point of the typical radius."""
    for size, level in ((64, 2.0), (10, 1.0), (128, 0.3)):
        z = level * torch.randn(size, generator=rng(size)).sign().double()
        typical = torch.ones(size).double()
        normal = Normal(0.0, 1.0)
        wanted = normal.log_prob(typical).sum() - normal.log_prob(z).sum()
        found = returned(answer, z, like=wanted, what="the difference")
        if close(found, wanted):
            continue
        told = f"for {size} latents at ±{level:g} "
        if close(found, -wanted):
            raise Wrong(told + "the sign is the wrong way round: how far *below* the typical one, so positive far out.")
        if close(found, 2 * wanted):
            raise Wrong(told + "you are off by a factor of two: the exponent of a normal density is −|z|² / 2.")
        if close(found, 0.5 * z.square().sum()):
            raise Wrong(
                told + "you compare with the density at the origin. It is the highest, but no draw is there: compare with |z| = √Z."
            )
        if close(found, 0.5 * (z.norm() - size**0.5) ** 2) or close(found, 0.5 * (z.norm() - size**0.5)):
            raise Wrong(told + "you subtract radii; the density falls with their squares: ½ (|z|² − Z).")
        raise Wrong(told + f"yours is {found.item():.4g}, not {wanted.item():.4g}. Only −|z|²/2 differs between the two densities.")


@exercise("09.2", "thick_shell")
def shell(answer) -> None:
    """The radius to the power of the dimension is uniform (Kolmogorov–Smirnov); the directions have no preference."""
    n = 4000
    for size, inner, outer in ((64, 7.0, 9.0), (3, 0.0, 2.0), (8, 1.0, 1.5)):
        z = points(answer, n, size, inner, outer, rng(size), n=n, size=size)
        r, told = z.norm(dim=1), f"for {size} dimensions and radii {inner:g} to {outer:g} "
        if len(z.unique(dim=0)) < n:
            raise Wrong(told + "some points are the same: draw n different ones.")
        if not r.isfinite().all():
            raise Wrong(
                told
                + f"some points are infinite: {outer:g} to the power {size} is more than a float32 can hold. Compute in float64."
            )
        if r.min() < inner - 1e-4 or r.max() > outer + 1e-4:
            raise Wrong(told + f"radii reach from {r.min():.3g} to {r.max():.3g}.")
        if z.mean(0).abs().max() > 6 * outer / (size * n) ** 0.5:
            raise Wrong(
                told
                + "the points lie on one side: the direction of a *normal* vector has no preference, that of a uniform one has."
            )
        volume = (r**size - inner**size) / (outer**size - inner**size)
        if kstest(volume.numpy(), "uniform").pvalue < 1e-6:
            if kstest(((r - inner) / (outer - inner)).numpy(), "uniform").pvalue > 1e-6:
                raise Wrong(told + "the *radius* is even, so the inside is too crowded: the volume within r grows like r^Z.")
            raise Wrong(told + "the points are not evenly spread by volume: r^Z should be uniform between inner^Z and outer^Z.")
        corner = (z / r[:, None]).abs().pow(4).mean() * size * (size + 2) / 3  # 1 for even directions
        if abs(corner - 1) > 0.1:
            raise Wrong(
                told + "some directions are preferred. Divide a normal vector by its length; points of a cube prefer its corners."
            )


@exercise("09.3", "one_sided_region")
def one_sided(answer) -> None:
    """Each coordinate is half normal: its distribution, its side, and its independence of the others."""
    n, size = 3000, 64
    for level in (2.0, -1.0):
        z = points(answer, n, size, level, rng(3), n=n, size=size)
        if (z == z[0, 0]).all() or len(z.unique(dim=0)) == 1:
            raise StillThere("All points are the same one.")
        if len(z.unique(dim=0)) < n:
            raise Wrong("some points are the same: the region has room for n different ones.")
        if not (z * level >= 0).all():
            if (z * level < 0).all():
                raise Wrong(f"for level {level:g} all points are on the other side of 0.")
            raise Wrong(f"for level {level:g} some coordinates are on the other side of 0.")
        radius = z.norm(dim=1).mean()
        if radius > 1.2 * size**0.5:
            raise Wrong(f"the points lie at radius {radius:.1f}, where the prior has none: its draws lie at {size**0.5:.0f}.")
        if kstest(z.abs().flatten()[::7].numpy(), "halfnorm").pvalue < 1e-6:
            raise Wrong("a coordinate of a prior draw that has the right sign is half normal; yours has another distribution.")
        if z.norm(dim=1).std() < 0.3:
            raise Wrong("all points have the same radius; the prior's draws vary by about 0.7.")


@exercise("09.4", "smile_vector")
def smile(answer) -> None:
    """Against the means over the groups, computed with weights, in groups of unequal size."""
    for seed, share in ((1, 0.3), (2, 0.7)):
        mu = torch.randn(200, 12, generator=rng(seed), dtype=torch.float64) + torch.arange(200)[:, None] / 50
        smiling = (torch.rand(200, generator=rng(seed + 9)) < share).long()
        weight = smiling.double()
        wanted = (weight @ mu) / weight.sum() - ((1 - weight) @ mu) / (1 - weight).sum()
        found = returned(answer, mu, smiling, like=wanted, what="the vector")
        if close(found, wanted):
            continue
        if close(found, mu[smiling].mean(0) - mu[1 - smiling].mean(0)):
            raise StillThere("The result depends on the first two people only.")
        if close(found, -wanted):
            raise Wrong("you take the smile away: those who smile minus those who do not.")
        if close(found, (weight @ mu - (1 - weight) @ mu) / len(mu)):
            raise Wrong("each group's sum has to be divided by the size of *that* group.")
        if close(found, (weight @ mu) / weight.sum() - mu.mean(0)):
            raise Wrong("that is the smiling ones minus *everybody*; it points the right way, but is too short.")
        raise Wrong("that is not the difference of the two groups' means. What does mu[t] do when t is bool, and when it is int64?")


@exercise("09.5", "without")
def left_alone(answer) -> None:
    """Against the condition itself, in a space that is far from round; the change must be along o only."""
    for seed in (1, 2, 3):
        d, o = torch.randn(2, 10, generator=rng(seed), dtype=torch.float64)
        root = torch.randn(10, 10, generator=rng(seed + 20), dtype=torch.float64)
        C = root @ root.T + 0.1 * torch.eye(10)
        read = torch.linalg.solve(C, o)
        wanted = d - o * (read @ d) / (read @ o)
        found = returned(answer, d, o, C, like=wanted, what="the direction")
        if close(found, wanted):
            continue
        if close(found, d - o * (o @ d) / (o @ o)):
            raise Wrong("that is the plain right angle, o · v = 0; the reading oᵀ C⁻¹ z still moves. Where does C come in?")
        if close(found, d - o * (o @ C @ d) / (o @ C @ o)):
            raise Wrong("you use C where C⁻¹ belongs: torch.linalg.solve(C, o) is C⁻¹ o.")
        if close(found, d - read * (read @ d) / (read @ read)):
            raise Wrong("the reading stays, but you subtract a multiple of C⁻¹ o; subtract a multiple of o itself.")
        if close(found, d - o * (read @ d)):
            raise Wrong("the multiple is not divided by oᵀ C⁻¹ o.")
        raise Wrong(
            f"the reading oᵀ C⁻¹ v should be 0, but is {(read @ found).item():.3g}; or you subtracted something that is no multiple of o."
        )
