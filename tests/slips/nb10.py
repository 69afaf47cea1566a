"""Typical wrong solutions of the exercises of notebook 10."""

import torch


def rank_with(nats):
    return lambda mu, logvar, k: nats(mu, logvar).argsort(descending=True)[:k]


def strongest_with(size, unit=1.0):
    def strongest(draw, points, measure):
        found = []
        for dim in range(points.shape[1]):
            low, high = points.clone(), points.clone()
            low[:, dim], high[:, dim] = -2.0, 2.0
            found.append((measure(draw(high)) - measure(draw(low))) / unit)
        best = size(torch.stack(found)).argmax()
        return int(best), found[best].mean().item()

    return strongest


def strongest_by_steps(draw, points, measure):
    steps = 2 * torch.eye(points.shape[1], dtype=points.dtype)
    changes = torch.stack([(measure(draw(points + step)) - measure(draw(points - step))).mean() for step in steps])
    best = changes.abs().argmax()
    return int(best), changes[best].item()


def row_in_place(z, dim, t):
    z[dim] = 0.0
    return z + t[:, None] * torch.eye(len(z))[dim]


SLIPS = [
    ("10.1", lambda z, u, t: z + t[:, None] * u, "divide the direction by its length"),
    ("10.1", lambda z, u, t: t[:, None] * u / u.norm(), "start at z"),
    ("10.1", lambda z, u, t: z + t[:, None] * u / (u @ u), "squared length"),
    ("10.2", rank_with(lambda mu, logvar: -(mu**2 + logvar.exp() - 1 - logvar).mean(0)), "the other end"),
    ("10.2", rank_with(lambda mu, logvar: (mu**2 + (2 * logvar).exp() - 1 - logvar).mean(0)), "variance already"),
    ("10.2", rank_with(lambda mu, logvar: (mu**2 + (2 * logvar).exp() - 1 - 2 * logvar).mean(0)), "variance already"),
    ("10.2", rank_with(lambda mu, logvar: mu.square().mean(0)), "the size of mu"),
    ("10.2", rank_with(lambda mu, logvar: (mu**2 + logvar.exp() - 1).mean(0)), "- log sigma² is missing"),
    ("10.2", rank_with(lambda mu, logvar: (mu**2 + (0.5 * logvar).exp() - 1 - logvar).mean(0)), "has the variance"),
    ("10.3", strongest_with(lambda c: c.abs().mean(1)), "which cancel"),
    ("10.3", strongest_with(lambda c: c.mean(1)), "Compare sizes"),
    ("10.3", strongest_with(lambda c: c.mean(1).abs(), 4.0), "change per unit"),
    ("10.3", strongest_by_steps, "from where it is"),
    ("10.4", lambda n: torch.linspace(-3, 3, n, dtype=torch.float64) if n > 1 else torch.zeros(1), "equal steps"),
    ("10.4", lambda n: torch.special.ndtri(torch.arange(1, n + 1, dtype=torch.float64) / (n + 1)), "n + 1 shares"),
    ("10.4", lambda n: torch.special.ndtri(torch.linspace(0, 1, n, dtype=torch.float64).clamp(0.01, 0.99)), "clipping the ends"),
    ("10.5", row_in_place, "has changed"),
    ("10.5", lambda z, dim, t: z + t[:, None] * torch.eye(len(z))[dim], "you add t"),
]
