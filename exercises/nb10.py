"""The exercises of notebook 10: cases, right functions, and wrong ones with what a student is told of them."""

import torch
from scipy.stats import norm

from exercises import exercise, rng

generator = rng(10)


def line(length: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a code (7,), a direction of this length, and distances (5,)."""
    z, u = torch.randn(2, 7, generator=generator, dtype=torch.float64)
    return z, length * u / u.norm(), torch.tensor([-3.0, -1, 0.5, 1, 2]).double()


@exercise(
    "10.1",
    cases=[line(length) for length in (1.0, 3.0, 0.2)],
    slips={
        "the points lie |u| times too far away; divide the direction by its length.": {"power": 0},
        "you divided by the squared length; once is enough.": {"power": 2},
        "these points lie around the origin; start at z.": lambda z, u, t: along(0 * z, u, t),
        "your points lie on the other side of z.": lambda z, u, t: along(z, -u, t),
        "the distances are those in t, in its order.": lambda z, u, t: along(z, u, torch.linspace(-3, 3, len(t)).double()),
    },
)
def along(z, u, t, power=1):
    return z + t[:, None] * u / u.norm() ** power


def posteriors() -> tuple[torch.Tensor, torch.Tensor]:
    """Return mu and log-variances (400, 9), some wider than the prior, for which each slip gives another order."""
    generator = rng(26)
    scale, narrow = torch.rand(2, 9, generator=generator)
    mu = 3 * scale * torch.randn(400, 9, generator=generator) + torch.tensor([0, 0, 6.0, 0, 0, -3, 0, 0, 0])
    logvar = 1.5 - 6 * narrow + 0.2 * torch.randn(400, 9, generator=generator)
    least = (mu**2 + logvar.exp() - 1 - logvar).mean(0).argmin()
    logvar[:, least] = mu[:, least] = 0.0  # a latent that says nothing, whatever its rank under a wrong formula
    return mu, logvar


@exercise(
    "10.2",
    cases=[(*posteriors(), k) for k in (9, 3, 1)],
    hint="It is the KL of notebook 05, latent by latent, averaged over images. Count latents from 0.",
    slips={
        "that is the other end: the latents with least KL.": {"descending": False},
        "these are the right latents in the wrong order; most KL first.": lambda *given: top_latents(*given).flip(0),
        "you rank by the size of mu; the width of the posteriors counts, too.": {"of": lambda mu, logvar: mu.square().mean(0)},
        "you rank by the mean of mu; take the mean over images of the KL.": {"of": lambda mu, logvar: mu.mean(0).abs()},
        "the variance of mu finds active units; the KL has three more parts.": {"of": lambda mu, logvar: mu.var(0)},
        "the part - log sigma² is missing; narrow posteriors have most KL.": {"log": 0},
        "exp(logvar / 2) is sigma; the KL has the variance.": {"scale": 0.5},
        "exp(logvar) is the variance already; you squared it.": {"scale": 2},
        "exp(logvar) is the variance already; you took logvar for log sigma.": {"scale": 2, "log": 2},
    },
)
def top_latents(mu, logvar, k, scale=1, log=1, descending=True, of=None):
    """Return the latents that are first by their KL, with exp(scale · logvar) and log · logvar, or by another measure (Z,)."""
    size = of(mu, logvar) if of else (mu**2 + (scale * logvar).exp() - 1 - log * logvar).mean(0)
    return size.argsort(descending=descending)[:k]


def world() -> tuple:
    """Return a decoder, codes and a measure whose effects are known: latent 2's cancel, latent 1's depend on where it is set."""
    weights = torch.tensor([0.5, -1.5, 0.0, 1.0, 0.2], dtype=torch.float64)
    z = torch.randn(50, 5, generator=generator, dtype=torch.float64)
    z[:, 2] = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(25) * 3
    z[:, 4] = z[:, 2].sign()  # the sign of latent 2's effect, image by image
    z[:, 1] += 1 - z[:, 1].mean()

    def measure(images):
        z = images / 3
        return z @ weights - 0.25 * z[:, 1] ** 2 - 0.3 * z[:, 1] * z[:, 0] ** 2 + 4 * z[:, 2] * z[:, 4].sign()

    return lambda z: 3 * z, z, measure


@exercise(
    "10.3",
    cases=[world()],
    what="the pair of latent and mean change",
    hint="Set one latent to -2 and to 2, and leave the others as they are.",
    slips={
        "latent 2's effects have either sign and cancel: take the mean over codes first.": {"size": lambda c: c.abs().mean(1)},
        "latent 3 has the largest *positive* change, latent 1 a larger negative one.": {"size": lambda c: c.mean(1)},
        "the sign is lost: the measure goes down as the latent goes up.": {"total": lambda c: c.mean().abs()},
        "you move the latent by 2 from where it is; set it to -2 and to 2.": {"keep": 1},
        "leave the other latents of each code as they are.": {"others": torch.zeros_like},
        "the measure is one of images: draw them first.": lambda draw, z, measure: strongest(lambda z: z, z, measure),
        "that is the change per unit; asked for is the one from -2 to 2.": {"total": lambda c: c.mean() / 4},
        "you changed the codes that you were given; work on a copy.": {"copy": lambda points: points},
    },
)
def strongest(
    draw, points, measure, size=lambda c: c.mean(1).abs(), total=torch.mean, keep=0, copy=torch.clone, others=torch.Tensor.cpu
):
    """Rank changes (Z, N) by their size, from latents set to ±2 (+ `keep` times what they were)."""
    measured = torch.zeros(2, points.shape[1], len(points), dtype=points.dtype)
    for dim in range(points.shape[1]):
        for i, value in enumerate((-2.0, 2.0)):
            moved = others(copy(points))
            moved[:, dim] = keep * moved[:, dim] + value
            measured[i, dim] = measure(draw(moved))
    changes = measured[1] - measured[0]
    best = int(size(changes).argmax())
    return best, float(total(changes[best]))


def even(n):
    return torch.linspace(0, 1, n, dtype=torch.float64)


@exercise(
    "10.4",
    cases=[(15,), (1,), (8,)],
    hint="Below the median of a share lies half of that share, and all shares before it.",
    typed=True,
    bug={"The first and the last value are infinite, and the decoder gives NaN there.": {"shares": even}},
    slips={
        "these cut the prior into n + 1 shares; finite, but no medians of n.": {"shares": lambda n: even(n + 2)[1:-1]},
        "these are equal steps; the shares of the prior between them are not.": lambda n: torch.linspace(-3, 3, n) * (n > 1),
        "clipping is not it: half a share lies below the first value.": {"shares": lambda n: even(n).clamp(0.01, 0.99)},
    },
)
def equal_shares(n, shares=lambda n: (torch.arange(n) + 0.5) / n):
    return norm.ppf(shares(n))


def last_only(z, dim, t):
    z[dim] = t[-1]
    return z.repeat(len(t), 1)


@exercise(
    "10.5",
    cases=[(torch.randn(6, generator=generator), dim, torch.linspace(-3, 2, n)) for dim, n in ((2, 13), (5, 7))],
    hint="Each row is a copy of z with one latent set to a value of t.",
    bug={"All codes of a row are the last one.": last_only},
    slips={
        "all codes are still the last one; copy z for each value of t.": lambda z, dim, t: last_only(z.clone(), dim, t),
        "you add t to the latent; here it is set to t.": lambda z, dim, t: z + t[:, None] * torch.eye(len(z))[dim],
        "the row is right, but the code that you were given has changed.": lambda *given: (row_of_codes(*given), last_only(*given))[
            0
        ],
    },
)
def row_of_codes(z, dim, t):
    return torch.stack([torch.cat([z[:dim], value[None], z[dim + 1 :]]) for value in t])
