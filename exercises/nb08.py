"""The checks of notebook 08's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import math

import numpy as np
import torch

from exercises import StillThere, Wrong, close, exercise, returned
from helpers import latent


@exercise("08.1", "length_on_line")
def length(answer) -> None:
    """Against two vectors that have those lengths and that angle."""
    for r_a, r_b, omega, t in ((1.0, 1.0, math.pi / 2, 0.5), (2.0, 3.0, 1.1, 0.3), (4.0, 0.5, 2.5, 0.8)):
        a = torch.tensor([r_a, 0.0], dtype=torch.float64)
        b = r_b * torch.tensor([math.cos(omega), math.sin(omega)], dtype=torch.float64)
        wanted = ((1 - t) * a + t * b).norm()
        found = returned(answer, r_a, r_b, omega, t, like=wanted, what="the length")
        if close(found, wanted):
            continue
        told = f"for lengths {r_a:g} and {r_b:g}, an angle of {omega:.3g} and t = {t:g} "
        if close(found, wanted.square()):
            raise Wrong(told + "you return the square of the length; take its root.")
        if close(found, (1 - t) * r_a + t * r_b):
            raise Wrong(told + "you mix the two lengths. That is slerp's length; a straight line cuts the corner.")
        if close(found.square(), (1 - t) ** 2 * r_a**2 + t**2 * r_b**2):
            raise Wrong(told + "the mixed term 2 t (1 - t) r_a r_b cos ω is missing: that is right for right angles only.")
        if close(found.square(), (1 - t) ** 2 * r_a**2 + t**2 * r_b**2 + t * (1 - t) * r_a * r_b * math.cos(omega)):
            raise Wrong(told + "the mixed term stands there once; a square of a sum has it twice.")
        raise Wrong(
            told + f"yours is {found.item():.4g}, not {wanted.item():.4g}. Square (1 - t) a + t b, and use a · b = r_a r_b cos ω."
        )


@exercise("08.2", "even_times")
def even(answer) -> None:
    """Against NumPy's interpolation of the inverse of the way, on steps that are very uneven."""
    generator = torch.Generator().manual_seed(8)
    for T, n in ((6, 5), (11, 11), (4, 30)):
        t = torch.cat([torch.zeros(1), torch.rand(T - 1, generator=generator).cumsum(0)]).double()
        moved = torch.rand(T - 1, generator=generator).double() ** 3 + 0.01
        way = np.concatenate([[0], moved.cumsum(0).numpy()])
        wanted = torch.from_numpy(np.interp(np.linspace(0, way[-1], n), way, t.numpy()))
        found = returned(answer, t, moved, n, like=wanted, what="the row of times")
        if close(found, wanted):
            continue
        if close(found, torch.linspace(0, t[-1].item(), n).double()):
            raise Wrong("these times are evenly spaced; the picture then moves as unevenly as before.")
        if close(found, torch.linspace(0, way[-1], n).double()):
            raise Wrong("these are evenly spaced amounts of *way*; now look up at which time each of them is reached.")
        if not (close(found[0], t[0]) and close(found[-1], t[-1])):
            raise Wrong(
                f"the first and the last time must stay where they were, at {t[0]:g} and {t[-1]:.4g}; yours are {found[0]:.4g} and {found[-1]:.4g}."
            )
        if close(found, torch.from_numpy(np.interp(np.linspace(0, t[-1], n), t.numpy(), way)) * t[-1] / way[-1]):
            raise Wrong("you looked up the way at even times; it is the other way round: the times at even ways.")
        raise Wrong(
            "the picture does not move evenly between these times. Add up the way, divide it evenly, and interpolate t over the way."
        )


def weighted(a: torch.Tensor, b: torch.Tensor, t: float) -> torch.Tensor:
    """Return the weights of slerp applied to a and b (Z,) themselves, whatever their lengths: a slip."""
    omega = latent.angle(a, b)
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


@exercise("08.3", "short_slerp")
def arc(answer) -> None:
    """Against the helper, on pairs of different lengths; the ends must come back."""
    a, b = torch.randn(2, 20, 12, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    a, b = 3 * a, 2 * b
    for t in (0.0, 0.25, 0.5, 1.0):
        for one, other in zip(a, b, strict=True):
            wanted = latent.slerp(one, other, t)
            found = returned(answer, one, other, t, like=wanted, what="the point")
            if close(found, wanted):
                continue
            if abs(found.norm().item() - 1) < 1e-3:
                raise StillThere("Every point has length 1, the ends too.")
            if t in (0.0, 1.0):
                raise Wrong(
                    f"at t = {t:g} it must be the end itself, of length {wanted.norm():.3g}; yours has length {found.norm():.3g}."
                )
            if close(found / found.norm(), wanted / wanted.norm()):
                raise Wrong(
                    f"the direction is right, but at t = {t:g} the length is {found.norm():.4g} where (1 - t) |a| + t |b| = {wanted.norm():.4g}."
                )
            if close(found, weighted(one, other, t)):
                raise Wrong(
                    "the weights belong to the *directions*: given to a and b as they are, the longer one pulls the turn to its side."
                )
            if close(found, latent.lerp(one, other, t)):
                raise Wrong("that is the straight line; the direction has to turn evenly.")
            raise Wrong(
                f"at t = {t:g} the direction is wrong. The angle belongs to the directions; take it before you restore the lengths."
            )


@exercise("08.4", "fade_bytes")
def fade(answer) -> None:
    """Against float arithmetic, to half a grey level; every pair of grey levels occurs."""
    levels = torch.arange(256, dtype=torch.uint8)
    a, b = levels.repeat(3, 256, 1), levels[:, None].repeat(3, 1, 256)
    kept = a.clone(), b.clone()
    for t in (0.0, 0.3, 0.5, 1.0):
        exact = (1 - t) * a.double() + t * b.double()
        value = answer(a, b, t)
        found = returned(lambda result: result, value, like=exact, what="the picture")
        off = (found - exact).abs()
        if off.max() > 1.01:
            if off[b >= a].max() < 1.01:
                raise StillThere("Where the second picture is darker than the first, pixels flash.")
            raise Wrong(f"at t = {t:g} some pixel is {off.max():.0f} grey levels from (1 - t) a + t b.")
        if not isinstance(value, torch.Tensor) or value.dtype != torch.uint8:
            raise Wrong("the colours are right, but uint8 is what goes in and what should come out.")
        if off.max() > 0.51:
            raise Wrong("you cut the fraction off, which darkens every picture on the way by half a level; round first.")
    if not (torch.equal(a, kept[0]) and torch.equal(b, kept[1])):
        raise Wrong("you changed the pictures that you were given; work on a copy.")
