"""Typical wrong solutions of the exercises of notebook 15."""

import math

import torch


def underflowing(log_q, images):
    weights = log_q.exp()
    return ((weights / weights.sum()).reshape(-1, 1, 1, 1) * images).sum(0)


def undivided(log_q, images):
    return (log_q.exp().reshape(-1, 1, 1, 1) * images).sum(0)


def both_move(z, e, weight=0.25):
    return (z - e).square().flatten(1).sum(1), weight * (z - e.detach()).square().flatten(1).sum(1)


def unweighted(z, e, weight=0.25):
    return (z.detach() - e).square().flatten(1).sum(1), (z - e.detach()).square().flatten(1).sum(1)


SLIPS = [
    ("15.1", lambda f, d, side: torch.cos(math.pi * f * d / side).abs(), "of the amplitude"),
    ("15.1", lambda f, d, side: torch.sin(math.pi * f * d / side).square(), "is lost"),
    ("15.1", lambda f, d, side: torch.cos(2 * math.pi * f * d / side).square(), "2 d apart"),
    ("15.1", lambda f, d, side: torch.cos(math.pi * f * d).square(), "divide by the side"),
    ("15.1", lambda f, d, side: torch.full(f.shape, 0.5), "at every frequency"),
    ("15.2", underflowing, "subtract the largest"),
    ("15.2", undivided, "do not add up to 1"),
    ("15.2", lambda log_q, images: images.mean(0), "all pictures alike"),
    ("15.2", lambda log_q, images: images[log_q.argmax()], "least for the average"),
    ("15.3", lambda z, e: z + (e - z.detach()), "some goes to e"),
    ("15.3", lambda z, e: e.detach(), "no gradient reaches z"),
    ("15.3", lambda z, e: z, "the value must be e"),
    ("15.4", both_move, "detach z in it"),
    ("15.4", unweighted, "weight ·"),
]
