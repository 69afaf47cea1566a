"""The checks of notebook 14's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import integrate

from exercises import StillThere, Wrong, close, exercise, returned


@exercise("14.1", "horizon")
def forecast(answer) -> None:
    """Against the solution of delta · exp(exponent · n) = size."""
    for delta, exponent, size in ((1e-9, math.log(2), 1.0), (1e-6, 0.906, 20.0), (1e-3, 0.05, 0.1)):
        wanted = math.log(size / delta) / exponent
        found = returned(answer, delta, exponent, size, like=wanted, what="the number of steps")
        if close(found, wanted):
            continue
        told = f"for delta = {delta:g}, exponent = {exponent:.3g}, size = {size:g} "
        if close(found, -wanted):
            raise Wrong(told + "your answer is negative: it is log(size / delta), not log(delta / size).")
        if close(found, wanted / math.log(10)) or close(found, wanted / math.log(2)):
            raise Wrong(told + "the base of your logarithm is wrong: an exponent in nats goes with the natural one.")
        if close(found, math.log(1 / delta) / exponent):
            raise Wrong(told + "you do not use size; the error has to grow from delta to size.")
        if abs(found.item() - math.ceil(wanted)) < 1e-6:
            raise Wrong(told + "you rounded; return the float.")
        raise Wrong(told + f"yours is {found.item():.5g}, not {wanted:.5g}. Solve delta · exp(exponent · n) = size for n.")
    for exponent in (0.0, -0.3):
        if answer(1e-9, exponent, 1.0) != math.inf:
            raise Wrong(f"with an exponent of {exponent:g} an error never grows: return math.inf.")


@exercise("14.2", "skew_tent_exponent")
def skew(answer) -> None:
    """Against quadrature of log |slope| over a uniform u."""
    for a in (0.5, 0.2, 0.9):
        wanted = integrate.quad(lambda u, a=a: math.log(1 / a if u < a else 1 / (1 - a)), 0, 1, points=[a])[0]
        halves, bits = -0.5 * (math.log(a) + math.log(1 - a)), wanted / math.log(2)
        slips = {
            "the sign is wrong: slopes of 1/a and 1/(1 - a) are above 1, so distances grow.": -wanted,
            "yours is log 2, which is right for a = ½ alone.": math.log(2),
            "you gave both branches the same weight; an orbit is on the left one the share a of the time.": halves,
            "average the natural logarithm of the slope; yours is in bits.": bits,
        }
        found = returned(answer, a, like=wanted, what="the exponent")
        if close(found, wanted):
            continue
        for reason, value in slips.items():
            if close(found, value):
                raise Wrong(f"for a = {a:g} {reason}")
        raise Wrong(
            f"for a = {a:g} yours is {found.item():.4g}, not {wanted:.4g}: log(slope) of each branch, weighted by the time spent there."
        )


def cubic_walk(x: float) -> float:
    """The Chebyshev map of degree 3 on [-1, 1]: its exponent is log 3."""
    return 4 * x**3 - 3 * x


@exercise("14.3", "two_orbit_exponent")
def two_orbits(answer) -> None:
    """Against maps of known exponents, one of them contracting, at a length at which finite separations saturate."""
    maps = {"the logistic map at r = 4": (lambda x: 4 * x * (1 - x), 0.3123, math.log(2), 0.04),
            "x → 4x³ - 3x": (cubic_walk, 0.2345, math.log(3), 0.06),
            "x → cos(x) / 2": (lambda x: math.cos(x) / 2, 0.1, math.log(0.5 * math.sin(0.45018361)), 0.02)}  # fmt: skip
    for name, (step, x0, wanted, room) in maps.items():
        seen: list[float] = []

        def watched(x: float, step=step, seen=seen) -> float:
            seen.append(x)
            return step(x)

        try:
            found = returned(answer, watched, x0, 4000, like=wanted, what="the exponent").item()
        except ValueError as error:  # log 0: two orbits that have met
            if len(seen) >= 8000 and wanted < 0:
                raise StillThere("Where neighbours come together, their distance reaches 0 and the logarithm fails.") from error
            raise
        if abs(found - wanted) < room:
            continue
        if wanted > 0 and abs(found) < 0.02:
            raise StillThere(f"After 4,000 steps of {name} it gives {found:.3f}.")
        if wanted > 0 and found > 2 and abs(found / 4000 - wanted) < room:
            raise Wrong("you added the growth of all steps and forgot to divide by their number.")
        if wanted < 0 < found:
            raise Wrong(f"{name} draws neighbours together, so its exponent is negative; yours is {found:.3f}.")
        raise Wrong(
            f"for {name} it should be {wanted:.3f}, but yours is {found:.3f}. Bring the second orbit back to a distance of delta after every step."
        )


@exercise("14.4", "tent_noise")
def noise(answer) -> None:
    """An orbit of the tent map that stays finite, is normal, and starts where it was told to."""
    for u0 in (0.3, 0.71828):
        value = returned(lambda result: result, answer(3000, u0), like=torch.zeros(3000), what="the noise")
        if value.isinf().any() or (value.abs() > 8).any():
            at = int((value.isinf() | (value.abs() > 8)).nonzero()[0])
            raise StillThere(f"From value {at} on it is not finite.")
        again = returned(lambda result: result, answer(3000, u0), like=torch.zeros(3000), what="the noise")
        if not torch.equal(value, again):
            raise Wrong(
                "asked twice with the same u0 it gives two different answers: no random numbers, the orbit must be deterministic."
            )
        u = torch.special.ndtr(value)
        miss = (u[1:] - (1 - (1 - 2 * u[:-1]).abs())).abs()
        if value.std() < 0.2 or len(torch.unique(value[-500:])) < 100:
            raise Wrong("it is finite, but the orbit has stopped, or runs in a short circle.")
        if miss.median() > 0.02:
            raise Wrong(
                "the values no longer follow from each other by the tent map; random numbers would be easier to have, and are not the task."
            )
        if miss.max() > 1e-3:
            raise Wrong(f"one step misses the tent map by {miss.max():.2g} in u, more than a thousandth.")
        if abs(u[0] - u0) > 1e-3:
            raise Wrong(f"the first value should be Φ⁻¹(u0): from u0 = {u0} yours begins at u = {u[0]:.3g}.")
        if abs(value.mean()) > 0.2 or abs(value.std() - 1) > 0.15:
            raise Wrong(
                f"its mean is {value.mean():.2f} and its standard deviation {value.std():.2f}; they should be near 0 and 1."
            )


@exercise("14.5", "kaplan_yorke")
def dimension(answer) -> None:
    """Against interpolation of the running sums."""
    spectra = ((0.419, -1.623), (-14.572, 0.906, 0.0), (0.2, 0.1, -0.1, -0.5), (-0.1, -0.2), (0.3, 0.1), (0.5,))
    for spectrum in spectra:
        ordered = sorted(spectrum, reverse=True)
        sums = np.concatenate([[0.0], np.cumsum(ordered)])
        below = np.flatnonzero(sums < -1e-12)
        wanted = float(len(ordered)) if not len(below) else below[0] - 1 + sums[below[0] - 1] / -ordered[below[0] - 1]
        found = returned(answer, torch.tensor(spectrum, dtype=torch.float64), like=wanted, what="the dimension").item()
        if abs(found - wanted) < 1e-6:
            continue
        told = f"for the spectrum {spectrum} "
        in_order = returned(answer, torch.tensor(ordered, dtype=torch.float64), like=wanted, what="the dimension").item()
        if abs(in_order - wanted) < 1e-6:
            raise Wrong(told + "you seem to count on their order; sort them first, largest first.")
        if wanted == 0:
            raise Wrong(told + "every volume shrinks, lines too: the attractor is a point, of dimension 0.")
        if wanted == len(spectrum):
            raise Wrong(told + "nothing shrinks: the dimension is that of the whole space.")
        if abs(found - int(wanted)) < 1e-6:
            raise Wrong(told + "you return k alone; add the share of the next direction.")
        raise Wrong(told + f"it is {wanted:.4f}, but yours is {found:.4f}.")
