"""The checks of notebook 10's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import norm

from exercises import StillThere, Wrong, close, exercise, returned
from helpers import latent


@exercise("10.1", "along")
def along(answer) -> None:
    """Against distances and directions that are known, for directions of several lengths."""
    generator = torch.Generator().manual_seed(10)
    for length in (1.0, 3.0, 0.2):
        z, u = torch.randn(2, 7, generator=generator, dtype=torch.float64)
        u, t = length * u / u.norm(), torch.linspace(-3, 3, 5, dtype=torch.float64)
        wanted = torch.stack([z + distance * u / length for distance in t])
        found = returned(answer, z, u, t, like=wanted, what="the row of points")
        if close(found, wanted):
            continue
        if close(found, z + t[:, None] * u):
            raise Wrong(f"for |u| = {length:g} the points lie {length:g} times too far away; divide the direction by its length.")
        if close(found, t[:, None] * u / length):
            raise Wrong("these points lie around the origin; start at z.")
        if close(found.flip(0), wanted):
            raise Wrong("the row runs backwards.")
        if close(found, z + t[:, None] * u / length**2):
            raise Wrong("you divided by the squared length; once is enough.")
        raise Wrong("the points are not z + t u / |u|.")


@exercise("10.2", "top_latents")
def top(answer) -> None:
    """Against the helper, on posteriors, some wider than the prior, where each slip gives another order."""
    generator = torch.Generator().manual_seed(26)
    scale, narrow = torch.rand(2, 9, generator=generator)
    mu = 3 * scale * torch.randn(400, 9, generator=generator) + torch.tensor([0, 0, 6.0, 0, 0, -3, 0, 0, 0])
    logvar = 1.5 - 6 * narrow + 0.2 * torch.randn(400, 9, generator=generator)
    order = latent.ranked_by_kl(mu, logvar)
    logvar[:, order[-1]] = 0.0  # a latent that says nothing, whatever its rank under a wrong formula
    mu[:, order[-1]] = 0.0
    order = latent.ranked_by_kl(mu, logvar)
    sigma_kl = (mu**2 + (0.5 * logvar).exp() - 1 - logvar).mean(0)
    squared_kl = (mu**2 + (2 * logvar).exp() - 1 - logvar).mean(0)
    logsigma_kl = (mu**2 + (2 * logvar).exp() - 1 - 2 * logvar).mean(0)
    for k in (9, 3, 1):
        wanted = order[:k]
        found = returned(answer, mu, logvar, k, like=wanted, what="the row of latents").long()
        if torch.equal(found, wanted):
            continue
        if torch.equal(found, order.flip(0)[:k]):
            raise Wrong("that is the other end: the latents with least KL.")
        if torch.equal(found, order[:k].flip(0)):
            raise Wrong("these are the right latents in the wrong order; most KL first.")
        if torch.equal(found, mu.square().mean(0).argsort(descending=True)[:k]):
            raise Wrong("you rank by the size of mu. The width of the zones counts as much: log sigma² is in the KL, too.")
        if torch.equal(found, mu.mean(0).abs().argsort(descending=True)[:k]):
            raise Wrong("you rank by the mean of mu; the mean over pictures is taken of the KL, not of mu.")
        if torch.equal(found, mu.var(0).argsort(descending=True)[:k]):
            raise Wrong("you rank by the variance of mu over pictures, which finds active units; the KL has three more parts.")
        if torch.equal(found, (mu.square() + logvar.exp() - 1).mean(0).argsort(descending=True)[:k]):
            raise Wrong("the part - log sigma² is missing; narrow zones are what costs most.")
        if torch.equal(found, sigma_kl.argsort(descending=True)[:k]):
            raise Wrong("exp(logvar / 2) is sigma; the KL has the variance.")
        if any(torch.equal(found, kl.argsort(descending=True)[:k]) for kl in (squared_kl, logsigma_kl)):
            raise Wrong("exp(logvar) is the variance already; you took it for sigma and squared it.")
        raise Wrong(f"for k = {k} yours are {found.tolist()}, but most KL have {wanted.tolist()}.")


@exercise("10.3", "strongest")
def strongest(answer) -> None:
    """Against a world whose effects are known: one latent's large ones cancel, another's depend on where it is set."""
    weights = torch.tensor([0.5, -1.5, 0.0, 1.0, 0.2], dtype=torch.float64)
    points = torch.randn(50, 5, generator=torch.Generator().manual_seed(12), dtype=torch.float64)
    points[:, 2] = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(25) * 3
    points[:, 4] = points[:, 2].sign()  # the sign that latent 2's effect has, picture by picture
    points[:, 1] += 1 - points[:, 1].mean()

    def draw(z):
        return z

    def measure(z):
        return z @ weights - 0.25 * z[:, 1] ** 2 + 4 * z[:, 2] * z[:, 4].sign()

    kept = points.clone()
    value = answer(draw, points, measure)
    if value is None or value is ...:
        raise NotImplementedError
    if not torch.equal(points, kept):
        raise Wrong("you changed the codes that you were given, so that the next latent starts from other points; work on a copy.")
    try:
        which, change = int(value[0]), float(value[1])
    except (TypeError, ValueError, IndexError):
        raise Wrong("return two things: the number of the latent, and the mean change.") from None
    if which in (2, 4):
        raise Wrong(
            f"latent {which} has large effects of either sign, which cancel: take the mean over codes first, and its size afterwards."
        )
    if which == 3:
        raise Wrong("latent 3 has the largest *positive* change; latent 1 a larger one downwards. Compare sizes.")
    if which != 1:
        raise Wrong(f"the strongest is latent 1, not {which}. Set one latent to -2 and to 2, and leave the others as they are.")
    if np.isclose(change, 6.0):
        raise Wrong("the size is right, but the sign is lost: the measure goes down as the latent goes up.")
    if np.isclose(change, -8.0):
        raise Wrong("you move the latent by 2 from where it is; here it is set to -2 and to 2, wherever it was.")
    if np.isclose(change, -1.5):
        raise Wrong("that is the change per unit; asked for is the one from -2 to 2.")
    if not np.isclose(change, -6.0):
        raise Wrong(f"the latent is right, but its mean change is -6 here, not {change:.4g}.")


@exercise("10.4", "equal_shares")
def shares(answer) -> None:
    """Against SciPy's normal quantiles."""
    for n in (15, 1, 8):
        wanted = torch.from_numpy(norm.ppf((np.arange(n) + 0.5) / n))
        found = returned(answer, n, like=wanted, what="the row of places")
        if not found.isfinite().all():
            raise StillThere("The first and the last place are infinite, and no decoder answers there.")
        if close(found, wanted):
            continue
        if n > 1 and close(found, torch.from_numpy(norm.ppf(np.arange(1, n + 1) / (n + 1)))):
            raise Wrong("these cut the prior into n + 1 shares; finite, but not the medians of n equal ones: (i + ½) / n.")
        if n > 1 and not close(found, -found.flip(0)):
            raise Wrong("the row is not symmetric about zero.")
        if n > 1 and close(found.diff(), found.diff()[:1].expand(n - 1)):
            raise Wrong("these are equal steps; the shares of the prior between them are not.")
        if n > 1 and abs(norm.cdf(found[0].item()) - 0.5 / n) > 1e-6:
            raise Wrong(
                "half a share must lie below the first place and half a share above the last; clipping the ends does not do that."
            )
        raise Wrong(f"for n = {n} these are not the medians of n equal shares of N(0, 1).")


@exercise("10.5", "row_of_codes")
def row(answer) -> None:
    """Against the helper; the code that goes in must come out as it was."""
    z, t = torch.randn(6, generator=torch.Generator().manual_seed(13)), torch.linspace(-3, 3, 13)
    for dim in (2, 5):
        mine, wanted = z.clone(), latent.traversal(z, dim, t)
        found = returned(lambda dim, t, mine=mine: answer(mine, dim, t), dim, t, like=wanted, what="the row of codes")
        if close(found, wanted[-1:].expand_as(wanted)):
            raise StillThere("All thirteen codes are the last one.")
        if close(found, z + (t[:, None] * torch.eye(6)[dim])):
            raise Wrong("you add t to the latent; here it is set to t.")
        if not close(found, wanted):
            raise Wrong(f"the codes are not copies of z with latent {dim} set to each value of t.")
        if not torch.equal(mine, z):
            raise Wrong("the row is right, but the code that you were given has changed; work on copies.")
