"""Typical wrong solutions of the exercises of notebook 09."""

import torch


def ball(n, size, inner, outer, generator, power=1, noise=torch.randn):
    eps = noise(n, size, generator=generator, dtype=torch.float64) - (0.0 if noise is torch.randn else 0.5)
    share = torch.rand(n, 1, generator=generator, dtype=torch.float64)
    return (inner**power + share * (outer**power - inner**power)) ** (1 / power) * eps / eps.norm(dim=1, keepdim=True)


def cubed(n, size, inner, outer, generator):
    return ball(n, size, inner, outer, generator, size, torch.rand)


def thick_shell(n, size, inner, outer, generator):
    share, eps = torch.rand(n, 1, generator=generator), torch.randn(n, size, generator=generator)
    return (inner**size + share * (outer**size - inner**size)) ** (1 / size) * eps / eps.norm(dim=1, keepdim=True)


def around_level(n, size, level, generator):
    return level + 0.1 * torch.randn(n, size, generator=generator)


def on_one_shell(n, size, level, generator):
    z = torch.randn(n, size, generator=generator).abs()
    return (1 if level > 0 else -1) * size**0.5 * z / z.norm(dim=1, keepdim=True)


SLIPS = [
    ("09.1", lambda z: 0.5 * (len(z) - z.square().sum()), "wrong way round"),
    ("09.1", lambda z: z.square().sum() - len(z), "factor of two"),
    ("09.1", lambda z: 0.5 * z.square().sum(), "at the origin"),
    ("09.1", lambda z: 0.5 * (z.norm() - len(z) ** 0.5), "subtract radii"),
    ("09.2", ball, "*radius* is even"),
    ("09.2", cubed, "prefer its corners"),
    ("09.2", lambda n, size, inner, outer, g: ball(1, size, inner, outer, g, size).repeat(n, 1), "the same"),
    ("09.2", thick_shell, "more than a float32 can hold"),
    ("09.3", around_level, "where the prior has none"),
    ("09.3", lambda n, size, level, g: torch.randn(n, size, generator=g), "other side"),
    ("09.3", lambda n, size, level, g: torch.randn(n, size, generator=g).abs(), "on the other side"),
    ("09.3", on_one_shell, "same radius"),
    ("09.4", lambda mu, s: mu[s == 0].mean(0) - mu[s == 1].mean(0), "take the smile away"),
    ("09.4", lambda mu, s: (mu[s == 1].sum(0) - mu[s == 0].sum(0)) / len(mu), "size of *that* group"),
    ("09.4", lambda mu, s: mu[s == 1].mean(0) - mu.mean(0), "too short"),
    ("09.5", lambda d, o, C: d - o * (o @ d) / (o @ o), "plain right angle"),
    ("09.5", lambda d, o, C: d - o * (o @ C @ d) / (o @ C @ o), "C⁻¹ belongs"),
    ("09.5", lambda d, o, C: d - o * (torch.linalg.solve(C, o) @ d), "not divided"),
]
