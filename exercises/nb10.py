"""The exercises of notebook 10: cases, right functions, and wrong ones with what a student is told of them."""

from functools import partial

import torch
from scipy.stats import norm

from exercises import exercise

rng = torch.Generator().manual_seed(10)


def along(z, u, t, power=1):
    return torch.stack([z + distance * u / u.norm() ** power for distance in t])


def line(length: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a code (7,), a direction of this length, and distances (5,)."""
    z, u = torch.randn(2, 7, generator=rng, dtype=torch.float64)
    return z, length * u / u.norm(), torch.linspace(-3, 3, 5, dtype=torch.float64)


exercise(
    "10.1",
    "along",
    right=along,
    cases=[line(length) for length in (1.0, 3.0, 0.2)],
    slips={
        "the points lie |u| times too far away; divide the direction by its length.": partial(along, power=0),
        "you divided by the squared length; once is enough.": partial(along, power=2),
        "these points lie around the origin; start at z.": lambda z, u, t: along(0 * z, u, t),
        "the row runs backwards.": lambda z, u, t: along(z, -u, t),
    },
)


def posteriors() -> tuple[torch.Tensor, torch.Tensor]:
    """Return mu and log-variances (400, 9), some wider than the prior, for which each slip gives another order."""
    generator = torch.Generator().manual_seed(26)
    scale, narrow = torch.rand(2, 9, generator=generator)
    mu = 3 * scale * torch.randn(400, 9, generator=generator) + torch.tensor([0, 0, 6.0, 0, 0, -3, 0, 0, 0])
    logvar = 1.5 - 6 * narrow + 0.2 * torch.randn(400, 9, generator=generator)
    least = (mu**2 + logvar.exp() - 1 - logvar).mean(0).argmin()
    logvar[:, least] = mu[:, least] = 0.0  # a latent that says nothing, whatever its rank under a wrong formula
    return mu, logvar


def ranked(size):
    """Return the answer that ranks latents by a size (Z,), a function of mu and logvar."""
    return lambda mu, logvar, k: size(mu, logvar).argsort(descending=True)[:k]


def nats(scale=1.0, twice=1.0, sign=1):
    """Return the KL with exp(scale · logvar) and twice · logvar in place of both."""
    return lambda mu, logvar: sign * (mu**2 + (scale * logvar).exp() - 1 - twice * logvar).mean(0)


exercise(
    "10.2",
    "top_latents",
    right=ranked(nats()),
    cases=[(*posteriors(), k) for k in (9, 3, 1)],
    hint="Average ½ (mu² + sigma² - 1 - log sigma²) over images, and count latents from 0.",
    slips={
        "that is the other end: the latents with least KL.": ranked(nats(sign=-1)),
        "these are the right latents in the wrong order; most KL first.": lambda *given: ranked(nats())(*given).flip(0),
        "you rank by the size of mu; the width of the posteriors counts, too.": ranked(lambda mu, logvar: mu.square().mean(0)),
        "you rank by the mean of mu; take the mean over images of the KL.": ranked(lambda mu, logvar: mu.mean(0).abs()),
        "the variance of mu finds active units; the KL has three more parts.": ranked(lambda mu, logvar: mu.var(0)),
        "the part - log sigma² is missing; narrow posteriors have most KL.": ranked(nats(twice=0)),
        "exp(logvar / 2) is sigma; the KL has the variance.": ranked(nats(scale=0.5)),
        "exp(logvar) is the variance already; you squared it.": ranked(nats(scale=2)),
        "exp(logvar) is the variance already; you took logvar for log sigma.": ranked(nats(scale=2, twice=2)),
    },
)


def world() -> tuple:
    """Return a decoder, codes and a measure whose effects are known: latent 2's cancel, latent 1's depend on where it is set."""
    weights = torch.tensor([0.5, -1.5, 0.0, 1.0, 0.2], dtype=torch.float64)
    z = torch.randn(50, 5, generator=rng, dtype=torch.float64)
    z[:, 2] = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(25) * 3
    z[:, 4] = z[:, 2].sign()  # the sign of latent 2's effect, image by image
    z[:, 1] += 1 - z[:, 1].mean()
    return lambda z: z, z, lambda z: z @ weights - 0.25 * z[:, 1] ** 2 + 4 * z[:, 2] * z[:, 4].sign()


def strongest(size=lambda changes: changes.mean(1).abs(), total=torch.mean, keep=0.0, copy=torch.clone):
    """Return an answer that ranks changes (Z, N) by their size, from latents set to ±2 (+ `keep` times what they were)."""

    def answer(draw, points, measure):
        measured = torch.zeros(2, points.shape[1], len(points), dtype=points.dtype)
        for dim in range(points.shape[1]):
            for i, value in enumerate((-2.0, 2.0)):
                moved = copy(points)
                moved[:, dim] = keep * moved[:, dim] + value
                measured[i, dim] = measure(draw(moved))
        changes = measured[1] - measured[0]
        best = int(size(changes).argmax())
        return best, float(total(changes[best]))

    return answer


exercise(
    "10.3",
    "strongest",
    right=strongest(),
    cases=[world()],
    what="the pair of latent and mean change",
    hint="Set one latent to -2 and to 2, and leave the others as they are.",
    keep=True,
    slips={
        "latent 2's effects have either sign and cancel: take the mean over codes first.": strongest(lambda c: c.abs().mean(1)),
        "latent 3 has the largest *positive* change, latent 1 a larger negative one.": strongest(lambda c: c.mean(1)),
        "the sign is lost: the measure goes down as the latent goes up.": strongest(total=lambda c: c.mean().abs()),
        "you move the latent by 2 from where it is; set it to -2 and to 2.": strongest(keep=1.0),
        "that is the change per unit; asked for is the one from -2 to 2.": strongest(total=lambda c: c.mean() / 4),
        "you changed the codes that you were given; work on a copy.": strongest(copy=lambda points: points),
    },
)


def quantiles(share):
    """Return the answer with the normal quantiles of these shares, a function of n."""
    return lambda n: torch.special.ndtri(share(n))


def even(n):
    return torch.linspace(0, 1, n, dtype=torch.float64)


exercise(
    "10.4",
    "equal_shares",
    right=lambda n: norm.ppf([(i + 0.5) / n for i in range(n)]),
    cases=[(15,), (1,), (8,)],
    hint="The median of share i, counted from 0, is the quantile (i + ½) / n.",
    bug={"The first and the last value are infinite, and the decoder gives NaN there.": quantiles(even)},
    slips={
        "these cut the prior into n + 1 shares; finite, but no medians of n: (i + ½) / n.": quantiles(lambda n: even(n + 2)[1:-1]),
        "these are equal steps; the shares of the prior between them are not.": lambda n: torch.linspace(-3, 3, n) * (n > 1),
        "clipping is not it: half a share lies below the first value.": quantiles(lambda n: even(n).clamp(0.01, 0.99)),
    },
)


def row(z, dim, t):
    return torch.stack([torch.cat([z[:dim], value[None], z[dim + 1 :]]) for value in t])


def last_only(z, dim, t):
    z[dim] = t[-1]
    return z.repeat(len(t), 1)


exercise(
    "10.5",
    "row_of_codes",
    right=row,
    cases=[(torch.randn(6, generator=rng), dim, torch.linspace(-3, 3, 13)) for dim in (2, 5)],
    hint="Each row is a copy of z with one latent set to a value of t.",
    keep=True,
    bug={"All thirteen codes are the last one.": last_only},
    slips={
        "all codes are still the last one; copy z for each value of t.": lambda z, dim, t: last_only(z.clone(), dim, t),
        "you add t to the latent; here it is set to t.": lambda z, dim, t: z + t[:, None] * torch.eye(len(z))[dim],
        "the row is right, but the code that you were given has changed.": lambda z, dim, t: (row(z, dim, t), last_only(z, dim, t))[
            0
        ],
    },
)
