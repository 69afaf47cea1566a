"""Typical wrong solutions of the exercises of notebook 14."""

import math

import torch


def halves(a):
    return -0.5 * (math.log(a) + math.log(1 - a))


def summed(step, x, n, delta=1e-8):
    total = 0.0
    for _ in range(n):
        y, x = step(x + delta), step(x)
        total += math.log(max(abs(y - x), 1e-300) / delta)
    return total


def unshifted(n, u0):
    x, found = u0, []
    for _ in range(n):
        found.append(2 / math.pi * math.asin(math.sqrt(x)))
        x = min(4 * x * (1 - x), 1 - 2**-53)
    return torch.special.ndtri(torch.tensor(found, dtype=torch.float64))


def jittered(n, u0):
    u, found = torch.tensor(u0, dtype=torch.float64), []
    for _ in range(n):
        found.append(u)
        u = 2 * torch.minimum(u, 1 - u) + 1e-9 * torch.rand((), dtype=torch.float64)
    return torch.special.ndtri(torch.stack(found))


def k_alone(exponents):
    return float((exponents.sort(descending=True).values.cumsum(0) >= 0).sum())


def unsorted_ky(exponents):
    sums = exponents.cumsum(0)
    k = int((sums >= 0).sum())
    if k == len(exponents):
        return float(k)
    return k + float(sums[k - 1]) / abs(float(exponents[k])) if k else 0.0


SLIPS = [
    ("14.1", lambda d, rate, s=1.0: math.log(d / s) / rate, "log(size / delta)"),
    ("14.1", lambda d, rate, s=1.0: math.log10(s / d) / rate, "base of your logarithm"),
    ("14.1", lambda d, rate, s=1.0: math.log(1 / d) / rate, "you do not use size"),
    ("14.1", lambda d, rate, s=1.0: math.log(s / d) / rate if rate else math.inf, "never grows"),
    ("14.2", halves, "same weight"),
    ("14.2", lambda a: a * math.log(a) + (1 - a) * math.log(1 - a), "sign is wrong"),
    ("14.2", lambda a: math.log(2), "a = ½ alone"),
    ("14.3", summed, "forgot to divide"),
    ("14.3", lambda step, x, n, delta=1e-8: 0.5, "Bring the second orbit back"),
    ("14.4", lambda n, u0: torch.randn(n, generator=torch.Generator().manual_seed(1)), "no longer follow"),
    ("14.4", unshifted, "the first value should be"),
    ("14.4", jittered, "two different answers"),
    ("14.5", k_alone, "add the share of the next"),
    ("14.5", unsorted_ky, "sort them first"),
]
