"""Solutions to the exercises of notebook 14, with the reason for each."""

import math

import torch


def horizon(delta, exponent, size=1.0):
    """14.1: solve delta · exp(exponent · n) = size for n; an error that does not grow never gets there."""
    return math.log(size / delta) / exponent if exponent > 0 else math.inf


def skew_tent_exponent(a):
    """14.2: uniform u spend the share a of their time where the slope is 1/a, and 1 - a where it is 1/(1 - a): an entropy."""
    return -a * math.log(a) - (1 - a) * math.log(1 - a)


def two_orbit_exponent(step, x0, n, delta=1e-8):
    """14.3: a distance cannot outgrow the attractor. Measure one step's growth, then pull the second orbit back to delta."""
    x, total = x0, 0.0
    for _ in range(n):
        y = step(x + delta)
        x = step(x)
        total += math.log(max(abs(y - x), 1e-300) / delta)  # the two may meet, where the slope is 0
    return total / n


def tent_noise(n, u0):
    """14.4: doubling shifts the bits of u out. The logistic map is the same system, and rounds fresh bits in at each step."""
    x, found = math.sin(math.pi / 2 * u0) ** 2, []
    for _ in range(n):
        x = min(x, 1 - 2.0**-53)  # from 1 it would fall to 0 and stay
        found.append(2 / math.pi * math.asin(math.sqrt(x)))
        x = 4 * x * (1 - x)
    return torch.special.ndtri(torch.tensor(found, dtype=torch.float64))


def kaplan_yorke(exponents):
    """14.5: add exponents, largest first, while the sum stays at 0 or above; then a share of the next."""
    ordered = exponents.sort(descending=True).values
    sums = ordered.cumsum(0)
    k = int((sums >= 0).sum())  # once below 0 a sum stays below: later exponents are smaller still, hence negative
    if k == len(ordered):
        return float(k)
    return k + (float(sums[k - 1]) if k else 0.0) / abs(float(ordered[k])) if k else 0.0
