"""Typical wrong solutions of the exercises of notebook 11."""

import math

import torch
from torch.distributions import Normal

from slips.solutions import answers

RIGHT = answers("11")


def turning(angle):
    return torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)


def shares_of(table, log, weigh=True):
    p = table / table.sum(0)
    one = 1 + torch.xlogy(p, p).sum(0) / log
    return (one * table.sum(0)).sum() / table.sum() if weigh else one.mean()


def joint_entropy(a, b):
    p = torch.bincount(a * (b.max() + 1) + b).double() / len(a)
    return -torch.xlogy(p, p).sum()


def nan_information(a, b):
    p = torch.zeros(a.max() + 1, b.max() + 1, dtype=torch.float64)
    p.index_put_((a, b), torch.tensor(1 / len(a), dtype=torch.float64), accumulate=True)
    return (p * (p / (p.sum(1, keepdim=True) * p.sum(0))).log()).sum()


def own_gap(table):
    return table.topk(2, 0).values.diff(dim=0).abs()[0]


SLIPS = [
    ("11.1", lambda a, b: RIGHT.information(a, b) / math.log(2), "bits"),
    ("11.1", joint_entropy, "joint entropy"),
    ("11.1", lambda a, b: RIGHT.information(a, b) + joint_entropy(a, b), "taken off"),
    ("11.1", lambda a, b: -RIGHT.information(a, b), "sign"),
    ("11.1", nan_information, "never occur holds NaN"),
    ("11.2", lambda P: RIGHT.completeness(P.T), "along the rows"),
    ("11.2", lambda P: shares_of(P, math.log(P.shape[1])), "log Z"),
    ("11.2", lambda P: shares_of(P, math.log(len(P)), False), "plain mean"),
    ("11.2", lambda P: 1 - RIGHT.completeness(P), "one minus"),
    ("11.2", lambda P: shares_of(P, 1.0), "largest value"),
    ("11.3", lambda u, angle: RIGHT.mixed_uniform(u, -angle), "other way"),
    ("11.3", lambda u, angle: u @ turning(angle).T, "corners"),
    ("11.3", lambda u, angle: Normal(0.0, 1.0).icdf(u) @ turning(angle).T, "distribution function"),
    ("11.4", lambda batch, codes: (batch.var(0) / codes.var(0)).argmin(), "dead latent"),
    ("11.4", lambda batch, codes: torch.where(codes.std(0) < 0.05, math.inf, batch.var(0)).argmin(), "own size"),
    ("11.4", lambda batch, codes: torch.where(codes.var(0) < 0.05, math.inf, batch.var(0) / codes.var(0)).argmin(), "own size"),
    ("11.4", lambda batch, codes: (batch.var(0) / codes.var(0))[codes.std(0) >= 0.05].argmin(), "shifted"),
    ("11.5", lambda table, h: (table.max(0).values / h).mean(), "second best"),
    ("11.5", lambda table, h: own_gap(table).mean(), "own"),
    ("11.5", lambda table, h: (own_gap(table) / h.max()).mean(), "own"),
]
