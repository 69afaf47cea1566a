"""Typical wrong solutions of the exercises of notebook 15."""

import math

import torch


def counted(k, K):
    return torch.bincount(k.flatten(), minlength=K) / k.numel()


def underflowing(log_q, images):
    weights = log_q.exp()
    return ((weights / weights.sum()).reshape(-1, 1, 1, 1) * images).sum(0)


def undivided(log_q, images):
    return (log_q.exp().reshape(-1, 1, 1, 1) * images).sum(0)


def not_a_number(k, K):
    p = counted(k, K)
    return torch.exp(-(p * p.log()).sum()).item()


def entropy(k, K):
    p = counted(k, K)
    return -torch.xlogy(p, p).sum().item()


def both_move(z, e, weight=0.25):
    return (z - e).square().flatten(1).sum(1), weight * (z - e.detach()).square().flatten(1).sum(1)


def unweighted(z, e, weight=0.25):
    return (z.detach() - e).square().flatten(1).sum(1), (z - e.detach()).square().flatten(1).sum(1)


SLIPS = [
    ("15.1", lambda s, side: side * math.sqrt(2 * math.log(2)) / (2 * math.pi * s), "half of its amplitude"),
    ("15.1", lambda s, side: math.sqrt(math.log(2)) / (2 * math.pi * s), "waves per pixel"),
    ("15.1", lambda s, side: side * math.sqrt(math.log(2)) / s, "angular frequency"),
    ("15.2", underflowing, "subtract the largest"),
    ("15.2", undivided, "do not add up to 1"),
    ("15.2", lambda log_q, images: images.mean(0), "all pictures alike"),
    ("15.2", lambda log_q, images: images[log_q.argmax()], "least for the average"),
    ("15.3", not_a_number, "0 · log 0"),
    ("15.3", entropy, "its exponential"),
    ("15.3", lambda k, K: float(len(k.unique())), "occur at all"),
    ("15.3", lambda k, K: 2 ** entropy(k, K), "different bases"),
    ("15.4", lambda z, e: z + (e - z.detach()), "some goes to e"),
    ("15.4", lambda z, e: e.detach(), "no gradient reaches z"),
    ("15.4", lambda z, e: z, "the value must be e"),
    ("15.5", both_move, "detach z in it"),
    ("15.5", unweighted, "weight ·"),
]
