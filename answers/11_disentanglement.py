"""Solutions to the exercises of notebook 11, with the reason for each."""

import math

import torch
from torch.distributions import Normal


def information(a, b):
    """11.1: I(a; b) = H(a) + H(b) − H(a, b); a pair of whole numbers becomes one whole number."""

    def entropy(values):
        p = torch.bincount(values).double() / len(values)
        return -torch.xlogy(p, p).sum()

    return entropy(a) + entropy(b) - entropy(a * (b.max() + 1) + b)


def completeness(importance):
    """11.2: each column becomes shares; an even column has entropy log Z; weigh by what the columns add up to."""
    shares = importance / importance.sum(0)
    per_factor = 1 + torch.xlogy(shares, shares).sum(0) / math.log(len(importance))
    return (per_factor * importance.sum(0)).sum() / importance.sum()


def mixed_uniform(u, angle):
    """11.3: uniform → normal, where turning changes nothing → turned → uniform. Nothing but the axes has been lost."""
    normal, c, s = Normal(0.0, 1.0), math.cos(angle), math.sin(angle)
    turn = torch.tensor([[c, -s], [s, c]], dtype=u.dtype)
    return normal.cdf(normal.icdf(u) @ turn.T)


def vote(batch, codes):
    """11.4: small is relative: divide by the latent's variance over all codes, and leave out latents that never move."""
    ratio = batch.var(0) / codes.var(0)
    ratio[codes.std(0) < 0.05] = math.inf
    return ratio.argmin()


def mutual_information_gap(table, entropy):
    """11.5: the rivals of a latent are the other latents, not the other factors: the top two of each *column*."""
    best, second = table.topk(2, dim=0).values
    return ((best - second) / entropy).mean()
