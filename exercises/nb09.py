"""The exercises of notebook 09: cases, right functions, and wrong ones with what a student is told of them."""

import torch
from scipy.stats import chi, kstest
from torch.distributions import Normal

from exercises import StillThere, Wrong, exercise, normal, refuse, returned, rng


def apart(z):
    return z.norm() - len(z) ** 0.5


@exercise(
    "09.1",
    right=lambda z: (Normal(0.0, 1.0).log_prob(torch.ones_like(z)) - Normal(0.0, 1.0).log_prob(z)).sum(),
    cases=[(level * normal(size, seed=size),) for size, level in ((64, 2.0), (10, 1.0), (128, 0.3))],
    hint="Only −|z|²/2 differs between the two densities.",
    slips={
        "the sign is wrong: it is positive far out, negative further in.": -1,
        "you are off by a factor of two: the exponent of a normal density is −|z|² / 2.": 2,
        "you compare with the density at the origin; compare with |z| = √Z, where samples lie.": lambda z: 0.5 * z.square().sum(),
        "you subtract radii; the density falls with their squares.": lambda z: 0.5 * apart(z),
        "you square a difference of radii; subtract the squares.": lambda z: 0.5 * apart(z) ** 2,
    },
)
def nats_below_typical(z):
    return 0.5 * (z.square().sum() - len(z))


def points(answer, n: int, size: int, *arguments, seed: int) -> torch.Tensor:
    """Return an answer's points (n, size) as float64, all different, and from the generator; otherwise raise Wrong."""
    z, again, other = (
        returned(answer, n, size, *arguments, rng(s), like=torch.zeros(n, size), what="the set of points")
        for s in (seed, seed, seed + 1)
    )
    refuse(not z.equal(again), "your points do not come from the generator that is given: seeded alike, it gives others.")
    own_seed = z.equal(other) and not (z == z[0]).all()
    refuse(own_seed, "your points do not come from the generator that is given: whatever its seed, they are the same.")
    same = 1 < len(z.unique(dim=0)) < n or (z.std(0) == 0).all() and z.std() > 0
    refuse(same, "some points are the same; draw n different ones.")
    return z


def ball(n, size, inner, outer, generator, even=1.0, noise=torch.randn, dtype=torch.float64):
    share, eps = torch.rand(n, 1, generator=generator, dtype=dtype), noise(n, size, generator=generator, dtype=dtype)
    power = max(even * size, 1)  # even = 0: an even radius
    eps -= 0.5 if noise is torch.rand else 0.0
    return (inner**power + share * (outer**power - inner**power)) ** (1 / power) * eps / eps.norm(dim=1, keepdim=True)


@exercise(
    "09.2",
    right=ball,
    slips={
        "some points are the same": lambda n, *given: ball(1, *given).repeat(n, 1),
        "more than a float32 can hold. Compute in float64.": {"dtype": torch.float32},
        "radii reach from": lambda n, size, inner, outer, generator: torch.randn(n, size, generator=generator),
        "the points lie on one side": lambda *given: ball(*given).abs(),
        "the *radius* is even, so the inside is too crowded": {"even": 0},
        "the points are not evenly spread by volume": {"even": 0.5},
        "points of a cube prefer its corners": {"noise": torch.rand},
        "the radii rise or fall from row to row": lambda *given: (z := ball(*given))[z.norm(dim=1).argsort(descending=True)],
        "seeded alike, it gives others": lambda n, size, inner, outer, generator: ball(n, size, inner, outer, None),
        "whatever its seed, they are the same": lambda n, size, inner, outer, g: ball(n, size, inner, outer, g.manual_seed(0)),
    },
)
def thick_shell(answer) -> None:
    """The radius to the power of the dimension is uniform (Kolmogorov–Smirnov); the directions have no preference."""
    n = 4000
    for size, inner, outer in ((64, 7.0, 9.0), (3, 0.0, 2.0), (8, 1.0, 1.5)):
        z = points(answer, n, size, inner, outer, seed=size)
        r, told = z.norm(dim=1), f"for {size} dimensions and radii {inner:g} to {outer:g} "
        if not r.isfinite().all():
            raise Wrong(told + f"some are infinite: {outer:g}^{size} is more than a float32 can hold. Compute in float64.")
        refuse(r.min() < inner - 1e-4 or r.max() > outer + 1e-4, told + f"radii reach from {r.min():.3g} to {r.max():.3g}.")
        if z.mean(0).abs().max() > 6 * outer / (size * n) ** 0.5:
            raise Wrong(told + "the points lie on one side. A *normal* vector has no preferred direction, a uniform one has.")
        sort = (r[1:] >= r[:-1]).all() or (r[1:] <= r[:-1]).all()
        refuse(sort, told + "the radii rise or fall from row to row; sample each of them.")
        volume = (r**size - inner**size) / (outer**size - inner**size)
        if kstest(volume.numpy(), "uniform").pvalue < 1e-6:
            if kstest(((r - inner) / (outer - inner)).numpy(), "uniform").pvalue > 1e-6:
                raise Wrong(told + "the *radius* is even, so the inside is too crowded: the volume within r grows like r^Z.")
            raise Wrong(told + "the points are not evenly spread by volume: which share of it lies within a radius r?")
        corner = (z / r[:, None]).abs().pow(4).mean() * size * (size + 2) / 3  # 1 for even directions
        if abs(corner - 1) > 0.1:
            raise Wrong(told + "directions are uneven: points of a cube prefer its corners. Use the direction of a normal vector.")


