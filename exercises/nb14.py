"""The exercises of notebook 14: cases, right functions, and wrong ones with what a student is told of them."""

import math

import numpy as np
import torch
from scipy import integrate

from exercises import StillThere, Wrong, exercise, refuse, returned, rng


@exercise(
    "14.1",
    cases=[(1e-9, math.log(2), 1.0), (1e-6, 0.906, 20.0), (1e-3, 0.05, 0.1), (1e-9, 0.0, 1.0), (1e-9, -0.3, 1.0)],
    hint="Solve delta · exp(exponent · n) = size for n.",
    slips={
        "your number of steps is negative where the error grows.": lambda delta, rate, size: horizon(size, rate, delta),
        "an exponent in nats goes with the natural logarithm.": lambda d, rate, size: math.log10(size / d) / rate,
        "you do not use size; the error has to grow from delta to size.": lambda delta, rate, size: math.log(1 / delta) / rate,
        "you rounded; return the float.": lambda delta, rate, size: math.ceil(math.log(size / delta) / rate),
        "a negative exponent never grows: return math.inf.": lambda d, rate, size: math.log(size / d) / rate if rate else math.inf,
        "with an exponent of 0 or below an error never grows: return math.inf.": lambda d, rate, size: math.log(size / d) / rate,
    },
)
def horizon(delta, exponent, size):
    return math.log(size / delta) / exponent if exponent > 0 else math.inf


@exercise(
    "14.2",
    right=lambda a: integrate.quad(lambda u: math.log(1 / a if u < a else 1 / (1 - a)), 0, 1, points=[a])[0],
    cases=[(0.5,), (0.2,), (0.9,)],
    hint="Take log(slope) of each branch, weighted by the time spent there.",
    slips={
        "the sign is wrong: both slopes are above 1, so distances grow.": -1,
        "yours is log 2, which is right for a = ½ alone.": lambda a: math.log(2),
        "an orbit spends the share a of its time on the left branch, not half.": {"left": 0.5},
        "average the natural logarithm of the slope; yours is in bits.": 1 / math.log(2),
    },
)
def skew_tent_exponent(a, left=None):
    share = left or a
    return share * math.log(1 / a) + (1 - share) * math.log(1 / (1 - a))


@exercise(
    "14.3",
    cases=[
        (lambda x: 4 * x * (1 - x), 0.3123, 4000),  # log 2
        (lambda x: 4 * x**3 - 3 * x, 0.2345, 4000),  # log 3
        (lambda x: math.cos(x) / 2, 0.1, 4000),  # below 0: neighbours come together
    ],
    hint="A distance cannot outgrow the attractor: for how long does it tell the growth?",
    tolerance=0.02,
    bug={"After 4,000 steps of the logistic map it is near 0; where neighbours meet, the log fails.": {"every": 4000, "floor": 0}},
    slips={
        "you added the growth of all steps and forgot to divide by their number.": 4000,
        "the sign is wrong: where neighbours come together it is below 0.": -1,
        "100 steps are too many: put the second orbit back to delta after every step.": {"every": 100},
    },
)
def two_orbit_exponent(step, x0, n, delta=1e-8, every=1, floor=1e-300):
    x, y, total = x0, x0 + delta, 0.0
    for i in range(n):
        x, y = step(x), step(y)
        if (i + 1) % every == 0 or i + 1 == n:
            total += math.log(max(abs(y - x), floor) / delta)
            y = x + delta
    return total / n


def normal(u) -> torch.Tensor:
    return torch.special.ndtri(torch.as_tensor(u, dtype=torch.float64))


def tent(n, u0, nudge=lambda u: u):
    """Return n values of the tent map from u0, each of them nudged, as normal numbers."""
    found = [u0]
    while len(found) < n:
        found.append(nudge(2 * min(found[-1], 1 - found[-1])))
    return normal(found)


def logistic(n, x):
    """Return n values of the tent map by the logistic map from x, as normal numbers."""
    found = []
    for _ in range(n):
        x = min(x, 1 - 2.0**-53)
        found.append(2 / math.pi * math.asin(math.sqrt(x)))
        x = 4 * x * (1 - x)
    return normal(found)