def halves(n, size, level, generator):
    return (1 if level > 0 else -1) * torch.randn(n, size, generator=generator).abs()


@exercise(
    "09.3",
    right=halves,
    bug={"All points are the same one.": lambda n, size, level, generator: torch.full((n, size), level)},
    slips={
        "some coordinates are on the other side of 0.": lambda n, size, level, g: torch.randn(n, size, generator=g),
        "all points are on the other side of 0.": lambda n, size, level, g: torch.randn(n, size, generator=g).abs(),
        "where the prior has none": lambda n, size, level, g: level + 0.1 * torch.randn(n, size, generator=g),
        "yours has another distribution.": lambda n, size, level, g: level * torch.rand(n, size, generator=g) / abs(level),
        "all points have the same radius": lambda n, size, *given: 8 * torch.nn.functional.normalize(halves(n, size, *given)),
        "some points are the same": lambda n, *given: halves(n // 2, *given).repeat(2, 1),
        "the coordinates of your points depend on each other": lambda *given: halves(*given).sort(dim=0).values,
        "the coordinates of each point rise or fall": lambda *given: halves(*given).sort(dim=1).values,
        "seeded alike, it gives others": lambda n, size, level, generator: halves(n, size, level, None),
        "whatever its seed, they are the same": lambda n, size, level, generator: halves(n, size, level, rng(0)),
    },
)
def one_sided_region(answer) -> None:
    """Each coordinate is half normal: its distribution, its side, and its independence of the others."""
    n, size = 3000, 64
    for level in (2.0, -1.0):
        z = points(answer, n, size, level, seed=3)
        radius = z.norm(dim=1)
        refuse((z == z[0]).all(), "All points are the same one.", StillThere)
        count = "all points" if (z * level < 0).all() else "some coordinates"
        refuse(not (z * level >= 0).all(), f"for level {level:g} {count} are on the other side of 0.")
        if radius.mean() > 1.2 * size**0.5:
            raise Wrong(f"the points lie at radius {radius.mean():.1f}, where the prior has none: its samples lie at 8.")
        if kstest(z.abs().flatten()[::7].numpy(), "halfnorm").pvalue < 1e-6:
            raise Wrong("a coordinate of a prior sample that has the right sign is half normal; yours has another distribution.")
        refuse(radius.std() < 0.3, "all points have the same radius; that of the prior's samples varies by about 0.7.")
        if z.mean(0).std() > 0.05:
            raise Wrong("the coordinates of each point rise or fall along the row; all have the same distribution under the prior.")
        if kstest(radius.numpy(), chi(size).cdf).pvalue < 1e-6 or (z.T.corrcoef() - torch.eye(size)).abs().max() > 0.15:
            raise Wrong("the coordinates of your points depend on each other; they are independent under the prior.")


def groups(seed: int, share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes (200, 12) that drift, and whether each smiles, 1 or 0."""
    return normal(200, 12, seed=seed) + torch.arange(200)[:, None] / 50, (torch.rand(200, generator=rng(seed + 9)) < share).long()


@exercise(
    "09.4",
    cases=[groups(1, 0.3), groups(2, 0.7)],
    hint="It is the difference of the two groups' means. What does mu[t] do when t is bool, and when it is int64?",
    bug={"The result depends on the first two people only.": lambda mu, s: mu[s].mean(0) - mu[1 - s].mean(0)},
    slips={
        "you take the smile away: those who smile minus the others.": -1,
        "divide each group's sum by the size of *that* group.": lambda mu, s: (mu[s == 1].sum(0) - mu[s == 0].sum(0)) / len(mu),
        "those who smile minus *all*: it points the right way, but is too short.": lambda mu, s: mu[s == 1].mean(0) - mu.mean(0),
    },
)
def smile_vector(mu, smiling):
    return mu[smiling == 1].mean(0) - mu[smiling == 0].mean(0)


def directions(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return two directions (10,) and a covariance (10, 10) that is far from round."""
    root = normal(10, 10, seed=seed + 20)
    return *normal(2, 10, seed=seed), root @ root.T + 0.1 * torch.eye(10)


def itself(o, C):
    return o


@exercise(
    "09.5",
    cases=[directions(seed) for seed in (1, 2, 3)],
    hint="The reading oᵀ C⁻¹ v should be 0, and what you subtract a multiple of o.",
    slips={
        "that makes o · v = 0; the reading oᵀ C⁻¹ v is not 0. Where does C come in?": {"read": itself},
        "you use C where C⁻¹ belongs: torch.linalg.solve(C, o) is C⁻¹ o.": {"read": lambda o, C: C @ o},
        "the reading stays, but you subtract a multiple of C⁻¹ o, not of o.": {"removed": lambda o, C: torch.linalg.solve(C, o)},
        "the multiple is not divided by oᵀ C⁻¹ o.": lambda d, o, C: d - o * (torch.linalg.solve(C, o) @ d),
    },
)
def without(d, o, C, removed=itself, read=lambda o, C: torch.linalg.solve(C, o)):
    """Return d minus the multiple of a vector with which read · v = 0; both are functions of o and C."""
    return d - removed(o, C) * (read(o, C) @ d) / (read(o, C) @ removed(o, C))