@exercise(
    "14.4",
    right=(
        lambda n, u0: logistic(n, math.sin(math.pi / 2 * u0) ** 2),
        lambda n, u0: tent(n, u0, lambda u: min(max(0.99999 * u, 1e-9), 1 - 1e-9)),
    ),
    bug={"it is not finite.": tent},
    slips={
        "two different answers": lambda n, u0: tent(n, u0, lambda u: (u + 1e-6 * torch.rand(()).item()) % 1),
        "the orbit has stopped, or runs in a short circle": lambda n, u0: tent(n, u0, lambda u: 0.4 if u in (0, 1) else u),
        "no longer follow from each other": lambda n, u0: torch.randn(n, generator=rng(1)),
        "the first value should be": logistic,
        "one step misses the tent map": lambda n, u0: tent(n, u0, lambda u: u - 0.5 if u > 0.99 else 0.99999 * u),
    },
)
def tent_noise(answer) -> None:
    """An orbit of the tent map that stays finite, is normal, and starts where it was told to."""
    for u0 in (0.3, 0.71828):
        value, again = (returned(answer, 3000, u0, like=torch.zeros(3000), what="the noise") for _ in range(2))
        far = value.isinf() | (value.abs() > 8)
        if far.any():
            raise StillThere(f"From value {int(far.nonzero()[0])} on it is not finite.")
        if not torch.equal(value, again):
            raise Wrong("called twice with the same u0 it gives two different answers; it must be deterministic.")
        u = torch.special.ndtr(value)
        miss = (u[1:] - (1 - (1 - 2 * u[:-1]).abs())).abs()
        if value.std() < 0.2 or len(torch.unique(value[-500:])) < 100:
            raise Wrong("it is finite, but the orbit has stopped, or runs in a short circle.")
        if miss.median() > 0.02:
            raise Wrong("the values no longer follow from each other by the tent map; independent random numbers are not the task.")
        refuse(miss.max() > 1e-3, f"one step misses the tent map by {miss.max():.2g} in u, more than a thousandth.")
        begin = f"the first value should be Φ⁻¹(u0): from u0 = {u0} yours begins at u = {u[0]:.3g}."
        refuse(abs(u[0] - u0) > 1e-3, begin)
        moments = f"its mean is {value.mean():.2f} and its standard deviation {value.std():.2f}; they should be near 0 and 1."
        refuse(abs(value.mean()) > 0.2 or abs(value.std() - 1) > 0.15, moments)


def interpolated(spectrum):
    """Return where the running sum of exponents, interpolated, falls through 0."""
    sums = np.concatenate([[0.0], np.cumsum(np.sort(spectrum)[::-1])])
    below = np.flatnonzero(sums < -1e-12)
    return float(len(spectrum)) if not len(below) else below[0] - 1 - sums[below[0] - 1] / np.diff(sums)[below[0] - 1]


spectra = ((0.419, -1.623), (-14.572, 0.906, 0.0), (0.2, 0.1, -0.1, -0.5), (-0.1, -0.2), (0.3, 0.1), (0.5,), (0.0, -1.0))


@exercise(
    "14.5",
    right=interpolated,
    cases=[(torch.tensor(spectrum, dtype=torch.float64),) for spectrum in spectra],
    hint="Where every volume shrinks it is 0; where none does, that of the whole space.",
    tolerance=1e-6,
    slips={
        "you seem to count on their order; sort them first, largest first.": {"order": torch.clone},
        "you sort them smallest first; largest first is right.": {"order": lambda spectrum: spectrum.sort().values},
        "you return k alone; add the share of the next direction.": {"rest": False},
        "a sum of 0 counts: such a volume does not shrink.": {"least": 1e-12},
        "where the first exponent is below 0 every volume shrinks: the dimension is 0.": {"none": 1.0},
    },
)
def kaplan_yorke(spectrum, order=lambda spectrum: spectrum.sort(descending=True).values, rest=True, none=0.0, least=-1e-12):
    ordered = order(spectrum)
    sums = ordered.cumsum(0)
    k = int((sums >= least).sum())
    if k == len(ordered) or not rest:
        return float(k)
    return k + float(sums[k - 1] / ordered[k].abs()) if k else none
